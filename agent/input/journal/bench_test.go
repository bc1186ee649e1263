package journal

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/batch"
	"belfry/shared/e2e/stack"
)

// nowhere takes everything, and says when it has n events.
type nowhere struct {
	n    int
	done context.CancelFunc
}

func (s *nowhere) Add(context.Context, batch.Place, uint64, uint64, []byte) error {
	if s.n--; s.n == 0 {
		s.done()
	}
	return nil
}

func (s *nowhere) Pass(context.Context, batch.Place, batch.Kind, uint64, uint64) error { return nil }

// typical is an entry as a service of a Debian host writes it.
func typical(n uint64) string {
	return export(seriesA, n, "PRIORITY=6", "SYSLOG_FACILITY=10", "SYSLOG_IDENTIFIER=sshd", "SYSLOG_PID=12345", "_TRANSPORT=syslog",
		"_PID=12345", "_UID=0", "_GID=0", "_COMM=sshd", "_EXE=/usr/sbin/sshd", "_CMDLINE=sshd: alice [priv]", "_CAP_EFFECTIVE=1ffffffffff",
		"_SYSTEMD_CGROUP=/system.slice/ssh.service", "_SYSTEMD_UNIT=ssh.service", "_SYSTEMD_SLICE=system.slice", "_SYSTEMD_INVOCATION_ID="+boot1,
		"_MACHINE_ID="+boot1, "_HOSTNAME=here", "SYSLOG_TIMESTAMP=Nov 28 15:54:27 ", "_SOURCE_REALTIME_TIMESTAMP=1795881267199584",
		"MESSAGE=Accepted publickey for alice from 10.1.2.3 port 50022 ssh2: ED25519 SHA256:Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmE")
}

// What an entry costs from the child's pipe to the sink.
func BenchmarkEntries(b *testing.B) {
	var text bytes.Buffer
	for n := range uint64(b.N) {
		text.WriteString(typical(n + 1))
		if n == 999 {
			break
		}
	}
	whole := text.Bytes()
	in, err := Open(b.TempDir(), Config{Start: StartBeginning}, me, new(nowhere), quiet, metrics.NewSet())
	if err != nil {
		b.Fatal(err)
	}
	in.child, in.at = 1, time.Now()
	d := newDecoder(bytes.NewReader(whole), defaultMessage)
	n := uint64(0)
	b.SetBytes(int64(len(whole) / min(b.N, 1000)))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if n%1000 == 0 {
			d.src = bytes.NewReader(whole)
			in.way = way{}
			if s := in.last; s != nil {
				s.confirmed.add(0, s.next)
			}
		}
		if err := d.next(&in.entry); err != nil {
			b.Fatal(err)
		}
		n++
		in.entry.at.number = n
		if err := in.take(context.Background(), &in.entry); err != nil {
			b.Fatal(err)
		}
	}
}

// The same with journalctl, which costs more than that.
func BenchmarkJournalctl(b *testing.B) {
	stack.Need(b, program, remote)
	var text bytes.Buffer
	const entries = 50_000
	for n := range uint64(entries) {
		text.WriteString(typical(n + 1))
	}
	dir := b.TempDir()
	cmd := exec.Command(remote, "--output="+filepath.Join(dir, "x.journal"), "-")
	cmd.Stdin = &text
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for b.Loop() {
		ctx, done := context.WithCancel(b.Context())
		in, err := Open(b.TempDir(), Config{Directory: dir, Start: StartBeginning}, me, &nowhere{entries, done}, quiet, metrics.NewSet())
		if err != nil {
			b.Fatal(err)
		}
		if err := in.Run(ctx); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*entries)/b.Elapsed().Seconds(), "entries/s")
}
