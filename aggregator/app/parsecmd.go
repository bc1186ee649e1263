package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"belfry/aggregator/config"
	"belfry/aggregator/mask"
	"belfry/aggregator/parse"
	"belfry/shared/conf"
	"belfry/shared/corpus"
	"belfry/shared/event"
)

type parseCmd struct {
	Program  string    `help:"Program of lines that name none, as sshd." placeholder:"NAME"`
	Host     string    `help:"Host of lines that name none."`
	TZ       string    `help:"Time zone of stamps that name none, as Europe/Prague." default:"UTC" name:"tz"`
	Received time.Time `help:"When the lines were read: the year of stamps that have none (RFC 3339); default now."`
	Parsers  []string  `help:"Files of parsers that you wrote, or patterns of them; default those of the configuration, else ${parsers}." placeholder:"FILE"`
	Explain  bool      `help:"Show which parser took which part of each line, and where each field stands."`
	NoMask   bool      `help:"Leave secrets as they are. By default they are masked, by the rules of the configuration if there is one, with a key that everybody knows." name:"no-mask"`
	Test     bool      `help:"Read no lines, but check the parsers, yours and those that are built in, by their samples."`
}

// Help is what --help says beside the flags.
func (parseCmd) Help() string {
	return `Reads lines from standard input, with or without <PRI>, with any header or none, and prints one ECS object for each: belfry parse < FILE, or zcat FILE | belfry parse. Of the configuration, if there is one, it takes the
sections parse and mask.`
}

func (p parseCmd) Run(c *CLI) error {
	cfg, err := p.config(c)
	if err != nil {
		return err
	}
	custom, err := parse.LoadCustom(cfg.Parse.Parsers) // which runs their samples
	if err != nil {
		return err
	}
	if p.Test {
		return p.test(c.out(), custom)
	}
	opts := parse.Options{Program: p.Program, Host: p.Host, TZ: p.TZ, Received: p.Received, Custom: custom, Explain: p.Explain}
	if !p.NoMask {
		m, err := mask.New(cfg.Mask, make([]byte, mask.KeySize))
		if err != nil {
			return err
		}
		opts.Mask = m
	}
	return parse.Lines(os.Stdin, c.out(), opts)
}

// config reads the configuration; the one that is looked for where nobody named any may be missing, or another's.
func (p parseCmd) config(c *CLI) (*config.Config, error) {
	cfg := new(config.Config)
	err := conf.Read(c.Config, cfg)
	if c.Config == config.Path && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
		err = nil
	}
	switch {
	case len(p.Parsers) > 0:
		cfg.Parse.Parsers = p.Parsers
	case cfg.Parse.Parsers == nil:
		cfg.Parse.Parsers = []string{config.Parsers}
	}
	return cfg, err
}

// maxFaults bounds the differences that are shown.
const maxFaults = 100

// test compares what the parsers find in the lines of the corpus with what is to be found.
func (p parseCmd) test(out io.Writer, custom *parse.Custom) error {
	files, err := corpus.Files()
	if err != nil {
		return err
	}
	var total corpus.Result
	byProgram := make(map[string]corpus.Result)
	for _, f := range files {
		r, err := checkFile(f)
		if err != nil {
			return err
		}
		sum := byProgram[f.Program]
		byProgram[f.Program] = sum.Plus(r)
		total = total.Plus(r)
	}
	for _, fault := range total.Faults[:min(len(total.Faults), maxFaults)] {
		fmt.Fprintln(out, fault)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "program\tlines\tfields\tright\twrong\t")
	for _, name := range slices.Sorted(maps.Keys(byProgram)) {
		r := byProgram[name]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t\n", name, r.Lines, r.Fields, r.Right, r.Fields-r.Right)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if custom.Len() > 0 {
		fmt.Fprintf(out, "parsers of yours: %d, all of their %d samples right\n", custom.Len(), custom.Samples())
	}
	fmt.Fprintf(out, "corpus-check: %d/%d fields right, %d lines, %d programs\n", total.Right, total.Fields, total.Lines, len(byProgram))
	if total.Right != total.Fields {
		return errWrong
	}
	return nil
}

// checkFile reads a file of the corpus as the command reads its input.
func checkFile(f corpus.File) (corpus.Result, error) {
	var out bytes.Buffer
	in := strings.NewReader(strings.Join(f.Lines, "\n") + "\n")
	if err := parse.Lines(in, &out, parse.Options{Host: f.Host, TZ: f.TZ, Received: f.Received}); err != nil {
		return corpus.Result{}, err
	}
	var got []*event.Event
	var d event.Decoder
	for text := range bytes.Lines(out.Bytes()) {
		e, err := d.Decode(text)
		if err != nil {
			return corpus.Result{}, fmt.Errorf("%s/%s: %w", f.Program, f.Name, err)
		}
		got = append(got, e)
	}
	return f.Check(got)
}
