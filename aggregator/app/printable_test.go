package app

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What others have named acts on no terminal, in JSON neither, and means there what it meant.
func TestJSONActsOnNoTerminal(t *testing.T) {
	const name = "a\u009b31m\u007f\u202eb"
	lines := map[string]string{
		"/v1/top":    `{"values":[{"value":"NAME","count":1}],"events":1}`,
		"/v1/count":  `{"seconds":1,"buckets":[{"at":"2026-11-23T14:00:00Z","value":"NAME","count":1}]}`,
		"/v1/hosts":  `{"hosts":[{"name":"NAME"}]}`,
		"/v1/gaps":   `{"gaps":[{"path":"NAME"}]}`,
		"/v1/audit":  `{"type":"file","path":"NAME"}` + "\n" + `{"type":"total"}`,
		"/v1/dead":   `{"reason":"NAME"}`,
		"/v1/dead/0": `{"reason":"NAME"}`,
		"/v1/status": `{"ready":"NAME","index":{"trouble":"NAME"}}`,
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.ReplaceAll(lines[r.URL.Path], "NAME", name)+"\n")
	}))
	defer s.Close()
	for _, args := range [][]string{
		{"search", "--count-by", "user.name", "--format", "json"}, {"search", "--over", "1s", "--count-by", "user.name", "--format", "json"},
		{"hosts", "--json"}, {"gaps", "--json"}, {"audit", "--json"}, {"dead", "--json"}, {"dead", "show", "0", "--json"},
		{"status", "--json"}, {"index", "stats", "--json"},
	} {
		var out bytes.Buffer
		c := &CLI{Out: &out, way: &road{client: s.Client(), base: s.URL, name: "it"}}
		if err := runCLI(t, c, args...); ExitCode(err) == exitFailure {
			t.Errorf("%q: %v", args, err)
		}
		text := out.String()
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && acts(r) }); i >= 0 {
			t.Errorf("%q prints what acts: %q", args, text[i:])
		}
		var meant any
		if err := json.NewDecoder(&out).Decode(&meant); err != nil || !strings.Contains(deepText(meant), name) {
			t.Errorf("%q: %v, %q does not name it", args, err, text)
		}
	}
}

// deepText is all texts in a value of JSON.
func deepText(v any) (text string) {
	switch v := v.(type) {
	case string:
		return v + "\n"
	case []any:
		for _, x := range v {
			text += deepText(x)
		}
	case map[string]any:
		for _, x := range v {
			text += deepText(x)
		}
	}
	return text
}
