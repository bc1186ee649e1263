package lines

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// count is a Sink that only counts.
type count struct{ events, skips int }

func (c *count) Event(*Event) error                    { c.events++; return nil }
func (c *count) Skip(uint64, uint64, SkipReason) error { c.skips++; return nil }
func (c *count) Covered(uint64, uint64) error          { return nil }
func (c *count) Joined(uint64, uint64) error           { return nil }
func (c *count) Cut(uint64) error                      { return nil }

// turn is how many bytes are fed at once.
const turn = 256 << 10

func bench(b *testing.B, cfg Config, content []byte) {
	c := compile(b, cfg)
	content = bytes.Repeat(content, 64*turn/len(content)) // line ends do not lie where turns end
	r := New(c, 0, nil, nil)
	var out count
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	used := cpu(b)
	for b.Loop() {
		for rest := content; len(rest) > 0; {
			n := min(turn, len(rest))
			if err := r.Feed(rest[:n], start, &out); err != nil {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
	}
	perLine := float64(b.N) * float64(bytes.Count(content, []byte("\n")))
	used = cpu(b) - used
	b.ReportMetric(float64(used.Nanoseconds())/perLine, "cpu-ns/line")
	b.ReportMetric(float64(b.N)*float64(len(content))/1e6/used.Seconds(), "MB/cpu-s")
}

// cpu returns what the process has used: others may have the cores meanwhile.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func line100(i int) string {
	return fmt.Sprintf("%-99s\n", fmt.Sprintf("Jan  2 03:04:05 host sshd[%d]: Accepted publickey for user%d from 10.0.0.%d", i, i, i%256))
}

func lines100() []byte {
	var b strings.Builder
	for i := range 1000 {
		b.WriteString(line100(i))
	}
	return []byte(b.String())
}

func BenchmarkPlain(b *testing.B) { bench(b, Config{}, lines100()) }

func BenchmarkPlainUmlauts(b *testing.B) {
	bench(b, Config{}, bytes.ReplaceAll(lines100(), []byte("e"), []byte("é")))
}

func BenchmarkLatin1(b *testing.B) { bench(b, Config{Encoding: Latin1}, lines100()) }

func BenchmarkUTF16(b *testing.B) {
	bench(b, Config{Encoding: UTF16LE}, encode16(string(lines100()), false))
}

func BenchmarkCRI(b *testing.B) {
	bench(b, Config{Format: CRI}, wrapped(func(i int) string {
		return criTime + []string{"stdout", "stderr"}[i%2] + []string{" F ", " P "}[i%7/6] + line100(i)
	}))
}

func BenchmarkDockerJSON(b *testing.B) {
	bench(b, Config{Format: DockerJSON}, wrapped(func(i int) string {
		return fmt.Sprintf(`{"log":%q,"stream":"stdout","time":"2016-10-06T00:17:09.669794202Z"}`+"\n", line100(i))
	}))
}

func BenchmarkMultiline(b *testing.B) {
	bench(b, Config{Multiline: &Multiline{Begins: `^\w{3} [ 0-9]\d `}}, wrapped(func(i int) string {
		if i%4 > 0 {
			return "\tat " + line100(i)
		}
		return line100(i)
	}))
}

func BenchmarkRules(b *testing.B) {
	bench(b, Config{
		Drop: []Rule{{Contains: "healthz"}, {Matches: `GET /status/\d+`}},
		Mask: []Rule{{Matches: `password=(\S+)`}, {Matches: `\btoken [0-9a-f]{16,}`}},
	}, lines100())
}

func BenchmarkMaskEachLine(b *testing.B) {
	bench(b, Config{Mask: []Rule{{Matches: `for (user\d+)`}}}, lines100())
}

func wrapped(f func(i int) string) []byte {
	var b strings.Builder
	for i := range 1000 {
		b.WriteString(f(i))
	}
	return []byte(b.String())
}
