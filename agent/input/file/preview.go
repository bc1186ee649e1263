package file

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"belfry/agent/input/file/archive"
	"belfry/agent/input/file/glob"
	"belfry/agent/input/file/lines"
	"belfry/shared/event"
)

// Names lists what paths[i] names at this moment, and is not excluded, in the order of names.
func (c *Config) Names(i int) (all []string) {
	set, err := glob.Compile(c.Paths[i:i+1], c.Exclude)
	if err != nil {
		return nil // Validate has told
	}
	for _, dir := range set.Dirs().Dirs {
		d, err := glob.OpenDir(dir)
		if err != nil {
			continue
		}
		names := set.In(dir)
		_ = d.Each(func(name []byte, _ uint64, _ uint8) bool { // what cannot be listed names nothing
			if names.Match(name) {
				all = append(all, filepath.Join(dir, string(name)))
			}
			return true
		})
		d.Close()
	}
	slices.Sort(all)
	return all
}

// Preview hands the events on that a file would be sent as, each as a JSON object that is valid until the next, from its
// first byte to its last line end. It keeps no state, and its ids are those of no real stream; where the agent has no key of
// its own yet, or one that may not be read, what is masked has another token each time. matched is false if no input names
// the file: then it is read by the defaults.
func Preview(cfgs []Config, state, path string, src Source, each func(event []byte) error) (matched bool, err error) {
	cfg := Config{Paths: []string{path}}
	live, _ := rotatedFrom(path)
	for i := range cfgs {
		if set, err := glob.Compile(cfgs[i].Paths, cfgs[i].Exclude); err == nil && !matched && (set.Match(path) || set.Match(live)) {
			cfg, matched = cfgs[i], true
		}
	}
	if key, err := os.Open(ownMaskKey(state)); err != nil {
		state = "" // whoever looks makes no key that the agent could not read
	} else {
		_ = key.Close() // it was only to be there
	}
	if err := cfg.compile(state); err != nil {
		return matched, err
	}
	file, _, err := glob.OpenRegular(path)
	if err != nil {
		return matched, err
	}
	defer file.Close()
	st, err := statFile(file)
	if err != nil {
		return matched, err
	}
	var r io.Reader = io.NewSectionReader(file, 0, int64(st.size))
	var ref time.Time
	kind := archive.KindOfFile(path, file)
	if kind != archive.Plain {
		z, err := archive.Open(file, int64(st.size), kind)
		if err != nil {
			return matched, err
		}
		defer z.Close() //nolint:errcheck // it was read
		if r, ref = z, z.ModTime(); ref.IsZero() {
			ref = time.Unix(0, st.mtime)
		}
	}
	c := &content{Stream: event.HashKey("preview", path), Class: cfg.class()}
	p := &preview{enc: newEncoder(src, &cfg, c, live, ref), each: each, now: time.Now()}
	return matched, p.read(r, lines.New(cfg.lines, 0, nil, nil), kind != archive.Plain)
}

// preview is the sink of lines that only shows them.
type preview struct {
	enc  *encoder
	each func([]byte) error
	now  time.Time
}

func (p *preview) read(r io.Reader, reader *lines.Reader, whole bool) error {
	buf := make([]byte, turnSize)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if err := reader.Feed(buf[:n], p.now, p); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			if whole {
				return reader.End(p)
			}
			return reader.Expire(reader.Deadline(), p) // the agent waits for more only so long
		}
		if err != nil {
			return err
		}
	}
}

func (p *preview) Event(e *lines.Event) error { return p.each(p.enc.encode(e, p.now, marks{})) }

func (p *preview) Covered(uint64, uint64) error                { return nil }
func (p *preview) Skip(uint64, uint64, lines.SkipReason) error { return nil }
func (p *preview) Cut(uint64) error                            { return nil }
func (p *preview) Joined(uint64, uint64) error                 { return nil }
