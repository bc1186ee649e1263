package journal

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/e2e/stack"
)

// pretend makes an input whose child is a shell script; "$*" are the arguments, and DIR the folder with the files.
func pretend(t *testing.T, script string, files map[string]string, to *receiver) *Input {
	t.Helper()
	stack.Need(t, "sh")
	t.Parallel()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+strings.ReplaceAll(script, "DIR", dir)), 0o700); err != nil {
		t.Fatal(err)
	}
	in := open(t, t.TempDir(), Config{Start: StartBeginning}, to)
	in.program = path
	return in
}

// An entry at which journalctl ends each time is handed on as far as it can be read, and passed over.
func TestEntryThatCannotBeRead(t *testing.T) {
	one, two, three := export(seriesA, 1, "MESSAGE=one"), export(seriesA, 2, "X=1", "MESSAGE=two"), export(seriesA, 3, "MESSAGE=three")
	got := newReceiver()
	in := pretend(t, `case "$*" in *"i=3;"*) cat DIR/rest; exec sleep 1000;; *) cat DIR/begin; echo Invalid field. >&2; exit 1;; esac`,
		map[string]string{"begin": one + strings.TrimSuffix(two, "MESSAGE=two\n\n"), "rest": three}, got)
	stop := run(t, in)
	until(t, "three", func() bool { return len(got.messages()) == 3 })
	stop()
	if want := "[ one three]"; fmt.Sprint(got.messages()) != want || in.damaged.Get() != 1 || in.Status().Restarts != 3 {
		t.Errorf("%q, %d damaged, %+v", got.messages(), in.damaged.Get(), in.Status())
	}
	got.check(t)
}

// What is not of the export format is a fault that names the byte, and is tried again from the cursor.
func TestNotTheExportFormat(t *testing.T) {
	one := export(seriesA, 1, "MESSAGE=one")
	got := newReceiver()
	in := pretend(t, `cat DIR/one; echo "$*" >DIR/args; test -e DIR/good || { echo "-- Boot"; exec sleep 1000; }; cat DIR/good; exec sleep 1000`,
		map[string]string{"one": one}, got)
	stop := run(t, in)
	want := fmt.Sprintf("what journalctl writes is not of the export format: byte %d: '-' is no part of a field's name", len(one))
	until(t, "the fault", func() bool { return in.Status().Fault == want })
	dir := filepath.Dir(in.program)
	if err := os.WriteFile(filepath.Join(dir, "good"), []byte(export(seriesA, 2, "MESSAGE=two")), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "two", func() bool { return len(got.messages()) == 2 && in.Status().Fault == "" })
	stop()
	args, err := os.ReadFile(filepath.Join(dir, "args"))
	if err != nil || !strings.HasPrefix(string(args), "--output=export --follow --no-tail --merge --quiet --no-pager --cursor=s="+seriesA+";i=1;") {
		t.Errorf("%s, %v", args, err)
	}
}

// One that is not there is a fault, and no reason to end.
func TestNoJournalctl(t *testing.T) {
	in := open(t, t.TempDir(), Config{}, newReceiver())
	in.program = "/nowhere/journalctl"
	stop := run(t, in)
	until(t, "the fault", func() bool { return strings.Contains(in.Status().Fault, "no such file") })
	stop()
}

func TestArguments(t *testing.T) {
	f := func(cfg Config, want string) {
		t.Helper()
		in, err := Open(t.TempDir(), cfg, me, newReceiver(), quiet, metrics.NewSet())
		if err != nil {
			t.Fatal(err)
		}
		in.since = min(in.since, 1790000000000001)
		if got := strings.Join(in.arguments()[5:], " "); got != want {
			t.Errorf("%+v: %s, want %s", cfg, got, want)
		}
	}
	f(Config{Start: StartBeginning}, "--no-pager")
	f(Config{}, "--no-pager --since=@1790000000.000001")
	f(Config{Start: StartEnd, Namespace: "+x"}, "--no-pager --namespace=+x --since=@1790000000.000001")
	f(Config{Start: "2w", Directory: "/d"}, "--no-pager --directory=/d --since=@1790000000.000001")
}

// What a child complains of is told, within bounds.
func TestComplaints(t *testing.T) {
	var out bytes.Buffer
	c := complaints{log: slog.New(slog.NewTextHandler(&out, nil))}
	fmt.Fprint(&c, "one\n\ntw")
	fmt.Fprint(&c, "o\n"+strings.Repeat("x", 10_000)+"\n")
	if c.told != 3 || len(c.text()) != maxComplaint || strings.Count(out.String(), "level=WARN") != 3 {
		t.Errorf("%d told, %q", c.told, out.String())
	}
	fmt.Fprint(&c, strings.Repeat("again\n", 100))
	if strings.Count(out.String(), "level=WARN") != maxComplaints || c.text() != "again" {
		t.Errorf("%d lines", strings.Count(out.String(), "\n"))
	}
}

// helper is the program that this process is to run as its journalctl, if it is one that a test started.
const helper = "BELFRY_TEST_JOURNAL"

// alive reports whether a process runs.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, ok := bytes.Cut(text, []byte(") "))
	return err == nil && ok && state[0] != 'Z'
}

// A child ends with the agent, however that ends.
func TestDiesWithTheAgent(t *testing.T) {
	if program := os.Getenv(helper); program != "" {
		in := open(t, t.TempDir(), Config{}, newReceiver())
		in.program = program
		_ = in.Run(context.Background())
		return
	}
	in := pretend(t, "echo $$ >DIR/new; mv DIR/new DIR/pid; exec sleep 1000", nil, newReceiver())
	agent := exec.Command(os.Args[0], "-test.run=^TestDiesWithTheAgent$")
	agent.Env = append(os.Environ(), helper+"="+in.program, "TMPDIR="+t.TempDir())
	agent.SysProcAttr = attributes()
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	until(t, "the child", func() bool {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(in.program), "pid"))
		_, scanned := fmt.Sscan(string(text), &pid)
		return err == nil && scanned == nil && alive(pid)
	})
	t.Cleanup(func() {
		if alive(pid) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
	})
	if err := agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = agent.Wait() // it was killed
	until(t, "the child's end", func() bool { return !alive(pid) })
}
