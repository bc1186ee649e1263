package rotate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/klauspost/compress/gzip"

	"belfry/agent/rotate/logrotate"
)

var quietLog = slog.New(slog.DiscardHandler)

// rig is a directory with logs, and a Rotator on it that a test drives by hand.
type rig struct {
	t    testing.TB
	dir  string // state, logs/, etc/ and what the writer was told
	logs string
	set  *metrics.Set
	r    *Rotator
	said bytes.Buffer // what was logged
}

// generations is an index that has the files whose lines are of a generation up to it.
type generations int

func (g generations) Indexed(path string) (bool, error) {
	text, err := content(path)
	if err != nil {
		return false, err
	}
	var gen, seq int
	_, err = fmt.Sscanf(string(text), "gen=%d seq=%d", &gen, &seq)
	return gen <= int(g), err
}

func newRig(t testing.TB, c Config, index Index) *rig {
	t.Helper()
	return (&rig{t: t, dir: t.TempDir()}).open(c, index)
}

// open opens a Rotator that finds its one configuration below the rig's folder.
func (g *rig) open(c Config, index Index) *rig {
	g.t.Helper()
	g.logs = filepath.Join(g.dir, "logs")
	if err := os.MkdirAll(g.logs, 0o755); err != nil {
		g.t.Fatal(err)
	}
	if c.Paths == nil {
		c.Paths = []string{filepath.Join(g.logs, "*.log")}
	}
	if c.Size == 0 && c.Age == 0 {
		c.Size = 1
	}
	for i := range c.Postrotate {
		c.Postrotate[i] = strings.ReplaceAll(c.Postrotate[i], "DIR", g.dir)
	}
	g.set = metrics.NewSet()
	r, err := Open(filepath.Join(g.dir, "state"), []Config{c}, index, slog.New(slog.NewTextHandler(&g.said, nil)), g.set)
	if err != nil {
		g.t.Fatal(err)
	}
	r.pause = func(context.Context, time.Duration) {}
	r.owners = logrotate.Open(filepath.Join(g.dir, "root"))
	g.r = r
	return g
}

func (g *rig) path(name string) string { return filepath.Join(g.logs, name) }

// write writes n lines of a generation.
func (g *rig) write(name string, gen, n int) {
	g.t.Helper()
	var text bytes.Buffer
	for i := range n {
		fmt.Fprintf(&text, "gen=%d seq=%d of what happened\n", gen, i)
	}
	b := text.Bytes()
	if strings.HasSuffix(name, ".gz") {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(b)
		w.Close()
		b = z.Bytes()
	}
	if err := os.WriteFile(g.path(name), b, 0o640); err != nil {
		g.t.Fatal(err)
	}
}

// once does what Run does in a turn.
func (g *rig) once() {
	g.r.turn(context.Background())
	g.r.tidy(context.Background())
}

func (g *rig) close() {
	g.t.Helper()
	if err := g.r.Close(); err != nil {
		g.t.Error(err)
	}
}

// content returns the bytes of a file, decompressed if it is named so.
func content(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !strings.HasSuffix(path, ".gz") {
		return io.ReadAll(f)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// list shows the files as "NAME=GENERATION", in the order of their names; an empty one has no generation.
func (g *rig) list() string {
	g.t.Helper()
	entries, err := os.ReadDir(g.logs)
	if err != nil {
		g.t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		text, err := content(g.path(e.Name()))
		if err != nil {
			g.t.Fatalf("%s: %v", e.Name(), err)
		}
		gen, _, _ := strings.Cut(strings.TrimPrefix(string(text), "gen="), " ")
		all = append(all, e.Name()+"="+gen)
	}
	return strings.Join(all, " ")
}

func (g *rig) want(list string) {
	g.t.Helper()
	if got := g.list(); got != list {
		g.t.Errorf("there is\n%s, want\n%s\n%s", got, list, g.said.String())
	}
}

// lines counts the lines of all files, by themselves. What cannot be read as it is named is passed over.
func lines(t testing.TB, dir string) map[string]int {
	t.Helper()
	count := map[string]int{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := content(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		for _, l := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
			count[l]++
		}
	}
	delete(count, "")
	return count
}

func (g *rig) metric(name string) float64 {
	g.t.Helper()
	var b bytes.Buffer
	g.set.WritePrometheus(&b)
	for _, l := range strings.Split(b.String(), "\n") {
		if n, v, ok := strings.Cut(l, " "); ok && n == "belfry_agent_rotate_"+name {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				g.t.Fatal(err)
			}
			return f
		}
	}
	g.t.Errorf("there is no metric %s", name)
	return 0
}

// fault returns what Status says of the only file.
func (g *rig) fault() string {
	g.t.Helper()
	all := g.r.Status()
	if len(all) != 1 {
		g.t.Fatalf("status %+v", all)
	}
	return all[0].Fault
}

func (g *rig) notes() string {
	var all []string
	for _, s := range g.r.Status() {
		all = append(all, s.Notes...)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}
