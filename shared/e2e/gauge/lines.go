package gauge

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"belfry/shared/corpus"
)

// seed makes the same file in each run.
const seed = 20261124

// stampLength is the length of the RFC 3164 stamp that every line of the corpus begins with.
const stampLength = len(time.Stamp)

// WriteLines writes a file of n lines.
func WriteLines(name string, n int, start time.Time) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(Lines(f, n, start), f.Close())
}

// Lines writes recorded lines, of 103 bytes on average, again and again: with a clock that goes on, and with other
// numbers of the same length wherever three digits or more stand together (process ids, ports, connections, ids of
// sessions), for a log that repeats itself to the letter would compress as none does. Fewer lines are the beginning of
// more that have the same start.
func Lines(to io.Writer, n int, start time.Time) error {
	w := bufio.NewWriterSize(to, 1<<20)
	rnd := rand.New(rand.NewPCG(seed, seed))
	recorded := corpus.AuthMixed()
	at := start
	var line []byte
	for i := range n {
		text := recorded[i%len(recorded)]
		if len(text) < stampLength {
			return fmt.Errorf("line %q of the corpus has no stamp", text)
		}
		at = at.Add(time.Millisecond)
		line = at.AppendFormat(line[:0], time.Stamp)
		line = append(line, text[stampLength:]...)
		renumber(line[stampLength:], rnd)
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return w.Flush()
}

// renumber draws the digits of long numbers anew. The first of them stays: a number keeps its size.
func renumber(b []byte, rnd *rand.Rand) {
	for i := 0; i < len(b); {
		end := i
		for end < len(b) && b[end] >= '0' && b[end] <= '9' {
			end++
		}
		for k := i + 1; end-i >= 3 && k < end; k++ {
			b[k] = '0' + byte(rnd.IntN(10))
		}
		i = end + 1
	}
}
