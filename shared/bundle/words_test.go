package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// Of the log, the status and errors the daemon's own words stay, and nothing that others wrote.
func TestOwnWords(t *testing.T) {
	const hush = `hush "a\b" it's`
	var log bytes.Buffer
	out := slog.New(slog.NewTextHandler(&log, nil))
	out.Info("alert", "rule", "su by sudo", "summary", hush, "host", "web01")
	out.Info("search", "who", "alice", "query", "user.name:hush", "found", 3)
	out.Warn("file is not rotated", "path", "/var/log/x", "err", fmt.Errorf("postrotate /usr/bin/x: %w: %q", errors.New("exit status 1"), hush))
	out.Warn("the servers refuse a document", "err", errors.New("failed to parse field [a.b]. Preview of field's value: 'hush'"))
	status, err := json.Marshal(map[string]string{"fault": fmt.Sprintf("cursor %q: damaged", hush), "road": "ok"})
	if err != nil {
		t.Fatal(err)
	}
	got := string(ownWords(append(log.Bytes(), status...)))
	if strings.Contains(got, "hush") || strings.Contains(got, "it's") {
		t.Errorf("what others wrote is in\n%s", got)
	}
	for _, want := range []string{`rule="su by sudo" summary=[removed] host=web01`, "who=alice query=[removed] found=3",
		`path=/var/log/x err="postrotate /usr/bin/x: exit status 1: \"[removed]\""`, "[a.b]. Preview of field's value: '[removed]'",
		`{"fault":"cursor \"[removed]\": damaged","road":"ok"}`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if got := Unquoted(`a.yml:3: "hush \" x" is not "hush"`); got != `a.yml:3: "[removed]" is not "[removed]"` {
		t.Error(got)
	}
}
