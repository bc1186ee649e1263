package file

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRotatedFrom(t *testing.T) {
	t.Parallel()
	f := func(path, live string, rotated bool) {
		t.Helper()
		if got, ok := rotatedFrom(path); got != live || ok != rotated {
			t.Errorf("rotatedFrom(%q) = %q, %v; want %q, %v", path, got, ok, live, rotated)
		}
	}
	f("/l/auth.log", "/l/auth.log", false)
	f("/l/syslog", "/l/syslog", false)
	f("/l/app-12.log", "/l/app-12.log", false)
	f("/l/node-7", "/l/node-7", false)
	f("/l/.1", "/l/.1", false)
	f("/l/~", "/l/~", false)
	f("/l/.bak", "/l/.bak", false)
	f("/l.1/auth.log", "/l.1/auth.log", false)

	f("/l/auth.log.1", "/l/auth.log", true)
	f("/l/auth.log.12.gz", "/l/auth.log", true)
	f("/l/@400000005f1e2d3c0a1b2c3d.s", "/l/current", true)
	f("/l/@400000005f1e2d3c0a1b2c3d.u.gz", "/l/current", true)
	f("/l/@4000.s", "/l/@4000.s", false)
	f("/l/@400000005f1e2d3cz.s", "/l/@400000005f1e2d3cz.s", false)
	f("/l/auth.log.gz", "/l/auth.log", true)
	f("/l/auth.log.1.zst", "/l/auth.log", true)
	f("/l/auth.log.1.xz", "/l/auth.log", true) // not read, but known for what it is
	f("/l/auth.log.20261123", "/l/auth.log", true)
	f("/l/auth.log.2026-11-23", "/l/auth.log", true)
	f("/l/auth.log.20261123.1", "/l/auth.log", true)

	f("/l/auth.log-20261123", "/l/auth.log", true)
	f("/l/auth.log-20261123.gz", "/l/auth.log", true)
	f("/l/auth.log-2026-11-23", "/l/auth.log", true)
	f("/l/auth.log-2026-11-23_10:00", "/l/auth.log", true)
	f("/l/auth.log-20261123-1795862726", "/l/auth.log", true)
	f("/l/auth.log-1795862726", "/l/auth.log", true)
	f("/l/my-app.log-20261123", "/l/my-app.log", true)
	f("/l/my-app.log-2026-11-23", "/l/my-app.log", true)
	f("/l/my-app.log-20261123-10.gz", "/l/my-app.log", true)
	f("/l/my-app-2.log-2026-11-23T10:00", "/l/my-app-2.log", true)
	f("/l/my-app.log-1795862726", "/l/my-app.log", true)
	f("/l/my-app.log-261123", "/l/my-app.log-261123", false)

	for _, s := range []string{"~", ".bak", ".orig", ".old", ".save", ".copy"} {
		f("/l/auth.log"+s, "/l/auth.log", true)
		f("/l/auth.log"+s+".gz", "/l/auth.log", true)
	}
	f("/l/auth.log.old.log", "/l/auth.log.old.log", false)
}

func TestIsBackup(t *testing.T) {
	t.Parallel()
	f := func(path string, want bool) {
		t.Helper()
		if got := isBackup(path); got != want {
			t.Errorf("isBackup(%q) = %v", path, got)
		}
	}
	f("/l/auth.log~", true)
	f("/l/auth.log.bak", true)
	f("/l/auth.log.save", true)
	f("/l/auth.log", false)
	f("/l/auth.log.1", false)
	f("/l/auth.log.bak.gz", false)
	f("/l.bak/auth.log", false)
}

func TestBeforeEnding(t *testing.T) {
	t.Parallel()
	f := func(path, live string, rotated bool) {
		t.Helper()
		if got, ok := beforeEnding(path); ok != rotated || ok && got != live {
			t.Errorf("beforeEnding(%q) = %q, %v; want %q, %v", path, got, ok, live, rotated)
		}
	}
	f("/l/app-20261123.log", "/l/app.log", true)
	f("/l/app-20261123.log.gz", "/l/app.log", true)
	f("/l/app-2026-11-23.log", "/l/app.log", true)
	f("/l/my-app-2026-11-23.log", "/l/my-app.log", true)
	f("/l/catalina.2026-11-23.log", "/l/catalina.log", true)
	f("/l/app.1.log", "/l/app.log", true)
	f("/l/app.1.log.gz", "/l/app.log", true)
	f("/l/app.log", "", false)
	f("/l/app", "", false)
	f("/l/.hidden", "", false)
	f("/l/app.log.1", "", false)
	f("/l/app-12.log", "", false)
}

// A name that is no UTF-8 outlives a restart.
func TestNameThatIsNoText(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	log = filepath.Join(filepath.Dir(log), "app\xff.log")
	cfg.Paths = []string{filepath.Join(filepath.Dir(log), "*.log")}
	r := newReceiver(t)
	write(t, log, text(numbered(0, 1000)))
	stop := r.start(state, cfg)
	r.want(numbered(0, 1000)...)
	stop()
	must(t, os.Remove(log))
	write(t, log+".1.gz", string(gzipped(t, text(numbered(0, 1000)))))
	write(t, log, text(numbered(1000, 1010)))
	defer r.start(state, cfg)()
	r.stays(numbered(0, 1010)...)
}
