package rotate

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"belfry/shared/conf"
)

// crashConfigs are the shapes of a rotation that is killed.
func crashConfigs(dir string) map[string]Config {
	tell := []string{"/bin/sh", "-c", "echo told >>" + dir + "/told"}
	paths := []string{filepath.Join(dir, "logs", "*.log")}
	return map[string]Config{
		"numbers": {Paths: paths, Size: 1, Keep: 2, Postrotate: tell, Wait: conf.Duration(1)},
		"delay":   {Paths: paths, Size: 1, Keep: 2, Postrotate: tell, DelayCompress: true, Wait: conf.Duration(1)},
		"dates":   {Paths: paths, Size: 1, Keep: 2, Postrotate: tell, DateExt: true, Wait: conf.Duration(1)},
		"live":    {Paths: paths, Size: 500, Signal: &Signal{PIDFile: filepath.Join(dir, "pid")}},
		"bare":    {Paths: paths, Size: 1, Keep: 2, NoCreate: true, Wait: conf.Duration(1)},
	}
}

// crashRig has a live file of generation 5, and four rotated ones of which the index has the two oldest.
func crashRig(t *testing.T) *rig {
	t.Helper()
	g := rig{t: t, dir: t.TempDir()}
	inMemory(t, g.dir, "")
	g.logs = filepath.Join(g.dir, "logs")
	if err := os.Mkdir(g.logs, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, gen := range map[string]int{"app.log": 5, "app.log.1": 4, "app.log.2.gz": 3, "app.log.3.gz": 2, "app.log.4.gz": 1} {
		g.write(name, gen, 200)
	}
	return &g
}

// inMemory mounts a file system of its own on dir, and reports whether it may. A kill takes nothing of it back, and hundreds
// of syncs cost nothing.
func inMemory(t *testing.T, dir, options string) bool {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755,"+options); err != nil {
		return false
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return true
}

// helper runs a rotator that is killed at its n-th record or step; 0 is never. It returns where it was killed, "" if it
// was not.
func (g *rig) helper(config string, n int) string {
	g.t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "BELFRY_ROTATE_HELPER=rotator", "BELFRY_ROTATE_DIR="+g.dir, "BELFRY_ROTATE_CONFIG="+config,
		"BELFRY_ROTATE_DIE="+strconv.Itoa(n), "GORACE=atexit_sleep_ms=0") // hundreds of seconds
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	var end *exec.ExitError
	if errors.As(err, &end) && end.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return strings.TrimSpace(string(out))
	}
	if err != nil {
		g.t.Fatalf("helper: %v\n%s", err, said.String())
	}
	return ""
}

// A rotator is killed behind each record of its journal and behind each step, and killed again where it goes on. At no time
// is a line gone that the index does not have; in the end all is as if nothing had happened.
func TestKilledAnywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("runs some hundred processes")
	}
	for config := range crashConfigs("") {
		if config == "live" {
			continue
		}
		t.Run(config, func(t *testing.T) {
			t.Parallel()
			for first := 1; ; first++ {
				g := crashRig(t)
				at := g.helper(config, first)
				for again := 1; again <= 2 && (config == "numbers" || again == 1+first%4); again++ {
					g.noneLost(at)
					g.helper(config, again)
				}
				g.noneLost(at)
				g.helper(config, 0)
				g.allDone(config, at)
				if at == "" {
					if first < 10 {
						t.Errorf("only %d places to be killed at", first)
					}
					return
				}
			}
		})
	}
}

// The same while a real writer goes on: each of its lines is there once in the end, and it writes to the live file again.
func TestKilledBesideAWriter(t *testing.T) {
	g := &rig{t: t, dir: t.TempDir()}
	inMemory(t, g.dir, "")
	g.open(crashConfigs(g.dir)["live"], nil)
	g.close()
	w := g.startWriter()
	for n := 1; n <= 24; n++ {
		for g.liveSize() < 500 { // there is something to rotate
			time.Sleep(time.Millisecond)
		}
		g.helper("live", n)
		g.helper("live", 0) // else the writer may still be in the renamed file, and nothing would come
	}
	n := w.stop(t)
	g.helper("live", 0)
	g.onlyOnce(n)
	if got := names(t, g.logs); strings.Contains(got, "tmp") || g.liveSize() < 0 {
		t.Error(got)
	}
}

// liveSize is that of app.log, -1 if there is none.
func (g *rig) liveSize() int64 {
	st, err := os.Stat(g.path("app.log"))
	if err != nil {
		return -1
	}
	return st.Size()
}

func (g *rig) noneLost(at string) {
	g.t.Helper()
	have := lines(g.t, g.logs)
	for gen := 3; gen <= 5; gen++ {
		for i := range 200 {
			if have[line(gen, i)] == 0 {
				g.t.Fatalf("killed at %q: line %d of generation %d is gone: %s", at, i, gen, names(g.t, g.logs))
			}
		}
	}
}

func line(gen, i int) string {
	return "gen=" + strconv.Itoa(gen) + " seq=" + strconv.Itoa(i) + " of what happened"
}

func names(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func (g *rig) allDone(config, at string) {
	g.t.Helper()
	for l, n := range lines(g.t, g.logs) {
		if n != 1 || strings.HasPrefix(l, "gen=1 ") || strings.HasPrefix(l, "gen=2 ") {
			g.t.Fatalf("killed at %q: %q is there %d times: %s", at, l, n, g.list())
		}
	}
	list := g.list()
	want := map[string]string{
		"numbers": "app.log= app.log.1.gz=5 app.log.2.gz=4 app.log.3.gz=3",
		"delay":   "app.log= app.log.1=5 app.log.2.gz=4 app.log.3.gz=3",
		"bare":    "app.log.1.gz=5 app.log.2.gz=4 app.log.3.gz=3",
	}[config]
	if config == "dates" {
		stamped := strings.Fields(list)[1]
		if !strings.HasPrefix(stamped, "app.log-20") || !strings.HasSuffix(stamped, ".gz=5") {
			g.t.Errorf("killed at %q: %s", at, list)
		}
		want = "app.log= " + stamped + " app.log.1.gz=4 app.log.2.gz=3"
	}
	if list != want {
		g.t.Errorf("killed at %q: there is\n%s, want\n%s", at, list, want)
	}
	told, _ := os.ReadFile(filepath.Join(g.dir, "told"))
	if n := strings.Count(string(told), "told"); (n == 0) != (config == "bare") || n > 4 {
		g.t.Errorf("killed at %q: the writer was told %d times", at, n)
	}
	j, err := openJournal(filepath.Join(g.dir, "state"), quietLog)
	if err != nil {
		g.t.Fatal(err)
	}
	defer j.close()
	if len(j.open) > 0 {
		g.t.Errorf("killed at %q: %d jobs are still open", at, len(j.open))
	}
}
