// Package bundle gathers what somebody who helps must know of a daemon and its host, in one file that can be given away: it
// has no secret, no log line and no event in it.
//
// A bundle is a gzipped tar file with one folder. What could not be had is named in errors.txt with the reason, and costs
// the rest nothing: it must be of use above all where things fail.
package bundle

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"belfry/shared/conf"
)

// Daemon says whose bundle it is.
type Daemon struct {
	Name    string // of the program
	Version string
	Unit    string // systemd's
	Config  string // file
	Shape   any    // pointer to the type of the configuration
	State   string // folder; "" if it is not known
	Socket  string // where it answers; "" if that is not known
	Status  string // path of its status there

	Certificates []string                // files that may hold some
	Check        func(w io.Writer) error // writes what a check of the configuration finds
}

// Entry is one file of a bundle.
type Entry struct {
	Name  string
	Bytes int
}

// partTime bounds each part: a daemon or a systemd that hangs is a reason to make a bundle.
const partTime = 15 * time.Second

// maxPart bounds each part, in bytes.
const maxPart = 32 << 20

// Write writes a bundle to out, and returns what is in it.
func Write(ctx context.Context, d Daemon, out io.Writer) ([]Entry, error) {
	b := &writer{d: d, ctx: ctx, at: time.Now()}
	packed := gzip.NewWriter(out)
	b.tar = tar.NewWriter(packed)
	b.config() // first: it tells what is to be in no other part
	for _, p := range b.parts() {
		if ctx.Err() != nil {
			break
		}
		b.part(p)
	}
	if len(b.errs) > 0 {
		b.put("errors.txt", []byte(strings.Join(b.errs, "\n")+"\n"))
	}
	return b.entries, errors.Join(b.fault, ctx.Err(), b.tar.Close(), packed.Close())
}

// writer writes the parts.
type writer struct {
	d       Daemon
	ctx     context.Context //nolint:containedctx // of the one call that it lives for
	at      time.Time
	tar     *tar.Writer
	secrets []string // the longest first
	entries []Entry
	errs    []string
	fault   error // of the file that is written
}

// part is one file of the bundle.
type part struct {
	name string
	make func(ctx context.Context, w io.Writer) error
	own  bool // it is what the daemon says, of which only its own words are told
}

func (b *writer) parts() []part {
	return []part{
		{"version.txt", b.version, false}, {"check.txt", b.check, false},
		{"status.json", b.asked(b.d.Status), true}, {"metrics.txt", b.asked("/metrics"), false}, {"health.txt", b.asked("/healthz"), true},
		{"goroutines.txt", b.asked("/debug/pprof/goroutine?debug=2"), false}, {"heap.pb.gz", b.asked("/debug/pprof/heap"), false},
		{"state.txt", b.state, false}, {"certificates.txt", b.certificates, false},
		{"process.txt", b.process, false}, {"host.txt", host, false}, {"disks.txt", b.disks, false}, {"clock.txt", clock, false},
		{"unit.txt", b.unit, false}, {"journal.txt", b.journal, true},
	}
}

// part makes one part. What it has made before it failed is kept.
func (b *writer) part(p part) {
	ctx, cancel := context.WithTimeout(b.ctx, partTime)
	defer cancel()
	buf := &bounded{left: maxPart}
	err := p.make(ctx, buf)
	switch {
	case err == nil && buf.cut:
		err = fmt.Errorf("cut at %d bytes", maxPart)
	case err == nil && buf.Len() == 0:
		err = errors.New("there is nothing")
	}
	if err != nil {
		b.failed(p.name, err)
	}
	if text := buf.Bytes(); len(text) > 0 {
		if p.own {
			text = ownWords(text)
		}
		if !strings.HasSuffix(p.name, ".gz") {
			text = b.scrub(text)
		}
		b.put(p.name, text)
	}
}

func (b *writer) failed(name string, err error) {
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	b.errs = append(b.errs, name+": "+string(b.scrub([]byte(text))))
}

// config adds the configuration as it can be told. The file itself is in no bundle: who cannot read it as YAML cannot tell
// what in it is secret.
func (b *writer) config() {
	text, err := os.ReadFile(b.d.Config)
	if err != nil {
		b.failed("config.yaml", err)
		return
	}
	clean, removed, err := conf.Redact(text, b.d.Shape)
	if err != nil {
		b.failed("config.yaml", fmt.Errorf("%s: %w", b.d.Config, err))
		return
	}
	for _, s := range removed {
		// What is short is found everywhere, and a path is no secret where somebody else writes it.
		if len(s) >= 5 && s[0] != '/' {
			b.secrets = append(b.secrets, s)
		}
	}
	slices.SortFunc(b.secrets, func(x, y string) int { return cmp.Or(len(y)-len(x), strings.Compare(x, y)) })
	b.put("config.yaml", b.scrub(clean))
}

// scrub takes the secrets of the configuration out of what others wrote: a check may quote one, and so may the log.
func (b *writer) scrub(text []byte) []byte {
	for _, s := range b.secrets {
		text = bytes.ReplaceAll(text, []byte(s), []byte(conf.Removed))
	}
	return text
}

func (b *writer) put(name string, text []byte) {
	if b.fault != nil {
		return
	}
	head := &tar.Header{Name: Folder(b.d.Name, b.at) + "/" + name, Mode: 0o600, Size: int64(len(text)), ModTime: b.at, Typeflag: tar.TypeReg}
	if b.fault = b.tar.WriteHeader(head); b.fault == nil {
		_, b.fault = b.tar.Write(text)
	}
	b.entries = append(b.entries, Entry{name, len(text)})
}

// Folder names the folder in a bundle, and by its name the file, unless told otherwise.
func Folder(program string, at time.Time) string {
	return program + "-support-" + at.UTC().Format("20060102-150405")
}

// bounded keeps so many bytes, and throws the rest away.
type bounded struct {
	bytes.Buffer
	left int
	cut  bool
}

// Write never fails: who writes need not stop.
func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.cut = b.cut || n < len(p)
	b.left -= n
	b.Buffer.Write(p[:n])
	return len(p), nil
}
