package app

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"belfry/aggregator/config"
	"belfry/aggregator/dead"
	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

// A backup is a tar file (POSIX.1-2001). In this order it holds
//
//	backup.json                 a backupHead: what it is of, and when
//	config/PATH                 configuration, rules, parsers and lists of enrichment, each by its absolute path; no key,
//	                            certificate or file of a password
//	state/ledger                what has arrived (ledger.Marshal)
//	state/NAME                  files of the state: fleet.db, alerts.db, tokens.json, mask.key, …
//	letters/ID                  dead letters, those at the broker too
//	docs/NAME.ndjson            documents that aggregators share (engine elastic)
//	events/CLASS/N.ndjson.zst   the events of a retention class, the oldest first
//	sums.json                   a backupSums, of all before
//
// The ledger is taken before the events: it claims nothing that is not among them.
const (
	backupFormat = 1
	headName     = "backup.json"
	sumsName     = "sums.json"
	ledgerName   = "state/ledger"
	configDir    = "config"
	stateDir     = "state"
	lettersDir   = "letters"
	docsDir      = "docs"
	eventsDir    = "events"
)

// backupHead says what a backup is of.
type backupHead struct {
	Format   int       `json:"format"`
	Created  time.Time `json:"created"`
	Engine   string    `json:"engine"`
	Config   string    `json:"config,omitempty"` // where the configuration itself was; its entry is by that path
	Position uint64    `json:"position"`         // of the index's log: what was seen of it, by alerts and fleet, is not beyond
}

// backupSums is the last entry: a backup without it is not whole.
type backupSums struct {
	Entries map[string]backupSum `json:"entries"`
	Events  uint64               `json:"events"`
}

type backupSum struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// backupPart is how many bytes of events, before compression, one entry holds: it is made in memory.
const backupPart = 32 << 20

// backupWriter writes the entries of a backup.
type backupWriter struct {
	out    *tar.Writer
	at     time.Time
	sums   backupSums
	events func(n uint64, at index.Cursor) // is told how far it is; may be nil
}

func newBackupWriter(w io.Writer, at time.Time) *backupWriter {
	return &backupWriter{out: tar.NewWriter(w), at: at, sums: backupSums{Entries: make(map[string]backupSum)}}
}

func (b *backupWriter) put(name string, size int64, r io.Reader) error {
	err := b.out.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: b.at, Format: tar.FormatPAX})
	if err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(b.out, sum), io.LimitReader(r, size))
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	b.sums.Entries[name] = backupSum{Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}
	return nil
}

func (b *backupWriter) bytes(name string, text []byte) error {
	return b.put(name, int64(len(text)), bytes.NewReader(text))
}

func (b *backupWriter) json(name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	return b.bytes(name, append(text, '\n'))
}

// file adds a file as it is now; one that is not there is left out.
func (b *backupWriter) file(name, path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("back up %s: %w", path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("back up %s: %w", path, err)
	}
	return b.put(name, info.Size(), f)
}

// end writes the sums.
func (b *backupWriter) end() error {
	if err := b.json(sumsName, b.sums); err != nil {
		return err
	}
	return b.out.Close()
}

// head adds the first entry, and the configuration.
func (b *backupWriter) head(h backupHead, path string, cfg *config.Config) (err error) {
	if h.Config, err = filepath.Abs(path); err != nil {
		return fmt.Errorf("back up %s: %w", path, err)
	}
	if err := b.json(headName, h); err != nil {
		return err
	}
	return b.config(path, cfg)
}

// config adds the configuration, and what it names that operators write: rules, parsers, and the lists of enrichment, of
// which one that is not there is no fault. Databases of addresses are fetched anew.
func (b *backupWriter) config(path string, cfg *config.Config) error {
	files := append([]string{path}, cfg.Enrich.Hosts...)
	files = append(files, cfg.Enrich.Users...)
	for _, t := range cfg.Enrich.Threats {
		files = append(files, t.Path)
	}
	written, err := operatorFiles(cfg)
	if err != nil {
		return err
	}
	files = append(files, written...)
	slices.Sort(files)
	for _, f := range slices.Compact(files) {
		abs, err := filepath.Abs(f)
		if err != nil {
			return fmt.Errorf("back up %s: %w", f, err)
		}
		if err := b.file(configDir+filepath.ToSlash(abs), abs); err != nil {
			return err
		}
	}
	return nil
}

// operatorFiles are the rules and parsers that a configuration names, by the paths that they have there.
func operatorFiles(cfg *config.Config) (files []string, err error) {
	for _, dir := range cfg.Alert.Rules {
		in := os.DirFS(dir) // as they are read: the folder, and a file of it, may be a link
		err := fs.WalkDir(in, ".", func(name string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if info, err := fs.Stat(in, name); err == nil && info.Mode().IsRegular() {
				files = append(files, filepath.Join(dir, name))
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list the rules of %s: %w", dir, err)
		}
	}
	for _, pattern := range cfg.Parse.Parsers {
		some, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("list the parsers of %s: %w", pattern, err)
		}
		files = append(files, some...)
	}
	return files, nil
}

// stateFiles are the files of the state that are replaced as a whole, or grow at their end, beside the index.
var stateFiles = []string{tokensFile, maskFile, erasuresFile, homeFile}

// snapshot writes a copy of a database that is open.
type snapshot func(w io.Writer) error

// database adds a copy of a database; by way of a file, for its size must be known first.
func (b *backupWriter) database(dir, name string, copyOf snapshot) error {
	f, err := os.CreateTemp(dir, "backup-*")
	if err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	defer f.Close()
	if err := copyOf(f); err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	return b.put(stateDir+"/"+name, size, f)
}

// letters adds the dead letters of a store, each as a folder of letters keeps it. One that was in a store before is on its way
// from that to this.
func (b *backupWriter) letters(ctx context.Context, store letters) error {
	return store.Visit(ctx, func(l *dead.Letter) (dead.Verdict, error) {
		name := lettersDir + "/" + l.ID.String()
		if _, ok := b.sums.Entries[name]; ok {
			return dead.Keep, nil
		}
		text, err := l.Marshal()
		if err != nil {
			return dead.Keep, err
		}
		return dead.Keep, b.bytes(name, text)
	})
}

// classEvents adds the events of a retention class.
func (b *backupWriter) classEvents(ctx context.Context, from index.Searcher, class string) error {
	var text, packed []byte
	part := 0
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("back up events: %w", err)
	}
	flush := func() error {
		if len(text) == 0 {
			return nil
		}
		part++
		packed = enc.EncodeAll(text, packed[:0])
		text = text[:0]
		return b.bytes(fmt.Sprintf("%s/%s/%06d.ndjson.zst", eventsDir, class, part), packed)
	}
	s := index.Search{Span: index.Span{Class: class}, Limit: -1, Oldest: true}
	err = from.Search(ctx, s, func(e *event.Event, at index.Cursor) error {
		text = append(e.AppendJSON(text), '\n')
		b.sums.Events++
		if b.events != nil {
			b.events(b.sums.Events, at)
		}
		if len(text) >= backupPart {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return fmt.Errorf("back up the events of class %s: %w", class, err)
	}
	return nil
}

// backupSource is what a backup is made of.
type backupSource struct {
	index     index.Index
	dir       string              // of the state
	databases map[string]snapshot // by the name of the file
	letters   []letters
	docs      map[string]index.Docs // by name; engine elastic
}

// state adds everything but the configuration. head is what the first entry says.
func (b *backupWriter) state(ctx context.Context, src backupSource, claims *ledger.Ledger) error {
	if err := b.bytes(ledgerName, claims.Marshal()); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(src.databases)) {
		if err := b.database(src.dir, name, src.databases[name]); err != nil {
			return err
		}
	}
	for _, name := range stateFiles {
		if err := b.file(stateDir+"/"+name, filepath.Join(src.dir, name)); err != nil {
			return err
		}
	}
	for _, store := range src.letters {
		if err := b.letters(ctx, store); err != nil {
			return fmt.Errorf("back up dead letters: %w", err)
		}
	}
	if err := b.documents(ctx, src.docs); err != nil {
		return err
	}
	classes, err := classesOf(ctx, src.index)
	if err != nil {
		return err
	}
	for _, class := range classes {
		if err := b.classEvents(ctx, src.index, class); err != nil {
			return err
		}
	}
	return nil
}

// backedDoc is a line of the documents of a name.
type backedDoc struct {
	ID   string          `json:"id"`
	Body json.RawMessage `json:"body"`
}

func (b *backupWriter) documents(ctx context.Context, all map[string]index.Docs) error {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		var text bytes.Buffer
		out := json.NewEncoder(&text)
		err := all[name].Each(ctx, time.Time{}, func(id string, body []byte, _ ledger.Version) error {
			return out.Encode(backedDoc{id, body})
		})
		if err == nil {
			err = b.bytes(docsDir+"/"+name+".ndjson", text.Bytes())
		}
		if err != nil {
			return fmt.Errorf("back up the documents %s: %w", name, err)
		}
	}
	return nil
}
