package parse

import (
	"strings"
	"testing"
)

// Each part of a line is shown with who took it, and each value with where it stands.
func TestExplain(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		var out strings.Builder
		if err := Lines(strings.NewReader(line+"\n"), &out, Options{Received: readAt, Explain: true}); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w+"\n") {
				t.Errorf("without %q:\n%s", w, out.String())
			}
		}
	}
	f("Nov 23 17:54:31 vm sudo: averez : USER=root ; COMMAND=/bin/sudo", "1: Nov 23 17:54:31 vm sudo: averez : USER=root ; COMMAND=/bin/sudo",
		"       0-25  header", "      25-63  sudo", "      25-31    user.name: averez", "      54-63    process.command_line: /bin/sudo",
		"               event.outcome: success", "      19-23    process.name: sudo")
	f("Nov 23 17:54:31 vm x[1]: what\x1b[31m", "      25-34  nobody", `1: Nov 23 17:54:31 vm x[1]: what\u001b[31m`)
	f("", "1: ", "        0-0  nobody")
}
