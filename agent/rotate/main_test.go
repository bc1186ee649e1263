package rotate

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"belfry/agent/rotate/logrotate"
)

// The test program is its own helper: a rotator that is killed, and a writer that opens its file anew on SIGHUP.
func TestMain(m *testing.M) {
	switch os.Getenv("BELFRY_ROTATE_HELPER") {
	case "rotator":
		os.Exit(helperRotator())
	case "writer":
		os.Exit(helperWriter(os.Getenv("BELFRY_ROTATE_DIR")))
	}
	os.Exit(m.Run())
}

// helperRotator does one turn, and is killed after so many records and steps.
func helperRotator() int {
	dir := os.Getenv("BELFRY_ROTATE_DIR")
	c, ok := crashConfigs(dir)[os.Getenv("BELFRY_ROTATE_CONFIG")]
	left, err := strconv.Atoi(os.Getenv("BELFRY_ROTATE_DIE"))
	if !ok || err != nil {
		return 2
	}
	r, err := Open(filepath.Join(dir, "state"), []Config{c}, generations(2), quietLog, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	r.owners = logrotate.Open(filepath.Join(dir, "root"))
	r.pause = func(context.Context, time.Duration) {}
	r.journal.hook = func(at string) {
		if left--; left == 0 {
			fmt.Println(at)
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	r.turn(context.Background())
	r.tidy(context.Background())
	if err := r.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// helperWriter writes numbered lines to logs/app.log until its input ends, and tells on its output how many.
func helperWriter(dir string) int {
	path := filepath.Join(dir, "logs", "app.log")
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
		if err != nil {
			panic(err)
		}
		return f
	}
	hup := make(chan os.Signal, 8)
	signal.Notify(hup, syscall.SIGHUP)
	f := open()
	pid := strconv.Itoa(os.Getpid()) + "\n"
	if err := os.WriteFile(filepath.Join(dir, "pid"), []byte(pid), 0o644); err != nil {
		panic(err)
	}
	fmt.Println("ready")
	done := make(chan struct{})
	go func() { io.Copy(io.Discard, os.Stdin); close(done) }()
	for n := 0; ; n++ {
		select {
		case <-done:
			fmt.Println(n)
			return 0
		case <-hup:
			f.Close()
			f = open()
		case <-time.After(time.Millisecond):
		}
		if _, err := f.WriteString("seq=" + strconv.Itoa(n) + strings.Repeat(" x", 20) + "\n"); err != nil {
			panic(err)
		}
	}
}
