package app

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"belfry/aggregator/config"
	"belfry/aggregator/index"
	"belfry/shared/batch"
	"belfry/shared/event"
)

type (
	indexExportCmd struct {
		Query []string `arg:"" optional:"" help:"Which events; nothing means all."`
		spanFlags
		Output string `help:"File to write; it must not be there yet. Default: standard output." short:"o" type:"path" placeholder:"FILE"`
	}
	indexImportCmd struct {
		File  string `arg:"" help:"What index export wrote; - is the standard input."`
		Class string `help:"Retention class of these events." default:"default"`
	}
)

// Run writes events. A file is there, whole, or it is not.
func (e indexExportCmd) Run(ctx context.Context, c *CLI) error {
	v := url.Values{"q": {strings.Join(e.Query, " ")}, "limit": {"0"}, "order": {"oldest"}, "trail": {"1"}}
	if err := e.ask(v, time.Now()); err != nil {
		return err
	}
	if e.Output == "" {
		_, err := export(ctx, c, v, c.out())
		return err
	}
	f, err := os.OpenFile(e.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	n, err := export(ctx, c, v, f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("export: %w", errors.Join(err, os.Remove(e.Output)))
	}
	_, err = fmt.Fprintf(c.out(), "%d events are in %s\n", n, printable(e.Output))
	return err
}

// export writes what is found, and returns how many events that is.
func export(ctx context.Context, c *CLI, v url.Values, to io.Writer) (n int, err error) {
	out := bufio.NewWriterSize(to, 256<<10)
	p := jsonPrinter{out: out}
	_, err = c.search(ctx, v, out, func(line []byte, e *event.Event) error {
		n++
		return p.event(line, e)
	})
	return n, errors.Join(err, out.Flush())
}

// Run puts events into the index, each once, however often it is done.
func (i indexImportCmd) Run(ctx context.Context, c *CLI) (err error) {
	if !batch.ValidClass(i.Class) { // it would be kept as another, where the next import does not look for it
		return fmt.Errorf("--class %q: a class is 1 to 32 of a-z, 0-9 and _", printable(i.Class))
	}
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	in := io.Reader(os.Stdin)
	if i.File != "-" {
		f, err := os.Open(i.File)
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		defer f.Close()
		in = f
	}
	engine := cmp.Or(cfg.Index.Engine, config.EngineEmbedded)
	if engine == config.EngineEmbedded {
		if err := asOwner(cfg.State); err != nil {
			return err
		}
	}
	to, err := openOffline(ctx, cfg, engine, c.Log)
	if err != nil {
		return fmt.Errorf("import (does an aggregator run?): %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	l := to.loader(cfg, i.Class)
	l.Anywhere = len(to.classes()) > 0 // what was exported from here tells neither its class nor the day that its agent gave it
	t := newTicker(c, "import")
	_, err = index.Import(ctx, in, l, func(n uint64) { t.say(n, time.Now()) })
	t.clear()
	done := l.Loaded()
	if err != nil {
		return fmt.Errorf("import (%d events are there before; the same may be imported again): %w", done.Added+done.Known, err)
	}
	_, err = fmt.Fprintln(c.out(), done)
	return err
}
