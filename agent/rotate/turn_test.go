package rotate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"belfry/shared/conf"
)

func TestRotation(t *testing.T) {
	g := newRig(t, Config{Size: 1000, Keep: 2}, generations(1))
	defer g.close()
	g.write("app.log", 1, 5)
	g.once()
	g.want("app.log=1") // too small
	for gen := 1; gen <= 4; gen++ {
		g.write("app.log", gen, 100)
		g.once()
	}
	// Of the two that are over keep, the index has one.
	g.want("app.log= app.log.1.gz=4 app.log.2.gz=3 app.log.3.gz=2")
	if got := g.notes(); got != "app.log.3.gz: kept: not indexed yet" {
		t.Errorf("notes %q", got)
	}
	f := func(name string, want float64) {
		t.Helper()
		if got := g.metric(name); got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	f("rotations_total", 4)
	f("errors_total", 0)
	f("kept_files", 1)
	f("faulty_files", 0)
	f("deleted_files_total", 1)
	f("compressed_files_total", 4)
	if g.metric("deleted_bytes_total") == 0 || g.metric("compressed_bytes_total") < 4000 {
		t.Error("bytes are not counted")
	}
	g.r.index = generations(2)
	g.once()
	g.want("app.log= app.log.1.gz=4 app.log.2.gz=3")
	f("kept_files", 0)
	if s := g.r.Status()[0]; s.Rotated != 2 || s.Kept != 0 || s.Last == nil || len(s.Notes) > 0 || s.Config != "rotate[0]" {
		t.Errorf("%+v", s)
	}
}

// The archive is like the plain file, and so is the new live one.
func TestKeepsModeOwnerAndTime(t *testing.T) {
	g := newRig(t, Config{}, nil)
	defer g.close()
	g.write("app.log", 1, 100)
	then := time.Unix(1_700_000_000, 123_456_789)
	if err := errors.Join(os.Chmod(g.path("app.log"), 0o604), os.Chtimes(g.path("app.log"), then, then)); err != nil {
		t.Fatal(err)
	}
	owner := uint32(os.Getuid())
	if owner == 0 {
		owner = 12345
		if err := os.Chown(g.path("app.log"), 12345, 54321); err != nil {
			t.Fatal(err)
		}
	}
	g.once()
	g.want("app.log= app.log.1.gz=1")
	for _, name := range []string{"app.log", "app.log.1.gz"} {
		st, err := statAt(unix.AT_FDCWD, g.path(name))
		if err != nil || st.perm() != 0o604 || st.uid != owner || name != "app.log" && !st.mtime.Equal(then) {
			t.Errorf("%s: %+v, %v", name, st, err)
		}
	}
}

func TestCreate(t *testing.T) {
	g := newRig(t, Config{Create: &Create{Mode: 0o600}, Keep: 1}, nil)
	defer g.close()
	g.write("app.log", 1, 100)
	g.once()
	if st, err := os.Stat(g.path("app.log")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	g.r.cfgs[0].Create = &Create{Owner: "nobody-has-this-name"}
	g.write("app.log", 2, 100)
	g.once()
	g.want("app.log=2 app.log.1.gz=1")
	if got := g.fault(); !strings.Contains(got, `there is no user "nobody-has-this-name"`) {
		t.Errorf("fault %q", got)
	}
}

func TestAge(t *testing.T) {
	g := newRig(t, Config{Age: conf.Duration(time.Hour), MinSize: 100}, nil)
	defer g.close()
	g.write("app.log", 1, 1)
	now := time.Now()
	at := func(d time.Duration) { g.r.now = func() time.Time { return now.Add(d) } }
	at(2 * time.Hour)
	g.once()
	g.want("app.log=1") // too small
	g.write("app.log", 1, 100)
	at(50 * time.Minute)
	g.once()
	g.want("app.log=1")
	at(61 * time.Minute)
	g.once()
	g.want("app.log= app.log.1.gz=1")
}

func TestKeepFor(t *testing.T) {
	g := newRig(t, Config{KeepFor: conf.Duration(time.Hour)}, generations(2))
	defer g.close()
	g.write("app.log.1.gz", 3, 9)
	g.write("app.log.2.gz", 2, 9)
	g.write("app.log.3.gz", 1, 9)
	old := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{"app.log.1.gz", "app.log.3.gz"} {
		if err := os.Chtimes(g.path(name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	g.once() // the live file is not even there
	g.want("app.log.1.gz=3 app.log.2.gz=2")
	if g.metric("kept_files") != 1 || !strings.Contains(g.notes(), "app.log.1.gz: kept: not indexed yet") {
		t.Error(g.notes())
	}
}

func TestDelayAndPlain(t *testing.T) {
	g := newRig(t, Config{DelayCompress: true}, nil)
	defer g.close()
	for gen := 1; gen <= 3; gen++ {
		g.write("app.log", gen, 100)
		g.once()
	}
	g.want("app.log= app.log.1=3 app.log.2.gz=2 app.log.3.gz=1")
	no := false
	g = newRig(t, Config{Compress: &no, DateExt: true}, nil)
	defer g.close()
	g.r.now = func() time.Time { return time.Date(2026, 11, 28, 10, 15, 30, 0, time.UTC) }
	g.write("app.log", 1, 9)
	g.once()
	g.want("app.log= app.log-20261128-101530=1")
	g.write("app.log", 2, 9)
	g.once() // in the same second there is no other name
	g.want("app.log=2 app.log-20261128-101530=1")
	if g.fault() != "" {
		t.Error(g.fault())
	}
}

// Neither what is hidden, nor what is rotated already, nor a folder is taken for a live file.
func TestGlobTakesNoRotated(t *testing.T) {
	g := &rig{t: t, dir: t.TempDir()}
	g.open(Config{Paths: []string{filepath.Join(g.dir, "logs", "*")}}, nil)
	defer g.close()
	for _, name := range []string{"a", "a.1", "b-20260101", ".hidden"} {
		g.write(name, 1, 9)
	}
	if err := os.Mkdir(g.path("folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	g.r.turn(context.Background())
	if got := names(t, g.logs); got != ".hidden a a.1 a.2 b-20260101 folder" {
		t.Error(got)
	}
}

// Some files must not be touched. It is told once, counted, and nothing is changed.
func TestRefused(t *testing.T) {
	f := func(want string, spoil func(g *rig) error) {
		t.Helper()
		g := newRig(t, Config{}, nil)
		defer g.close()
		g.write("app.log", 1, 100)
		if err := spoil(g); err != nil {
			t.Fatal(err)
		}
		before := names(t, g.logs)
		for range 3 {
			g.r.turn(context.Background())
			g.r.families[g.path("app.log")].retry = time.Time{}
		}
		if got := g.fault(); !strings.Contains(got, want) {
			t.Errorf("fault %q, want %q", got, want)
		}
		if after := names(t, g.logs); after != before {
			t.Errorf("%s: %s became %s", want, before, after)
		}
		if n := strings.Count(g.said.String(), "file is not rotated"); n != 1 || g.metric("errors_total") != 1 || g.metric("faulty_files") != 1 {
			t.Errorf("%s: told %d times: %s", want, n, g.said.String())
		}
	}
	f("is a link", func(g *rig) error {
		return errors.Join(os.Rename(g.path("app.log"), g.path("real")), os.Symlink("real", g.path("app.log")))
	})
	f("has 2 names", func(g *rig) error { return os.Link(g.path("app.log"), g.path("other")) })
	f("may be written by all users", func(g *rig) error { return os.Chmod(g.logs, 0o777) })
	f("logrotate owns it (/etc/logrotate.d/app:1)", func(g *rig) error {
		dir := filepath.Join(g.dir, "root/etc/logrotate.d")
		return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "app"), []byte(g.logs+"/*.log {\n}\n"), 0o644))
	})
	f("not of this agent's making", func(g *rig) error { return os.WriteFile(g.path(".app.log.new.tmp"), []byte("x"), 0o600) })
	if os.Getuid() != 0 {
		return
	}
	f("may be written by the group 4321", func(g *rig) error {
		return errors.Join(os.Chown(g.logs, 0, 4321), os.Chmod(g.logs, 0o775))
	})
	f("belongs to the user 4321, the file to the user 0", func(g *rig) error { return os.Chown(g.logs, 4321, 0) })
}

// A sticky directory is safe: others cannot rename in it.
func TestSticky(t *testing.T) {
	g := newRig(t, Config{}, nil)
	defer g.close()
	g.write("app.log", 1, 100)
	if err := os.Chmod(g.logs, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	g.once()
	g.want("app.log= app.log.1.gz=1")
}

// Somebody else renames what a step is about. The rest is left alone, and what was told before is all that is told.
func TestForeignRename(t *testing.T) {
	f := func(at string, do func(g *rig) error, told int, want string) {
		t.Helper()
		g := newRig(t, Config{Postrotate: []string{"/bin/sh", "-c", "echo told >>DIR/told"}}, nil)
		defer g.close()
		g.write("app.log", 3, 9)
		g.write("app.log.1", 2, 9)
		g.r.journal.hook = func(now string) {
			if now == at {
				g.r.journal.hook = func(string) {}
				if err := do(g); err != nil {
					t.Error(err)
				}
			}
		}
		g.r.turn(context.Background())
		g.want(want)
		said, _ := os.ReadFile(filepath.Join(g.dir, "told"))
		if n := strings.Count(string(said), "told"); n != told {
			t.Errorf("%s: told %d times, want %d", at, n, told)
		}
		if !strings.Contains(g.fault(), "somebody else has changed it") || len(g.r.journal.open) > 0 {
			t.Errorf("%s: fault %q, %d jobs open", at, g.fault(), len(g.r.journal.open))
		}
	}
	moved := func(from, to string) func(*rig) error {
		return func(g *rig) error { return os.Rename(g.path(from), g.path(to)) }
	}
	f("before shift", moved("app.log.1", "old"), 0, "app.log=3 old=2")
	f("before shift", func(g *rig) error { g.write("app.log.2", 9, 9); return nil }, 0, "app.log=3 app.log.1=2 app.log.2=9")
	f("before rename", moved("app.log", "mine"), 1, "app.log.2=2 mine=3")
	f("before rename", func(g *rig) error { g.write("app.log.1", 9, 9); return nil }, 0, "app.log=3 app.log.1=9 app.log.2=2")
	f("before create", func(g *rig) error { return os.Remove(g.path(".app.log.new.tmp")) }, 1, "app.log.1=3 app.log.2=2")
}

// The writer may make its new file by itself, at any time.
func TestWriterIsFaster(t *testing.T) {
	g := newRig(t, Config{}, nil)
	defer g.close()
	g.write("app.log", 1, 9)
	g.r.journal.hook = func(now string) {
		if now == "before create" {
			g.write("app.log", 2, 9)
		}
	}
	g.r.turn(context.Background())
	g.want("app.log=2 app.log.1=1")
	if g.fault() != "" {
		t.Error(g.fault())
	}
}

// A writer that could not be told is told again, three times in all; then the rotation is over, and says so.
func TestTellingFails(t *testing.T) {
	g := newRig(t, Config{Postrotate: []string{"/bin/sh", "-c", "echo told >>DIR/told; echo no such luck; exit 3"}}, nil)
	defer g.close()
	g.write("app.log", 1, 9)
	now := time.Now()
	for i := range 6 {
		g.r.now = func() time.Time { return now.Add(time.Duration(i) * 2 * retryLate) }
		g.r.turn(context.Background())
	}
	said, _ := os.ReadFile(filepath.Join(g.dir, "told"))
	if n := strings.Count(string(said), "told"); n != maxTries || !strings.Contains(g.fault(), "no such luck") || len(g.r.journal.open) > 0 {
		t.Errorf("told %d times, fault %q", n, g.fault())
	}
	g.want("app.log= app.log.1=1")
}

// Two files of one writer are one notice.
func TestOneNotice(t *testing.T) {
	g := newRig(t, Config{Postrotate: []string{"/bin/sh", "-c", "echo told >>DIR/told; ls DIR/logs >DIR/saw"}}, nil)
	defer g.close()
	g.write("a.log", 1, 9)
	g.write("b.log", 1, 9)
	g.once()
	said, _ := os.ReadFile(filepath.Join(g.dir, "told"))
	saw, _ := os.ReadFile(filepath.Join(g.dir, "saw"))
	if string(said) != "told\n" || string(saw) != "a.log\na.log.1\nb.log\nb.log.1\n" {
		t.Errorf("%q, %q", said, saw)
	}
}

func TestCommandLimit(t *testing.T) {
	err := runCommand(context.Background(), []string{"/bin/sh", "-c", "sleep 100 & sleep 100"}, time.Millisecond)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := runCommand(context.Background(), []string{"/nowhere/program"}, time.Minute); !errors.Is(err, syscall.ENOENT) {
		t.Error(err)
	}
}
