package syslog

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"belfry/shared/e2e/stack"
)

func TestUnixSockets(t *testing.T) {
	f := func(scheme, end string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "log")
		r := start(t, Config{Listen: scheme + "://" + path, MaxMessage: 1024}, &sink{})
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o666 {
			t.Errorf("%s: %v, %v: not everybody may write", scheme, st.Mode(), err)
		}
		c := r.dial()
		long := "<13>" + strings.Repeat("x", 3000)
		for _, s := range []string{"<13>a", long, "<13>b"} {
			r.write(c, s+end)
		}
		r.takes("<13>a", long[:1024], "<13>b")
		if m := r.sink.messages()[1]; m.Peer.IsValid() || m.Transport != "unix" || m.OriginalLength != 3004 {
			t.Errorf("%s: from %v by %s, original length %d", scheme, m.Peer, m.Transport, m.OriginalLength)
		}
		if _, err := New(Config{Listen: scheme + "://" + path}, nil, &sink{}, silent, nil); err == nil {
			t.Errorf("%s: a socket in use was taken", scheme)
		}
	}
	f("unix", "\n")
	f("unixgram", "")
}

// What a killed process left is replaced; anything else at that path stays.
func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	old, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil { // which leaves its name
		t.Fatal(err)
	}
	r := start(t, Config{Listen: "unixgram://" + path}, &sink{})
	r.write(r.dial(), "<13>a")
	r.takes("<13>a")
	other, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path + "2", Net: "unixgram"}) // alive, of another kind
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := New(Config{Listen: "unix://" + path + "2"}, nil, &sink{}, silent, nil); err == nil {
		t.Error("the socket of another process was taken")
	}
	if _, err := net.Dial("unixgram", path+"2"); err != nil {
		t.Errorf("the other's socket is gone: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Listen: "unix://" + file}, nil, &sink{}, silent, nil); err == nil {
		t.Error("a file was replaced by a socket")
	}
	if text, err := os.ReadFile(file); string(text) != "x" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

func TestLoggerToUnixSocket(t *testing.T) {
	stack.Need(t, "logger")
	path := filepath.Join(t.TempDir(), "log")
	r := start(t, Config{Listen: "unixgram://" + path}, &sink{})
	if out, err := exec.Command("logger", "-u", path, "-d", "-t", "belltest", "-p", "authpriv.info", "hello").CombinedOutput(); err != nil {
		t.Fatalf("logger: %v: %s", err, out)
	}
	r.until("a message", func() bool { return len(r.sink.messages()) == 1 })
	m := r.sink.messages()[0]
	if m.Priority != AuthPriv<<3|6 || !strings.HasSuffix(string(m.Raw), "belltest: hello") {
		t.Errorf("%d %q", m.Priority, m.Raw)
	}
}
