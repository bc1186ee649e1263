package app

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"syscall"
	"time"

	"belfry/aggregator/alert"
	"belfry/aggregator/config"
	"belfry/aggregator/dead"
	"belfry/aggregator/index"
	"belfry/aggregator/serve"
)

type backupCmd struct {
	File string `arg:"" help:"Where to write the backup, a tar file; it must not exist." type:"path"`
}

// Run writes a backup: of the aggregator that runs, else of its state as it lies there.
func (b backupCmd) Run(ctx context.Context, c *CLI) (err error) {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(b.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	whole := false
	defer func() {
		closed := f.Close()
		if err = errors.Join(err, closed); !whole || closed != nil {
			_ = os.Remove(b.File)
		}
	}()
	w := newBackupWriter(f, time.Now())
	body, err := c.ask(ctx, "/v1/backup", nil)
	switch {
	case err == nil:
		defer body.Close()
		err = w.adopt(c, cfg, body)
	case c.way != nil && c.way.local() && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)):
		err = w.offline(ctx, c, cfg)
	}
	if err != nil {
		return err
	}
	if err := errors.Join(w.end(), f.Sync()); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	whole = true
	_, err = fmt.Fprintf(c.out(), "backup: %d events, %s\n", w.sums.Events, b.File)
	return err
}

// adopt copies what the aggregator sends, and adds the configuration.
func (b *backupWriter) adopt(c *CLI, cfg *config.Config, body io.Reader) error {
	in, whole := tar.NewReader(body), false
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read what the aggregator sends: %w", err)
		}
		if h.Name == sumsName {
			var sums backupSums
			if err := json.NewDecoder(in).Decode(&sums); err != nil {
				return fmt.Errorf("read what the aggregator sends: %w", err)
			}
			b.sums.Events, whole = sums.Events, true
			continue
		}
		if h.Name == headName {
			var head backupHead
			if err := json.NewDecoder(in).Decode(&head); err != nil {
				return fmt.Errorf("read what the aggregator sends: %w", err)
			}
			if err := b.head(head, c.Config, cfg); err != nil {
				return err
			}
			continue
		}
		if err := b.put(h.Name, h.Size, in); err != nil {
			return err
		}
	}
	if !whole {
		return errors.New("the aggregator ended the backup before it was whole; its log says why")
	}
	return nil
}

// offline backs up a state that no aggregator has open.
func (b *backupWriter) offline(ctx context.Context, c *CLI, cfg *config.Config) (err error) {
	if err := asOwner(cfg.State); err != nil {
		return err
	}
	x, err := openToRead(ctx, cfg, cfg.Index.Engine, c.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	if err := b.head(headOf(x.Index), c.Config, cfg); err != nil {
		return err
	}
	src := backupSource{index: x.Index, dir: cfg.State, databases: make(map[string]snapshot)}
	for _, name := range []string{fleetFile, alertsFile} {
		path := cfg.Dir(name)
		if _, err := os.Stat(path); err == nil {
			src.databases[name] = func(w io.Writer) error { return copyFile(w, path) }
		}
	}
	if _, err := os.Stat(cfg.Dir(deadDir)); err == nil {
		folder, err := dead.OpenFolder(cfg.Dir(deadDir), 0)
		if err != nil {
			return err
		}
		src.letters = append(src.letters, folder)
	}
	if src.docs, err = sharedDocs(ctx, x.Index); err != nil {
		return err
	}
	t := newTicker(c, "backup")
	defer t.clear()
	b.events = func(n uint64, at index.Cursor) { t.say(n, time.Unix(0, at.Time)) }
	return b.state(ctx, src, x.Ledger())
}

// The files of the state beside the index, and the folder of dead letters.
const (
	fleetFile    = "fleet.db"
	alertsFile   = "alerts.db"
	tokensFile   = "tokens.json"
	maskFile     = "mask.key"
	erasuresFile = "erasures.ndjson"
	homeFile     = "aggregator-id" // names this aggregator among those that share an index
	deadDir      = "dead"
)

func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// headRoom is how many records may come between the head of a backup and the copies of the databases behind it: an index
// that is restored begins behind all that these have seen, or they would pass over what comes then.
const headRoom = 1 << 20

func headOf(x index.Index) backupHead {
	s := x.Stats()
	return backupHead{Format: backupFormat, Created: time.Now().UTC(), Engine: s.Engine, Position: s.Position + headRoom}
}

// docNames are the documents that aggregators share, but for the ledger, which is backed up by itself.
var docNames = []string{docsAgents, docsAlerts, docsGaps, docsNotes}

func sharedDocs(ctx context.Context, x index.Index) (map[string]index.Docs, error) {
	shared, ok := x.(sharedIndex)
	if !ok {
		return nil, nil
	}
	all := make(map[string]index.Docs)
	for _, name := range docNames {
		docs, err := shared.Docs(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("back up the documents %s: %w", name, err)
		}
		all[name] = docs
	}
	return all, nil
}

// addBackup adds to the API, on this machine alone:
//
//	GET /v1/backup    a tar file without the configuration; one that breaks off has no sums.json
func (a *Aggregator) addBackup(api *serve.API) {
	api.Handle("GET /v1/backup", serve.ForLocal, func(w http.ResponseWriter, r *http.Request, by serve.Asker) {
		a.log.Info("backup begins", "by", by.Name)
		w.Header().Set("Content-Type", "application/x-tar")
		if err := a.backup(r.Context(), w); err != nil {
			a.log.Error("backup failed", "err", err)
			panic(http.ErrAbortHandler) // so that the other end sees that it is not whole
		}
		a.log.Info("backup done")
	})
}

// letterStores are where dead letters are: those of the folder go to the broker one by one.
func (a *Aggregator) letterStores() (all []letters) {
	if a.folder != nil {
		all = append(all, a.folder)
	}
	return append(all, a.dead.store)
}

func (a *Aggregator) backup(ctx context.Context, w io.Writer) error {
	b := newBackupWriter(w, time.Now())
	claims := a.index.Ledger().Clone() // as it is now, before the events
	if err := b.json(headName, headOf(a.index)); err != nil {
		return err
	}
	src := backupSource{
		index: a.index, dir: a.cfg.State, letters: a.letterStores(),
		databases: map[string]snapshot{fleetFile: a.fleet.DB().Copy},
	}
	if o, ok := a.outbox.(*alert.Outbox); ok {
		src.databases[alertsFile] = o.Copy
	}
	var err error
	if src.docs, err = sharedDocs(ctx, a.index); err != nil {
		return err
	}
	if err := b.state(ctx, src, claims); err != nil {
		return err
	}
	return b.end()
}
