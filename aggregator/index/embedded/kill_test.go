package embedded

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

var kills = flag.Int("kills", 5, "how often the kill test ends its writer")

// The environment of a writer process.
const (
	writerDir   = "BELFRY_TEST_WRITER_DIR"
	writerFirst = "BELFRY_TEST_WRITER_FIRST"
	writerFast  = "BELFRY_TEST_WRITER_FAST"  // large batches, and no checkpoint between
	writerNamed = "BELFRY_TEST_WRITER_NAMED" // events without a place but with a name, and some of them again
)

// writerMain writes events to an index until it is killed: from a number on, in batches of any size, several on the
// way. It prints "FIRST END" for each that is acknowledged. Its alerts append a line to the file "alerts" for each
// record, its position and the numbers of its events.
func writerMain(dir string) int {
	if err := runWriter(dir); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func runWriter(dir string) error {
	alerts, cursor, err := openAlerts(filepath.Join(dir, "alerts"))
	if err != nil {
		return err
	}
	var x *Index
	process := func(position uint64, events []*event.Event) error {
		line := strconv.AppendUint(nil, position, 10)
		for _, e := range events {
			line = append(append(line, ' '), e.Get("labels.number")...)
		}
		_, err := alerts.Write(append(line, '\n'))
		x.AlertsAt(position)
		return err
	}
	cfg := Config{Dir: filepath.Join(dir, "index"), Memory: 64 << 20, MinFree: -1, CheckpointBytes: 30 << 10}
	if os.Getenv(writerFast) != "" {
		cfg.CheckpointBytes = 0
	}
	x, err = Open(cfg, slog.New(slog.DiscardHandler), nil, process)
	if err != nil {
		return err
	}
	x.AlertsAt(cursor)
	if err := x.Since(cursor+1, process); err != nil {
		return err
	}
	go writeForever(x)
	return x.Run(context.Background())
}

func writeForever(x *Index) {
	next, _ := strconv.ParseUint(os.Getenv(writerFirst), 10, 64)
	window := make(chan bool, 6)
	most := uint64(60)
	if os.Getenv(writerFast) != "" {
		most = 4000
	}
	for {
		first, end := next, next+rand.Uint64N(most)+1
		next = end
		window <- true
		again := uint64(0)
		if os.Getenv(writerNamed) != "" {
			again = rand.Uint64N(min(first, most) + 1)
		}
		w := data(testPos, first-again, end)
		for _, it := range w.Items {
			it.Event.Set("host.name", "web01")
		}
		if os.Getenv(writerNamed) != "" {
			w.Ranges = nil
			for i := range w.Items {
				w.Items[i].Ranged, w.Items[i].Named = false, true
			}
		}
		x.Write(context.Background(), w, func(_ index.Result, err error) {
			if err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			fmt.Println(first, end)
			<-window
		})
	}
}

// openAlerts opens the file of the alerts, and returns the position of its last whole line.
func openAlerts(path string) (*os.File, uint64, error) {
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, 0, err
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, err
	}
	if err := f.Truncate(int64(len(whole))); err != nil {
		return nil, 0, err
	}
	lines := strings.Split(strings.TrimSpace(string(whole)), "\n")
	position, _, _ := strings.Cut(lines[len(lines)-1], " ")
	cursor, _ := strconv.ParseUint(position, 10, 64)
	return f, cursor, nil
}

// TestKill kills a writer again and again, at any moment: whatever it acknowledged is found once, and its alerts have
// seen every event once. Every other time the next writer finds what the kill has left.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acked := make(map[uint64]bool)
	for n := range *kills {
		killWriter(t, dir, acked, 1+rand.IntN(60))
		if n%2 == 0 {
			checkKilled(t, dir, acked)
		}
	}
	checkKilled(t, dir, acked)
	t.Logf("%d events acknowledged", len(acked))
}

// TestKillFast kills a writer that was too fast for the storage to keep all rows in memory: parts of them are files by
// then, and what the storage knows of their streams may not be. All of them must be found.
func TestKillFast(t *testing.T) {
	t.Setenv(writerFast, "1")
	dir, acked := t.TempDir(), make(map[uint64]bool)
	killWriter(t, dir, acked, 60) // some 120,000 events
	if parts, err := filepath.Glob(filepath.Join(dir, "index", rowsDir, daysDir, "*", "datadb", "*", "index.bin")); err != nil || len(parts) == 0 {
		t.Fatalf("no part is a file yet: %v", err)
	}
	checkKilled(t, dir, acked)
	x := openIndex(t, Config{Dir: filepath.Join(dir, "index")}, nil)
	defer x.Close()
	if n := len(search(t, x, "host.name:web01", index.Search{Limit: -1})); n < len(acked) {
		t.Errorf("of %d events of one host %d are found", len(acked), n)
	}
	t.Logf("%d events acknowledged", len(acked))
}

// TestKillNamed kills a writer of events that have no place in a stream, only a name, and that come again and again.
func TestKillNamed(t *testing.T) {
	t.Setenv(writerNamed, "1")
	dir, acked := t.TempDir(), make(map[uint64]bool)
	for range *kills {
		killWriter(t, dir, acked, 1+rand.IntN(60))
		checkKilled(t, dir, acked)
	}
	t.Logf("%d events acknowledged", len(acked))
}

// killWriter starts a writer where the last one has left a hole, and kills it after a number of acknowledgements.
func killWriter(t *testing.T, dir string, acked map[uint64]bool, after int) {
	t.Helper()
	first := uint64(0)
	for acked[first] {
		first++
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerDir+"="+dir, fmt.Sprintf("%s=%d", writerFirst, first))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		var from, end uint64
		if _, err := fmt.Sscan(lines.Text(), &from, &end); err != nil {
			t.Errorf("the writer says %q", lines.Text())
		}
		for ; from < end; from++ {
			acked[from] = true
		}
		if n == after {
			time.AfterFunc(time.Duration(rand.Int64N(int64(20*time.Millisecond))), func() { cmd.Process.Kill() })
		}
	}
	io.Copy(io.Discard, out)
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
		t.Fatalf("the writer ended by itself: %v", cmd.ProcessState)
	}
}

func checkKilled(t *testing.T, dir string, acked map[uint64]bool) {
	t.Helper()
	alerts, cursor, err := openAlerts(filepath.Join(dir, "alerts"))
	if err != nil {
		t.Fatal(err)
	}
	alerts.Close()
	x := openIndex(t, Config{Dir: filepath.Join(dir, "index")}, func(uint64, []*event.Event) error { return nil })
	defer x.Close()
	seen, last := readAlerts(t, filepath.Join(dir, "alerts"))
	if err := x.Since(cursor+1, func(position uint64, events []*event.Event) error {
		if position <= last {
			t.Errorf("position %d came behind %d", position, last)
		}
		last = position
		for _, e := range events {
			seen[e.Get("labels.number")]++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	named := os.Getenv(writerNamed) != ""
	times := make(map[string]int)
	for _, e := range search(t, x, "", index.Search{Limit: -1}) {
		times[e.Get("labels.number")]++
	}
	for number := range acked {
		if n := fmt.Sprint(number); times[n] != 1 || seen[n] != 1 || !named && !x.Held(testPos, number) {
			t.Errorf("event %s was acknowledged: found %d times, seen %d times", n, times[n], seen[n])
		}
	}
	for n, k := range times {
		if k != 1 || seen[n] != 1 {
			t.Errorf("event %s: found %d times, seen %d times", n, k, seen[n])
		}
	}
	if len(seen) != len(times) || last > x.Stats().Position {
		t.Errorf("%d events are seen and %d found; last position %d of %d", len(seen), len(times), last, x.Stats().Position)
	}
}

// readAlerts returns how often the alerts have seen each number, and their last position.
func readAlerts(t *testing.T, path string) (seen map[string]int, last uint64) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seen = make(map[string]int)
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		position, err := strconv.ParseUint(fields[0], 10, 64)
		if err != nil || position <= last {
			t.Errorf("position %q came behind %d", fields[0], last)
		}
		last = position
		for _, n := range fields[1:] {
			seen[n]++
		}
	}
	return seen, last
}

func TestSecondProcess(t *testing.T) {
	dir := t.TempDir()
	x := start(t, Config{Dir: filepath.Join(dir, "index")}, nil)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerDir+"="+dir)
	out, err := cmd.Output()
	if err == nil || !strings.Contains(string(out), "lock: another process works here") {
		t.Errorf("a second process: %v, says %q", err, out)
	}
	mustWrite(t, x, data(testPos, 0, 5))
}
