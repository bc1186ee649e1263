package main

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// truth is what was written on a host, for the judge. It is safe for concurrent use.
type truth struct {
	host string

	mu      sync.Mutex
	numbers []*number      // [file number - 1]
	texts   map[string]int // what is no numbered line, by textKey, and how often it must arrive
}

// number is one content: all that was written to a file from its beginning.
type number struct {
	n       int // 1 and up
	path    string
	width   int
	written int          // whole lines
	excused map[int]bool // lines of which nobody can tell whether they arrive
}

func newTruth(host string) *truth { return &truth{host: host, texts: map[string]int{}} }

// begin gives the next number.
func (t *truth) begin(path string, width int) *number {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := &number{n: len(t.numbers) + 1, path: path, width: width}
	t.numbers = append(t.numbers, n)
	return n
}

// wrote notes that a number's first written lines are in its file.
func (t *truth) wrote(n *number, written int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.written = written
}

// lines is how many whole lines were written, and must arrive.
func (t *truth) lines() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := 0
	for _, n := range t.numbers {
		all += n.written - len(n.excused)
	}
	return all
}

// length is that of a line with its line end.
func (t *truth) length(n *number, seq int) int {
	digits := func(x int) int { return len(fmt.Sprint(x)) }
	return len(t.host) + digits(n.n) + digits(seq) + sumLen + max(payloadLen(n.width, seq), 2) + 5
}

// expect notes a text that is no numbered line and must arrive so many times more.
func (t *truth) expect(text string, times int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.texts[textKey(text)] += times
}

// shownText is how much of a text is kept.
const shownText = 160

// textKey stands for a text: itself, or of a long one its beginning, its length and its hash.
func textKey(text string) string {
	if len(text) <= shownText {
		return text
	}
	return fmt.Sprintf("%s… (%d bytes, sha256 %x)", text[:shownText], len(text), sha256.Sum256([]byte(text)))
}

// excuse excuses every line that none of the files holds any more: what a rotation itself lost. Names that end in .gz
// are read through gzip.
func (t *truth) excuse(paths []string) error {
	there := map[mark]bool{}
	for _, path := range slices.Compact(slices.Sorted(slices.Values(paths))) {
		if err := eachLine(path, func(line []byte) {
			if host, m, ok := readLine(line); ok && string(host) == t.host {
				there[m] = true
			}
		}); err != nil {
			return fmt.Errorf("look for what %s still holds: %w", filepath.Base(path), err)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.numbers {
		for seq := range n.written {
			if !there[mark{n.n, seq}] {
				if n.excused == nil {
					n.excused = map[int]bool{}
				}
				n.excused[seq] = true
			}
		}
	}
	return nil
}

// eachLine calls fn with each line of a file without its line end. The line is fn's until it returns.
func eachLine(path string, fn func(line []byte)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return err
		}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), 64<<20)
	for lines.Scan() {
		fn(lines.Bytes())
	}
	return lines.Err()
}

// excuseFrom excuses the lines of a number from one on.
func (t *truth) excuseFrom(n *number, first int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.excused = map[int]bool{}
	for seq := first; seq < n.written; seq++ {
		n.excused[seq] = true
	}
}
