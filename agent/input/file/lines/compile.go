package lines

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"sync"
	"time"

	"github.com/valyala/fastjson"
)

// overlap is how many bytes behind the cut are kept where rules mask: a secret that is no longer is found as a whole if
// it begins before the cut. A longer one is masked by its beginning.
const overlap = 4 << 10

// Compiled is a Config that is ready to be used.
type Compiled struct {
	encoding encoding
	format   string
	limit    int // bytes of an event's text that are sent
	keep     int // bytes of a line's text that are kept: what decides about the cut lies behind it
	rawKeep  int // bytes of a line that are kept before its format is known
	window   uint64
	multi    *multi
	drop     []rule
	mask     []rule
	direct   bool // a line is an event, as it stands
	pool     sync.Pool
}

// scratch is what is used while bytes are taken in.
type scratch struct {
	mac   hash.Hash
	text  []byte // masked
	spans []span
	json  fastjson.Parser
}

// Compile makes a valid Config ready. The key is of the HMAC that stands for what is masked; it is needed to mask only.
func Compile(cfg Config, key []byte) (*Compiled, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if len(cfg.Mask) > 0 && len(key) == 0 {
		return nil, errors.New("mask: there is no key to mask with")
	}
	c := &Compiled{format: cfg.Format, limit: int(cfg.MaxLine), window: window, encoding: encodings[cfg.Encoding]}
	if c.format == "" {
		c.format = Plain
	}
	if c.format != Plain {
		c.encoding = utf8Text
	}
	if c.limit == 0 {
		c.limit = defaultLine
	}
	c.keep = c.limit + 4 // a byte order mark, and the first byte behind the cut
	if len(cfg.Mask) > 0 {
		c.keep += overlap
	}
	switch c.rawKeep = c.keep; c.format {
	case CRI:
		c.rawKeep += criHeader
	case DockerJSON:
		c.rawKeep = 6*c.keep + jsonRest // \u0000
	}
	if err := c.compileRules(cfg); err != nil {
		return nil, err
	}
	c.direct = c.format == Plain && c.multi == nil && len(c.drop) == 0 && len(c.mask) == 0
	c.pool.New = func() any { return &scratch{mac: hmac.New(sha256.New, key)} }
	return c, nil
}

func (c *Compiled) compileRules(cfg Config) (err error) {
	if c.drop, err = compileRules("drop", cfg.Drop); err != nil {
		return err
	}
	if c.mask, err = compileRules("mask", cfg.Mask); err != nil {
		return err
	}
	if cfg.Multiline != nil {
		c.multi, err = compileMulti(*cfg.Multiline, c.limit)
	}
	return err
}

// multi is a Multiline that is ready to be used.
type multi struct {
	first    *rule // a line that it names begins an event
	next     *rule // a line that it names continues one
	maxLines int
	maxBytes int
	timeout  time.Duration
}

func compileMulti(m Multiline, limit int) (*multi, error) {
	c := &multi{maxLines: m.MaxLines, maxBytes: int(m.MaxBytes), timeout: time.Duration(m.Timeout)}
	if c.maxLines == 0 {
		c.maxLines = defaultLines
	}
	if c.maxBytes == 0 {
		c.maxBytes = limit
	}
	if c.timeout == 0 {
		c.timeout = defaultTimeout
	}
	r, err := compileRule(Rule{Matches: m.Begins + m.Continues}) // one of them is empty
	switch {
	case err != nil:
		return nil, fmt.Errorf("multiline: %w", err)
	case m.Begins != "":
		c.first = &r
	case m.Continues != "":
		c.next = &r
	}
	return c, nil
}
