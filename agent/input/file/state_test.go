package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"belfry/agent/input/file/ident"
	"belfry/shared/event"
)

// pictured is all that a store knows and keeps, as JSON by content.
func pictured(t require, s *store) map[string]string {
	all := make(map[string]string)
	put := func(name string, v any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(text)
	}
	put("meta", s.meta)
	for k, c := range s.contents {
		if s.numbers[c.Number] != c {
			t.Fatalf("number %d is not that of content %v", c.Number, k)
		}
		put(k.stream.String()+" "+time.Unix(int64(k.epoch), 0).UTC().String(), c)
	}
	return all
}

// require is what *testing.T and *rapid.T have in common.
type require interface {
	Fatal(...any)
	Fatalf(string, ...any)
}

// reopened reads what a process that is killed now leaves behind.
func reopened(t require, dir string, s *store) map[string]string {
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	left, err := os.MkdirTemp(filepath.Dir(dir), "left")
	if err == nil {
		err = os.CopyFS(left, os.DirFS(dir))
	}
	if err != nil {
		t.Fatal(err)
	}
	again, err := openStore(left, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	got := pictured(t, again)
	if err := errors.Join(again.close(), os.RemoveAll(left)); err != nil {
		t.Fatal(err)
	}
	return got
}

// Whatever is written, and whenever the process is killed: what it knew is read again.
func TestStateSurvivesKills(t *testing.T) {
	t.Parallel()
	disk := memory(t, "size=64m")
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(disk, "state")
		must(t, err)
		defer func() { must(t, os.RemoveAll(dir)) }()
		s, err := openStore(dir, slog.New(slog.DiscardHandler))
		must(t, err)
		defer func() { must(t, s.close()) }()
		var all []*content
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			oneStep(rt, s, &all)
			if rapid.IntRange(0, 5).Draw(rt, "kill") > 0 {
				continue
			}
			if diff := cmp.Diff(pictured(rt, s), reopened(rt, dir, s)); diff != "" {
				rt.Fatal(diff)
			}
		}
		if diff := cmp.Diff(pictured(rt, s), reopened(rt, dir, s)); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// oneStep does one thing to a store.
func oneStep(t *rapid.T, s *store, all *[]*content) {
	do := rapid.IntRange(0, 9).Draw(t, "do")
	if len(*all) == 0 {
		do = 0
	}
	var err error
	switch do {
	case 0:
		c := &content{Stream: event.HashKey(string(rune('a' + len(*all)))), Epoch: uint64(len(*all)), Path: "/l/x", Stem: "/l/x", Class: "default"}
		*all = append(*all, c)
		err = s.put(c)
	case 1:
		s.meta.Look++
		err = s.mark()
	case 2:
		err = s.rewrite(time.Unix(1_800_000_000, 0))
	case 3:
		err = s.sync(time.Unix(1_800_000_000, 0))
	case 4:
		c := rapid.SampledFrom(*all).Draw(t, "which")
		c.Ended, c.Cuts, c.Path = !c.Ended, append(c.Cuts, uint64(len(c.Cuts))), c.Path+".1"
		c.Seen = 1_800_000_000
		c.Coarsen()
		err = s.put(c)
	default:
		err = s.note(changed(t, rapid.SampledFrom(*all).Draw(t, "which")))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// changed changes a content, and says how.
func changed(t *rapid.T, c *content) *change {
	ch := &change{Number: c.Number}
	for range rapid.IntRange(0, 40).Draw(t, "marks") {
		m := ident.Mark{Off: c.Top + rapid.SampledFrom([]uint64{1, ident.Step, ident.Grid}).Draw(t, "by"), End: 7}
		if m.Off > ident.Step {
			m.Off -= m.Off % ident.Step * uint64(rapid.IntRange(0, 1).Draw(t, "even"))
		}
		m.Hash = ident.Sum([]byte{byte(m.Off)})
		c.Note(m)
		ch.Marks = append(ch.Marks, m)
	}
	if rapid.Bool().Draw(t, "head") && c.NoteHead(make([]byte, rapid.IntRange(0, ident.HeadSize).Draw(t, "bytes"))) {
		ch.Head = c.Head
	}
	if rapid.Bool().Draw(t, "top") {
		c.Top, c.Taken = c.Top+5, c.Taken+4
		ch.Top, ch.Taken = c.Top, c.Taken
	}
	if rapid.Bool().Draw(t, "cursor") {
		c.Cursor, c.Indexed = c.Cursor+3, c.Indexed+2
		ch.Cursor, ch.Indexed = c.Cursor, c.Indexed
	}
	if c.Top > 0 && rapid.Bool().Draw(t, "foot") {
		c.Foot = foot{c.Top, ident.Sum([]byte("foot"))}
		ch.Foot = c.Foot
	}
	return ch
}

// The log does not grow without bound, and what has ended long ago is forgotten.
func TestStateIsWrittenAnew(t *testing.T) {
	t.Parallel()
	dir := memory(t, "size=64m")
	s, err := openStore(dir, slog.New(slog.DiscardHandler))
	must(t, err)
	now := time.Unix(1_800_000_000, 0)
	s.remember = forgetAfter
	old := &content{Stream: event.HashKey("old"), Ended: true, Seen: now.Add(-forgetAfter - time.Second).Unix()}
	kept := &content{Stream: event.HashKey("kept"), Ended: true, Seen: now.Add(-forgetAfter).Unix()}
	open := &content{Stream: event.HashKey("open"), Seen: 1}
	there := &content{Stream: event.HashKey("there"), Ended: true, Seen: 1}
	s.held = func() func(*content) bool { return func(c *content) bool { return c == there } }
	for _, c := range []*content{old, kept, open, there} {
		must(t, s.put(c))
	}
	var most int64
	for i := range 20 {
		for range 500 {
			m := ident.Mark{Off: open.Top + 1}
			open.Note(m)
			must(t, s.put(open))
			must(t, s.note(&change{Number: open.Number, Marks: []ident.Mark{m}}))
		}
		must(t, s.sync(now))
		if most = max(most, s.log.Bytes()); i > 0 && most > 3*slackBytes {
			t.Fatalf("it has %d bytes", most)
		}
	}
	if s.contents[old.key()] != nil || s.contents[kept.key()] == nil || s.contents[open.key()] == nil ||
		s.contents[there.key()] == nil || there.Seen != now.Unix() {
		t.Errorf("%d contents are known", len(s.contents))
	}
	want := pictured(t, s)
	must(t, s.close())
	s, err = openStore(dir, slog.New(slog.DiscardHandler))
	must(t, err)
	defer func() { must(t, s.close()) }()
	if diff := cmp.Diff(want, pictured(t, s)); diff != "" {
		t.Error(diff)
	}
}

// A byte that the disk spoilt takes one record with it, and is told. What was to change its content is no one else's.
func TestDamagedState(t *testing.T) {
	t.Parallel()
	const contents, header = 10, 20
	dir := t.TempDir()
	s, err := openStore(dir, slog.New(slog.DiscardHandler))
	must(t, err)
	for i := range contents {
		must(t, s.put(&content{Stream: event.HashKey(string(rune('a' + i))), Path: "/l/x"}))
		must(t, s.note(&change{Number: uint32(i + 1), Cursor: uint64(i + 1)}))
	}
	must(t, s.sync(time.Now()))
	must(t, s.close())
	name := filepath.Join(dir, "0000000000000001.seg")
	whole, err := os.ReadFile(name)
	must(t, err)
	for at := header; at < len(whole); at += 13 {
		spoilt := bytes.Clone(whole)
		spoilt[at] ^= 0x20
		left := t.TempDir()
		must(t, os.WriteFile(filepath.Join(left, filepath.Base(name)), spoilt, 0o600))
		var said strings.Builder
		s, err := openStore(left, slog.New(slog.NewTextHandler(&said, nil)))
		must(t, err)
		changed := 0
		for _, c := range s.contents {
			if c.Cursor != 0 && c.Cursor != uint64(c.Number) {
				t.Errorf("byte %d: content %d has the cursor of another: %d", at, c.Number, c.Cursor)
			}
			if c.Cursor != 0 {
				changed++
			}
		}
		if len(s.contents) < contents-1 || changed != contents-1 {
			t.Errorf("byte %d: %d contents, %d changed", at, len(s.contents), changed)
		}
		if at < len(whole)-200 && !strings.Contains(said.String(), "is damaged") {
			t.Errorf("byte %d: nothing is said: %s", at, said.String())
		}
		must(t, s.close())
	}
}

// Nothing leaves before its identity is kept: while the state cannot be written reading waits, and goes on behind it.
func TestStateOnAFullDisk(t *testing.T) {
	t.Parallel()
	log, _, cfg := host(t)
	disk := memory(t, "size=512k")
	state, fill := filepath.Join(disk, "state"), filepath.Join(disk, "fill")
	write(t, log, text(numbered(0, 100)))
	r := newReceiver(t)
	stop := r.start(state, cfg)
	r.want(numbered(0, 100)...)
	stop()
	fillUp(t, fill, state)
	write(t, filepath.Join(filepath.Dir(log), "y.log"), text(numbered(100, 200)))
	write(t, log, text(numbered(200, 300)))
	stop = r.start(state, cfg)
	for end := time.Now().Add(20 * time.Second); r.logged("state cannot be kept") == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("nothing is said: %s", r.log.String())
		}
	}
	time.Sleep(2 * usual.scan)
	if n := len(r.all()); n != 100 {
		t.Errorf("%d lines have left while the state could not be kept", n-100)
	}
	must(t, os.Remove(fill))
	r.stays(numbered(0, 300)...)
	if r.logged("state is kept again") != 1 || r.logged("state cannot be kept") != 1 {
		t.Errorf("said: %s", r.log.String())
	}
	stop()
	if r.sent() != 300 {
		t.Errorf("%d lines were sent for 300", r.sent())
	}
	defer r.start(state, cfg)()
	r.stays(numbered(0, 300)...)
	if r.sent() != 300 {
		t.Errorf("after a restart %d lines were sent for 300", r.sent())
	}
}

// all returns the lines that came, each once.
func (r *receiver) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines)
}

// memory is a folder with a file system of its own, where a sync costs nothing; who may not mount gets a plain one.
func memory(t *testing.T, options string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755,"+options); err != nil {
		t.Log("only root can mount: ", err)
		return dir
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// fillUp takes all room of a disk, and what is left in the last page of a state.
func fillUp(t *testing.T, fill, state string) {
	t.Helper()
	s, err := openStore(state, slog.New(slog.DiscardHandler))
	must(t, err)
	for page := int64(os.Getpagesize()); page-s.log.Bytes()%page > 60; {
		must(t, s.mark())
	}
	must(t, s.flush())
	must(t, s.close())
	if err := os.WriteFile(fill, make([]byte, 512<<10), 0o600); err == nil {
		t.Skip("the disk is not full: only root can mount a small one")
	}
}
