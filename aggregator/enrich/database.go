package enrich

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"
)

// maxDatabase bounds a file: the largest that are sold have half of it.
const maxDatabase = 1 << 30

// database is a file in MaxMind's DB format. It is read into memory as a whole: a file that is mapped and then written
// over in place would end the process. It is safe for concurrent use.
type database struct {
	reader  *maxminddb.Reader
	records *cache[uintptr, record] // by their place in the file: many addresses share one
}

func openDatabase(path string) (*database, error) {
	text, err := readFile(path, maxDatabase)
	if err != nil {
		return nil, err
	}
	r, err := maxminddb.OpenBytes(text)
	if err != nil {
		return nil, fmt.Errorf("read database %s: %w", path, err)
	}
	d := &database{reader: r, records: newCache[uintptr, record](maxRecords)}
	if err := d.check(text); err != nil {
		return nil, fmt.Errorf("read database %s: %w", path, err)
	}
	return d, nil
}

// check decodes each record that the tree leads to. It goes through the nodes as they lie, not along the branches: those
// of a broken file may run in circles, which a look-up follows for 128 steps and no more. (The library's own check wants
// a description, too, which the free databases do not have.)
func (d *database) check(text []byte) error {
	m := d.reader.Metadata
	known := map[uint]bool{}
	told := false
	for side := range 2 * m.NodeCount {
		at, err := recordOf(text, side, m.RecordSize)
		if err != nil {
			return err
		}
		if at <= m.NodeCount || known[at] {
			continue // to another node, or to nothing
		}
		known[at] = true
		rec, err := decode(d.reader.LookupOffset(uintptr(at) - uintptr(m.NodeCount) - separator))
		if err != nil {
			return fmt.Errorf("record %d: %w", at, err)
		}
		told = told || *rec != record{}
	}
	if !told {
		return fmt.Errorf("%q tells no country, city or autonomous system in a layout that is known", m.DatabaseType)
	}
	return nil
}

// separator lies between the tree and the data (MaxMind DB File Format 2.0, Binary Search Tree Section).
const separator = 16

// recordOf reads where one side of a node leads to. A node has two of 24, 28 or 32 bits; of 28, their highest four
// share the byte in the middle.
func recordOf(text []byte, side, bits uint) (uint, error) {
	size := bits / 4
	start := side / 2 * size
	if bits != 24 && bits != 28 && bits != 32 || start+size > uint(len(text)) {
		return 0, errors.New("its tree is longer than the file")
	}
	node, right := text[start:start+size], side%2 == 1
	var high uint
	if bits == 28 {
		if high = uint(node[3] >> 4); right {
			high = uint(node[3] & 15)
		}
	}
	low := node[:bits/8]
	if right {
		low = node[size-bits/8:]
	}
	for _, b := range low {
		high = high<<8 | uint(b)
	}
	return high, nil
}

// find returns the record of an address, nil if there is none.
func (d *database) find(a netip.Addr) (*record, error) {
	if d == nil || a.Is6() && d.reader.Metadata.IPVersion == 4 {
		return nil, nil
	}
	res := d.reader.Lookup(a)
	if !res.Found() {
		return nil, res.Err()
	}
	if rec, ok := d.records.get(res.Offset()); ok {
		return rec, nil
	}
	rec, err := decode(res)
	if err != nil {
		return nil, err
	}
	d.records.put(res.Offset(), rec)
	return rec, nil
}
