package alert

import (
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"belfry/shared/event"
)

var update = flag.Bool("update", false, "write the files in testdata anew")

func numbered(n int) Alert {
	return Alert{
		ID: event.HashKey(fmt.Sprint(n)), Rule: "r", Title: fmt.Sprint(n), Level: "high", EventID: "e",
		Time: time.Unix(1795456455, 0).UTC(), Host: "vm", User: "averez", Summary: "s", Tags: []string{"a", "b"},
	}
}

func openOutbox(t *testing.T, path string) *Outbox {
	t.Helper()
	o, err := OpenOutbox(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

// drain delivers all that waits, and returns the titles.
func drain(t *testing.T, o *Outbox) string {
	t.Helper()
	var titles []string
	for {
		e, ok, err := o.Oldest()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return strings.Join(titles, " ")
		}
		titles = append(titles, e.Alert.Title)
		if err := o.Delivered(e.Alert.ID); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOutbox(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.db")
	o := openOutbox(t, path)
	put := func(cursor uint64, numbers ...int) {
		t.Helper()
		var alerts []Alert
		for _, n := range numbers {
			alerts = append(alerts, numbered(n))
		}
		if _, err := o.Take(alerts, cursor, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if o.Cursor() != 0 || o.Pending() != 0 {
		t.Fatalf("a new outbox is at %d with %d alerts", o.Cursor(), o.Pending())
	}
	put(5, 3, 1, 3)
	put(7, 2, 1)
	put(6)
	if o.Cursor() != 7 || o.Pending() != 3 {
		t.Errorf("at %d with %d alerts, want 7 with 3", o.Cursor(), o.Pending())
	}
	if _, err := OpenOutbox(path); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("opened twice: %v", err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}

	o = openOutbox(t, path)
	if o.Cursor() != 7 || o.Pending() != 3 {
		t.Errorf("reopened at %d with %d alerts, want 7 with 3", o.Cursor(), o.Pending())
	}
	if got := drain(t, o); got != "3 1 2" || o.Pending() != 0 {
		t.Errorf("delivered %q, %d left, want 3 1 2", got, o.Pending())
	}
	put(8, 1, 2, 4)
	if err := o.Delivered(event.HashKey("nobody's")); err != nil {
		t.Error(err)
	}
	if got := drain(t, o); got != "4" {
		t.Errorf("delivered %q after what was delivered fired again, want 4", got)
	}
}

func TestOutboxKeepsAllOfAnAlert(t *testing.T) {
	o := openOutbox(t, filepath.Join(t.TempDir(), "alerts.db"))
	if _, err := o.Take([]Alert{numbered(1)}, 1, time.Now()); err != nil {
		t.Fatal(err)
	}
	e, _, err := o.Oldest()
	if want := numbered(1); err != nil || fmt.Sprint(e.Alert) != fmt.Sprint(want) || time.Since(e.Taken) > time.Minute {
		t.Errorf("took %+v, %v, want %+v", e, err, want)
	}
}

func TestOutboxFull(t *testing.T) {
	o := openOutbox(t, filepath.Join(t.TempDir(), "alerts.db"))
	o.limit = 2
	if p, err := o.Take([]Alert{numbered(1), numbered(2), numbered(3), numbered(1)}, 9, time.Now()); p.Left != 1 || err != nil {
		t.Errorf("a full outbox leaves %d out, %v; want 1", p.Left, err)
	}
	if o.Pending() != 2 || o.Cursor() != 9 {
		t.Errorf("%d alerts at %d, want 2 at 9", o.Pending(), o.Cursor())
	}
	if got := drain(t, o); got != "1 2" {
		t.Errorf("delivered %q, want 1 2", got)
	}
	if _, err := o.Take([]Alert{numbered(3)}, 10, time.Now()); err != nil {
		t.Errorf("put after room was made: %v", err)
	}
}

func TestOutboxForgets(t *testing.T) {
	o := openOutbox(t, filepath.Join(t.TempDir(), "alerts.db"))
	now := time.Now()
	for i, age := range []time.Duration{40 * 24 * time.Hour, 39 * 24 * time.Hour, time.Hour} {
		if _, err := o.Take([]Alert{numbered(i)}, 0, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	for _, i := range []int{0, 2} {
		if err := o.Delivered(numbered(i).ID); err != nil {
			t.Fatal(err)
		}
	}
	if more, err := o.Forget(now.Add(-keepTaken)); more || err != nil {
		t.Fatal(more, err)
	}
	// 0 was forgotten; 1 waits still; 2 is young.
	if _, err := o.Take([]Alert{numbered(0), numbered(1), numbered(2)}, 0, time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := drain(t, o); got != "1 0" {
		t.Errorf("delivered %q, want 1 0", got)
	}
}

// An outbox of version 1 is read by every later program.
func TestOutboxFormat(t *testing.T) {
	const kept = "testdata/outbox-v1.db.gz"
	path := filepath.Join(t.TempDir(), "alerts.db")
	if *update {
		o := openOutbox(t, path)
		if _, err := o.Take([]Alert{numbered(1), numbered(2), numbered(3)}, 42, time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(o.Delivered(numbered(2).ID), o.Close()); err != nil {
			t.Fatal(err)
		}
		pack(t, path, kept)
	}
	unpack(t, kept, path)
	o := openOutbox(t, path)
	if _, err := o.Take([]Alert{numbered(2)}, 0, time.Now()); err != nil { // was delivered
		t.Fatal(err)
	}
	if got := drain(t, o); got != "1 3" || o.Cursor() != 42 {
		t.Errorf("%q at %d, want 1 3 at 42", got, o.Cursor())
	}
}

func pack(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	_, err = z.Write(text)
	if err := errors.Join(err, z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func unpack(t *testing.T, from, to string) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOutboxRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database\n", 9000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenOutbox(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("opened a text: %v", err)
	}
}
