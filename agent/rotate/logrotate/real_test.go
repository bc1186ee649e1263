package logrotate

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What the real logrotate would look at is owned.
func TestAgainstLogrotate(t *testing.T) {
	if _, err := exec.LookPath("logrotate"); err != nil {
		t.Skip("logrotate is not installed")
	}
	logs := t.TempDir()
	files := []string{"a.log", "b.log", "c d.log", "e", "f.1", "sub/g.log", ".h.log", "i{j}.log", "k.log", "lx", "mx", "n"}
	for _, f := range files {
		write(t, filepath.Join(logs, f), "x\n")
	}
	f := func(text string) {
		t.Helper()
		text = strings.ReplaceAll(text, "LOGS", logs)
		root := tree(t, "etc/logrotate.conf", text)
		out, _ := exec.Command("logrotate", "-d", "-s", filepath.Join(root, "state"), filepath.Join(root, "etc/logrotate.conf")).CombinedOutput()
		o := Open(root)
		considered := 0
		for _, name := range files {
			path := filepath.Join(logs, name)
			real := strings.Contains(string(out), "considering log "+path+"\n")
			by, owned := o.Owned(path)
			if real {
				considered++
			}
			if real && !owned {
				t.Errorf("%q: logrotate rotates %s, which is not owned\n%s", text, name, out)
			}
			if owned && !real {
				t.Errorf("%q: %s is owned (%s), logrotate does not rotate it\n%s", text, name, by, out)
			}
		}
		if considered == 0 {
			t.Errorf("%q: logrotate rotates nothing\n%s", text, out)
		}
	}
	f("LOGS/a.log {\n daily\n}\n")
	f("daily\nLOGS/*.log {\n missingok\n}\n")
	f("LOGS/a.log\nLOGS/b.log\n{\n}\n")
	f("LOGS/a.log \"LOGS/c d.log\" LOGS/*/g.log {\n rotate 3\n}\nLOGS/e {\n}\n")
	f("LOGS/[!l]x {\n}\n")
	f("LOGS/?x {\n}\n")
	f("# LOGS/b.log {\nLOGS/a.log { # comment\n daily\n}\n")
	f("LOGS/a.log {\n postrotate\n  LOGS/b.log {\n  }\n endscript\n}\nLOGS/e {\n}\n")
	f("LOGS/a.log\n# LOGS/b.log\nLOGS/e {\n}\n")
	f("LOGS/a.log {\n daily\n}\n\n\n   LOGS/n   {\n}\n")
	f("compress\nsize=10k\nLOGS/k.log {\n size = 5M\n create 0640 root root\n}\n")
}
