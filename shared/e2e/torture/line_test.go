package main

import (
	"bytes"
	"testing"
)

func TestLine(t *testing.T) {
	tr := newTruth("t16b")
	for _, width := range []int{0, 1, 60, 1000, maxWidth} {
		n := tr.begin("/x", width)
		for _, seq := range []int{0, 1, 9, 10, 12345} {
			m := mark{n.n, seq}
			line := appendLine(nil, "t16b", width, m)
			if len(line) != tr.length(n, seq) {
				t.Errorf("width %d: line %d has %d bytes, not %d", width, seq, len(line), tr.length(n, seq))
			}
			text := bytes.TrimSuffix(line, []byte{'\n'})
			host, got, ok := readLine(text)
			if string(host) != "t16b" || got != m || !ok {
				t.Errorf("%.80q: %s %v %v", text, host, got, ok)
			}
			if _, _, ok := readLine(text[:len(text)-1]); ok {
				t.Errorf("%.80q: cut, it is whole", text)
			}
			text[len(text)-1]++
			if _, _, ok := readLine(text); ok {
				t.Errorf("%.80q: changed, it is whole", text)
			}
		}
	}
}

func FuzzReadLine(f *testing.F) {
	f.Add([]byte("t1 1 1 00000000 x"))
	f.Add(appendLine(nil, "t1", 10, mark{1, 2}))
	f.Fuzz(func(_ *testing.T, line []byte) { readLine(line) })
}

func TestPieces(t *testing.T) {
	var p pieces
	for _, x := range []piece{{10, 20}, {30, 40}, {20, 25}, {0, 5}, {39, 50}} {
		p = p.with(x.first, x.end)
	}
	if got := p.bytes(); len(p) != 3 || got != 5+15+20 {
		t.Errorf("%v", p)
	}
	rest := p.without(pieces{{3, 12}, {15, 16}, {49, 60}})
	if got := rest.bytes(); got != 3+3+9+19 {
		t.Errorf("%v", rest)
	}
}
