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
	"log/slog"
	"maps"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"belfry/aggregator/alert"
	"belfry/aggregator/config"
	"belfry/aggregator/dead"
	"belfry/aggregator/index"
	"belfry/aggregator/index/embedded"
	"belfry/aggregator/ledger"
	"belfry/shared/segment"
)

type restoreCmd struct {
	File       string `arg:"" help:"The backup." type:"existingfile"`
	WithConfig bool   `help:"Put the configuration, rules, parsers and lists of the backup back first, where there are none."`
	VerifyOnly bool   `help:"Only read the backup through, and say whether it is whole."`
}

// Run reads a backup through, and puts back what it holds.
func (r restoreCmd) Run(ctx context.Context, c *CLI) error {
	head, sums, err := verifyBackup(r.File)
	if err != nil {
		return err
	}
	if r.VerifyOnly {
		_, err := fmt.Fprintf(c.out(), "%s: whole, of %s, %d events (%s)\n", r.File, head.Created.Format(time.RFC3339), sums.Events, head.Engine)
		return err
	}
	var put []string
	if r.WithConfig {
		if put, err = restoreConfig(r.File, head.Config, c.Config); err != nil {
			return err
		}
	}
	cfg, err := config.Load(c.Config)
	if err != nil {
		return fmt.Errorf("%w (--with-config puts that of the backup back)", err)
	}
	if err := mustBeEmpty(cfg.State); err != nil {
		return err
	}
	n, err := restoreState(ctx, r.File, cfg, head, c)
	if err != nil {
		return fmt.Errorf("restore: %w (%s holds a part of it: remove it and begin again)", err, cfg.State)
	}
	if got := n.All(); got != sums.Events {
		return fmt.Errorf("restore: %d events of %d are there", got, sums.Events)
	}
	if err := errors.Join(giveToOwner(cfg.State), sayRoots(c.aside(), cfg.State, put)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out(), "restore: into %s: %v\n", cfg.Index.Engine, n)
	return err
}

// mustBeEmpty keeps a restore from mixing two states.
func mustBeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look into the state: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s holds a state already: a backup goes into an empty folder", dir)
	}
	return nil
}

// eachEntry calls fn for the entries of a backup, in order.
func eachEntry(file string, fn func(name string, r io.Reader) error) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("read backup: %w", err)
	}
	defer f.Close()
	in := tar.NewReader(f)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: read backup: %w", file, err)
		}
		if h.Typeflag != tar.TypeReg || path.Clean("/"+h.Name) != "/"+h.Name {
			return fmt.Errorf("%s: %q is no entry of a backup", file, h.Name)
		}
		if err := fn(h.Name, in); err != nil {
			return fmt.Errorf("%s: %s: %w", file, h.Name, err)
		}
	}
}

// verifyBackup reads a backup through: every entry is there, and as it was written.
func verifyBackup(file string) (head backupHead, sums backupSums, err error) {
	found := make(map[string]backupSum)
	err = eachEntry(file, func(name string, r io.Reader) error {
		if name == sumsName {
			return json.NewDecoder(r).Decode(&sums)
		}
		sum := sha256.New()
		var first bytes.Buffer
		out := io.Writer(sum)
		if name == headName {
			out = io.MultiWriter(sum, &first)
		}
		n, err := io.Copy(out, r)
		if err == nil && name == headName {
			err = json.Unmarshal(first.Bytes(), &head)
		}
		found[name] = backupSum{Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}
		return err
	})
	if err != nil {
		return head, sums, err
	}
	if sums.Entries == nil {
		return head, sums, fmt.Errorf("%s is not whole: its last entry, %s, is missing", file, sumsName)
	}
	if head.Format != backupFormat {
		return head, sums, fmt.Errorf("%s: its format is %d, and this program reads %d", file, head.Format, backupFormat)
	}
	return head, sums, compareSums(file, sums.Entries, found)
}

func compareSums(file string, want, found map[string]backupSum) error {
	var errs []error
	for name, w := range want {
		if f, ok := found[name]; !ok {
			errs = append(errs, fmt.Errorf("%s: %s is missing", file, name))
		} else if f != w {
			errs = append(errs, fmt.Errorf("%s: %s is damaged", file, name))
		}
	}
	for name := range found {
		if _, ok := want[name]; !ok {
			errs = append(errs, fmt.Errorf("%s: %s was not backed up", file, name))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// restoreConfig writes the files of the configuration where they were; the configuration itself, which was at main, where it is
// looked for. One that is there and differs is an error, and nothing is written. It returns what it wrote.
func restoreConfig(file, main, where string) (put []string, err error) {
	files := make(map[string][]byte)
	err = eachEntry(file, func(name string, r io.Reader) error {
		at, ok := strings.CutPrefix(name, configDir+"/")
		if !ok {
			return nil
		}
		text, err := io.ReadAll(r)
		files["/"+at] = text
		return err
	})
	if err != nil {
		return nil, err
	}
	if main == "" { // older backups do not say
		if main, err = likelyMain(slices.Sorted(maps.Keys(files)), where); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if main != where {
		files[where] = files[main]
		delete(files, main)
	}
	var errs []error
	for at, text := range files {
		if old, err := os.ReadFile(at); err == nil && !bytes.Equal(old, text) {
			errs = append(errs, fmt.Errorf("%s is there, and differs from that of the backup", at))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for _, at := range slices.Sorted(maps.Keys(files)) {
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return nil, fmt.Errorf("restore the configuration: %w", err)
		}
		if err := segment.ReplaceFile(at, files[at], 0o640); err != nil {
			return nil, fmt.Errorf("restore the configuration: %w", err)
		}
	}
	return slices.Sorted(maps.Keys(files)), nil
}

// likelyMain returns which of the files of a backup is the configuration itself: the one that lay where it is looked for, else
// one of that name.
func likelyMain(files []string, where string) (main string, err error) {
	for _, at := range files {
		if at == where || main == "" && path.Base(at) == filepath.Base(where) {
			main = at
		}
	}
	if main == "" {
		return "", fmt.Errorf("it does not say which of its files is the configuration, and none is named %s: name the one with -c, of %s",
			filepath.Base(where), strings.Join(files, ", "))
	}
	return main, nil
}

// restorer puts back a state, entry by entry.
type restorer struct {
	cfg    *config.Config
	head   backupHead
	log    *slog.Logger
	index  *offline
	full   bool // the index holds events already: servers may
	claims *ledger.Ledger
	loads  map[string]*index.Loader // by class
	folder *dead.Folder
	heir   *heir  // of who has shared hosts and gaps; nil: nobody has
	seen   uint64 // up to where the files of the state have seen a log that was there before the servers
	unzip  *zstd.Decoder
	ticker *ticker
}

func restoreState(ctx context.Context, file string, cfg *config.Config, head backupHead, c *CLI) (n index.Loaded, err error) {
	r := &restorer{cfg: cfg, head: head, log: c.Log, loads: make(map[string]*index.Loader), claims: ledger.New(), ticker: newTicker(c, "restore")}
	defer r.ticker.clear()
	if r.unzip, err = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(256<<20)); err != nil {
		return n, err
	}
	defer r.unzip.Close()
	defer func() {
		if r.index != nil {
			err = errors.Join(err, r.index.Close())
		}
	}()
	err = eachEntry(file, func(name string, in io.Reader) error { return r.entry(ctx, name, in) })
	if err = errors.Join(err, r.inherited(err == nil)); err != nil {
		return n, err
	}
	if err := r.open(ctx); err != nil { // it had no events
		return n, err
	}
	for _, l := range r.loads {
		if err := l.Flush(ctx); err != nil {
			return n, err
		}
		n = n.Plus(l.Loaded())
	}
	if cfg.Index.Engine == config.EngineElastic {
		return n, index.CopyLedger(ctx, r.claims, r.index)
	}
	return n, nil // it was given its ledger at the beginning
}

// open makes the index of the configuration, which begins where the log of the former one had come to: what alerts and
// fleet have seen is counted in it.
func (r *restorer) open(ctx context.Context) (err error) {
	if r.index != nil {
		return nil
	}
	if r.cfg.Index.Engine == config.EngineEmbedded {
		if err := embedded.Prepare(r.cfg.Dir("index"), max(r.head.Position, r.seen), r.claims); err != nil {
			return err
		}
	}
	if r.index, err = openOffline(ctx, r.cfg, r.cfg.Index.Engine, r.log); err == nil {
		r.index.looks = false               // the embedded one is empty, and the servers know their events
		r.full = len(r.index.classes()) > 0 // but not that one is in the index of another day
	}
	return err
}

func (r *restorer) entry(ctx context.Context, name string, in io.Reader) error {
	switch first, rest, _ := strings.Cut(name, "/"); first {
	case stateDir:
		return r.file(rest, in)
	case lettersDir:
		return r.letter(ctx, in)
	case docsDir:
		return r.docs(ctx, strings.TrimSuffix(rest, ".ndjson"), in)
	case eventsDir:
		class, _, _ := strings.Cut(rest, "/")
		return r.events(ctx, class, in)
	}
	return nil
}

func (r *restorer) file(name string, in io.Reader) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	if stateDir+"/"+name == ledgerName {
		return r.claims.Unmarshal(text)
	}
	if err := os.MkdirAll(r.cfg.State, 0o750); err != nil {
		return err
	}
	return segment.ReplaceFile(filepath.Join(r.cfg.State, filepath.FromSlash(name)), text, 0o600)
}

func (r *restorer) letter(ctx context.Context, in io.Reader) (err error) {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	if r.folder == nil {
		// A broker holds more letters than a folder takes, and all of them come back.
		if r.folder, err = dead.OpenFolder(r.cfg.Dir(deadDir), math.MaxInt64); err != nil {
			return err
		}
	}
	l, err := dead.Unmarshal(text)
	if err != nil {
		return err
	}
	return r.folder.Bury(ctx, l)
}

// docs puts back the documents that aggregators share. One that is there already is newer. Where none are shared, what they
// know goes into the files of one alone, as those of that one go the other way when it starts: the alerts that wait, the hosts
// and the gaps.
func (r *restorer) docs(ctx context.Context, name string, in io.Reader) error {
	switch {
	case r.cfg.Index.Engine == config.EngineElastic:
		return r.sharedDocs(ctx, name, in)
	case name == docsAlerts:
		return r.alerts(in)
	}
	if r.heir == nil {
		var err error
		if r.heir, err = openHeir(r.cfg, r.log); err != nil {
			return err
		}
		r.seen = max(r.seen, r.heir.fleet.Cursor())
	}
	return eachDoc(in, func(d backedDoc) error {
		r.heir.take(name, d.ID, d.Body)
		return nil
	})
}

// inherited ends what docs began with hosts and gaps, if that is whole.
func (r *restorer) inherited(whole bool) error {
	switch {
	case r.heir == nil:
		return nil
	case !whole:
		return r.heir.close()
	}
	return r.heir.settle()
}

func (r *restorer) sharedDocs(ctx context.Context, name string, in io.Reader) error {
	if err := r.open(ctx); err != nil {
		return err
	}
	shared, ok := r.index.Index.(sharedIndex)
	if !ok {
		return nil
	}
	docs, err := shared.Docs(ctx, name)
	if err != nil {
		return err
	}
	return eachDoc(in, func(d backedDoc) error {
		if err := docs.Save(ctx, d.ID, d.Body, ledger.Version{}); err != nil && !errors.Is(err, ledger.ErrConflict) {
			return err
		}
		return nil
	})
}

// eachDoc calls fn for the documents of a name.
func eachDoc(in io.Reader, fn func(backedDoc) error) error {
	for lines := json.NewDecoder(in); ; {
		var d backedDoc
		if err := lines.Decode(&d); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := fn(d); err != nil {
			return err
		}
	}
}

func (r *restorer) alerts(in io.Reader) (err error) {
	alone, err := alert.OpenOutbox(r.cfg.Dir(alertsFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, alone.Close()) }()
	r.seen = max(r.seen, alone.Cursor())
	return eachDoc(in, func(d backedDoc) error {
		a, ok, err := waiting(d.ID, d.Body)
		if ok {
			err = takeOver(alone, a.Alert, a.Taken)
		}
		return err
	})
}

func (r *restorer) events(ctx context.Context, class string, in io.Reader) error {
	if err := r.open(ctx); err != nil {
		return err
	}
	load := r.loads[class]
	if load == nil {
		load = r.index.loader(r.cfg, class)
		load.Anywhere = r.full
		r.loads[class] = load
	}
	if err := r.unzip.Reset(in); err != nil {
		return err
	}
	_, err := index.Import(ctx, r.unzip, load, func(uint64) {
		r.ticker.say(load.Loaded().All(), time.Now())
	})
	return err
}
