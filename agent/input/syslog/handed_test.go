package syslog

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"belfry/shared/e2e/stack"
)

// listens says to the process that systemd-socket-activate becomes where it is to listen.
const listens = "BELFRY_TEST_LISTENS"

// printer is a sink that prints.
type printer struct{}

func (printer) Put(_ context.Context, m Message) error {
	fmt.Printf("took %s\n", m.Raw)
	return nil
}
func (p printer) Session() Session         { return p }
func (printer) Sync(context.Context) error { return nil }

// TestMain is the relay of TestActivation when systemd-socket-activate has started it.
func TestMain(m *testing.M) {
	if os.Getenv(listens) == "" {
		os.Exit(m.Run())
	}
	if err := activated(strings.Fields(os.Getenv(listens))); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func activated(urls []string) error {
	handed, err := Activated()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ended := make(chan error, len(urls))
	for _, u := range urls {
		in, err := New(Config{Listen: u}, handed, printer{}, silent, nil)
		if err != nil {
			return err
		}
		go func() { ended <- in.Run(ctx) }()
	}
	fmt.Printf("left %q\n", handed.Left())
	return <-ended
}

// The sockets that the real program of systemd hands over are used, and what was sent before the start is not lost.
func TestActivation(t *testing.T) {
	stack.Need(t, "systemd-socket-activate")
	f := func(network, scheme string, flags ...string) {
		t.Helper()
		addr, err := stack.FreeAddr()
		if err != nil {
			t.Fatal(err)
		}
		if scheme == "unix" || scheme == "unixgram" {
			addr = filepath.Join(t.TempDir(), "log")
		}
		other := filepath.Join(t.TempDir(), "other")
		args := append(slices.Clone(flags), "-l", addr, "-l", other, "-E", listens+"="+scheme+"://"+addr, os.Args[0])
		cmd := exec.Command("systemd-socket-activate", args...)
		cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill() // by its id; it became the relay
			_ = cmd.Wait()
		})
		speaking, quiet := context.WithTimeout(t.Context(), 20*time.Second)
		defer quiet()
		go func() { // until it is heard: the first may come before the socket is there
			for speaking.Err() == nil {
				if c, err := net.Dial(network, addr); err == nil {
					_, _ = c.Write([]byte("<13>before\n"))
					_ = c.Close()
				}
				time.Sleep(20 * time.Millisecond)
			}
			if speaking.Err() == context.DeadlineExceeded {
				_ = cmd.Process.Kill()
			}
		}()
		lines := bufio.NewScanner(out)
		kind := "unix"
		if len(flags) > 0 {
			kind = "unixgram"
		}
		want := []string{fmt.Sprintf("left [%q]", kind+"://"+other), "took <13>before"}
		missing := map[string]bool{want[0]: true, want[1]: true} // in whatever order
		for len(missing) > 0 && lines.Scan() {
			if text := lines.Text(); text != want[1] && !missing[text] {
				t.Errorf("%s: it says %q", scheme, text)
			}
			delete(missing, lines.Text())
		}
		if len(missing) > 0 {
			t.Errorf("%s: it did not say %v", scheme, missing)
		}
	}
	f("tcp", "tcp")
	f("udp", "udp", "--datagram")
	f("unix", "unix")
	f("unixgram", "unixgram", "--datagram")
}

func TestSameAddress(t *testing.T) {
	f := func(listen, addr string, want bool) {
		t.Helper()
		e, err := parseEndpoint(listen)
		if err != nil {
			t.Fatal(err)
		}
		if got := sameAddr(e, addr); got != want {
			t.Errorf("%s is %s: %v, want %v", listen, addr, got, want)
		}
	}
	f("udp://:514", "[::]:514", true)
	f("udp://0.0.0.0:514", "[::]:514", true)
	f("udp://[::]:514", "0.0.0.0:514", true)
	f("udp://:514", "127.0.0.1:514", false)
	f("udp://127.0.0.1:514", "127.0.0.1:514", true)
	f("udp://127.0.0.1:514", "[::]:514", false)
	f("udp://relay.example:514", "[::]:514", false)
	f("udp://:514", "[::]:515", false)
	f("unix:///run/a", "/run/a", true)
	f("unix:///run/a", "/run/b", false)
}
