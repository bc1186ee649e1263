package powercut

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// Cut writes into the folder to, which it makes, what a power cut at a moment of the journal may leave.
func (d *Disk) Cut(r *rand.Rand, at int, to string) error {
	d.mu.Lock()
	past := slices.Clone(d.journal[:at])
	d.mu.Unlock()
	if err := os.MkdirAll(to, 0o750); err != nil {
		return err
	}
	names := namesAt(r, past)
	for _, name := range slices.Sorted(maps.Keys(names)) { // folders come before what is in them
		path := filepath.Join(to, name)
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			continue // lost with its folder
		}
		var err error
		if n := names[name]; n.folder {
			err = os.Mkdir(path, 0o750)
		} else {
			err = os.WriteFile(path, contentAt(r, past, n), 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// survivors returns which of some steps survive that were not synced: all, none, the first ones, or any.
func survivors(r *rand.Rand, n int) []bool {
	some := make([]bool, n)
	until := r.IntN(n + 1)
	for i, how := 0, r.IntN(4); i < n; i++ {
		switch how {
		case 0:
			some[i] = true
		case 1:
			some[i] = i < until
		case 2:
			some[i] = r.IntN(2) == 0
		}
	}
	return some
}

// namesAt returns the names that are there.
func namesAt(r *rand.Rand, past []entry) map[string]*node {
	folders := make(map[string][]int) // steps of each, in order
	synced := make(map[string]int)    // how many of them are durable
	for i, e := range past {
		switch e.kind {
		case link, rename, unlink:
			dir := filepath.Dir(e.name)
			folders[dir] = append(folders[dir], i)
		case syncFolder:
			synced[e.name] = len(folders[e.name])
		}
	}
	names := make(map[string]*node)
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		steps := folders[dir]
		some := survivors(r, len(steps)-synced[dir])
		for k, i := range steps {
			if k < synced[dir] || some[k-synced[dir]] {
				past[i].change(names)
			}
		}
	}
	return names
}

// change does a step to names.
func (e *entry) change(names map[string]*node) {
	switch e.kind {
	case link:
		names[e.name] = e.node
	case rename:
		if names[e.name] == e.node {
			delete(names, e.name)
		}
		names[e.to] = e.node
	case unlink:
		if names[e.name] == e.node {
			delete(names, e.name)
		}
	}
}

// page is how many bytes of a file survive together.
const page = 512

// contentAt returns what is in a file.
func contentAt(r *rand.Rand, past []entry, n *node) []byte {
	var steps []entry
	synced := 0
	for _, e := range past {
		switch {
		case e.node != n:
		case e.kind == syncFile:
			synced = len(steps)
		case e.kind == write:
			steps = append(steps, e.pages()...)
		case e.kind == truncate:
			steps = append(steps, e)
		}
	}
	some := survivors(r, len(steps)-synced)
	zeros := r.IntN(3) == 0 // of some that are lost the file has got longer, and no more
	var content []byte
	for i, e := range steps {
		switch {
		case i < synced || some[i-synced]:
			content = e.apply(content)
		case zeros && e.kind == write && r.IntN(2) == 0:
			e.data = make([]byte, len(e.data))
			content = e.apply(content)
		}
	}
	return content
}

// pages returns a write as one for each page.
func (e *entry) pages() (all []entry) {
	for data, at := e.data, e.at; len(data) > 0; {
		n := min(int64(len(data)), page-at%page)
		all = append(all, entry{kind: write, data: data[:n], at: at})
		data, at = data[n:], at+n
	}
	return all
}

// apply does a write or a truncation to a content.
func (e *entry) apply(content []byte) []byte {
	end := e.at + int64(len(e.data))
	if e.kind == truncate || int64(len(content)) < end {
		longer := make([]byte, end)
		copy(longer, content)
		content = longer
	}
	copy(content[e.at:], e.data)
	return content
}
