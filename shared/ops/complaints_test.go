package ops

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestComplaints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c := &complaints{log: slog.New(slog.NewTextHandler(&out, nil)), every: complainEvery}
		say := func(text string) { fmt.Fprintln(c, text) }
		say("http: TLS handshake error from 192.0.2.1:5: EOF")
		say("http: panic")
		for range 3 {
			say("http: TLS handshake error from [2001:db8::1]:5: tls: unknown certificate authority")
		}
		time.Sleep(complainEvery)
		say("http: TLS handshake error from 192.0.2.1:6: tls: expired")
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], `peer=[2001:db8::1]:5 others=0 err="tls: unknown`) ||
			!strings.Contains(lines[1], "peer=192.0.2.1:6 others=2") {
			t.Errorf("%q", lines)
		}
	})
}
