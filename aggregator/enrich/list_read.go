package enrich

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Bounds of a threat list. A million addresses take some 20 bytes each, a million domains some 40, and what each line
// says of its own as much again.
const (
	maxList = 512 << 20 // bytes of a file
	maxLine = 64 << 10
	maxText = 256 // bytes of what a line says about its entry; the rest is cut
)

// listReader is a list while it is read.
type listReader struct {
	*list
	wrong *faults
	until int64 // when all of it expires
	known map[detail]uint32
	total int

	stamp  string // the last expiry that was read, and what it is
	parsed int64
}

func readList(t Threat) (*list, error) {
	f, info, err := openFile(t.Path, maxList)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := listReader{
		list:  &list{source: t.Source, feed: cmp.Or(t.Feed, t.Source)},
		wrong: &faults{path: t.Path},
		until: t.until(info.ModTime()),
		known: map[detail]uint32{},
	}
	text := bufio.NewReaderSize(io.LimitReader(f, maxList), maxLine)
	if start, _ := text.Peek(len(mark)); string(start) == mark {
		_, _ = text.Discard(len(mark)) // was peeked at
	}
	if t.isCSV() {
		r.csv(text)
	} else {
		r.plain(text)
	}
	r.addresses.sort(r.later)
	r.domains.fit()
	r.details = fitted(r.details)
	return r.list, r.wrong.err()
}

func (t Threat) isCSV() bool {
	return t.Format == comma || t.Format == "" && strings.EqualFold(filepath.Ext(t.Path), ".csv")
}

// until is when the whole list expires, for a file that was last written then.
func (t Threat) until(written time.Time) int64 {
	until := int64(never)
	if t.TTL > 0 {
		until = written.Add(time.Duration(t.TTL)).Unix()
	}
	if t.Expires != "" {
		if at, err := parseExpiry(t.Expires); err == nil { // it was validated
			until = min(until, at)
		}
	}
	return until
}

// plain reads an entry a line: "INDICATOR [EXPIRY] [# or ; what is known of it]".
func (r *listReader) plain(from *bufio.Reader) {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	n := 0
	for lines.Scan() {
		n++
		line, text := cutComment(lines.Text())
		words := strings.Fields(line)
		switch len(words) {
		case 0:
		case 1:
			r.add(n, words[0], "", text)
		case 2:
			r.add(n, words[0], words[1], text)
		default:
			r.wrong.add(n, "%.80q: an address, a network or a domain, and when it expires, is all that a line has before #", line)
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		r.wrong.add(n+1, "longer than %d bytes", maxLine)
	} else if err != nil {
		r.wrong.add(n+1, "%w", err)
	}
}

func cutComment(line string) (before, after string) {
	if i := strings.IndexAny(line, "#;"); i >= 0 {
		return line[:i], strings.TrimSpace(line[i+1:])
	}
	return line, ""
}

// The names that the columns of lists have.
var (
	indicatorColumns = []string{"indicator", "ip", "address", "ip_address", "dst_ip", "cidr", "network", "domain", "host", "value", "ioc"}
	expiryColumns    = []string{"expires", "expiry", "expiration", "valid_until", "until"}
	textColumns      = []string{"description", "comment", "malware", "reason", "threat"}
)

// csv reads records. The first one may name the columns; without it they are indicator, expiry, description.
func (r *listReader) csv(from io.Reader) {
	c := csv.NewReader(from)
	c.Comment = '#'
	c.ReuseRecord = true
	c.FieldsPerRecord = -1
	c.TrimLeadingSpace = true
	at := [3]int{0, 1, 2}
	for first := true; ; first = false {
		fields, err := c.Read()
		if err == io.EOF {
			return
		}
		if err != nil {
			csvFault(err, r.wrong)
			return
		}
		if first {
			if named, ok := listColumns(fields); ok {
				at = named
				continue
			}
		}
		line, _ := c.FieldPos(0)
		field := func(i int) string {
			if i < 0 || i >= len(fields) {
				return ""
			}
			return strings.TrimSpace(fields[i])
		}
		if indicator := field(at[0]); indicator != "" || len(fields) > 1 {
			r.add(line, indicator, field(at[1]), field(at[2]))
		}
	}
}

// listColumns finds the columns by their names. It reports false for a record that names none.
func listColumns(fields []string) (at [3]int, ok bool) {
	at = [3]int{-1, -1, -1}
	for i, f := range fields {
		name, _ := columnName(f)
		for j, names := range [3][]string{indicatorColumns, expiryColumns, textColumns} {
			if at[j] < 0 && slices.Contains(names, name) {
				at[j] = i
			}
		}
	}
	return at, at[0] >= 0
}

// add takes one entry.
func (r *listReader) add(line int, indicator, expiry, text string) {
	if r.total++; r.total > maxEntries {
		if r.total == maxEntries+1 {
			r.wrong.add(line, "more than %d entries", maxEntries)
		}
		return
	}
	until, err := r.expiry(expiry)
	if err != nil {
		r.wrong.add(line, "%w", err)
		return
	}
	value := r.detail(detail{until, shortened(text)})
	if looksLikeAddress(indicator) {
		p, err := parsePrefix(indicator)
		if err != nil {
			r.wrong.add(line, "%w", err)
			return
		}
		r.addresses.add(p, value)
		return
	}
	name, ok := domainOf(strings.TrimPrefix(strings.TrimPrefix(indicator, "*"), "."))
	if !ok {
		r.wrong.add(line, "%.80q is no address, no network as 203.0.113.0/24 and no domain as example.org", indicator)
		return
	}
	if !r.domains.add(name, value, r.later) {
		r.wrong.add(line, "too many domains")
	}
}

// looksLikeAddress tells what is, or wants to be, an address or a network from a domain.
func looksLikeAddress(text string) bool {
	if strings.ContainsAny(text, ":/") {
		return true
	}
	_, err := netip.ParseAddr(text)
	return err == nil
}

// expiry is the earlier one of an entry's and its list's.
func (r *listReader) expiry(text string) (int64, error) {
	if text == "" {
		return r.until, nil
	}
	if text != r.stamp {
		at, err := parseExpiry(text)
		if err != nil {
			return 0, fmt.Errorf("expiry: %w", err)
		}
		r.stamp, r.parsed = strings.Clone(text), at
	}
	return min(r.until, r.parsed), nil
}

func (r *listReader) detail(d detail) uint32 {
	n, ok := r.known[d]
	if !ok {
		d.text = strings.Clone(d.text) // not the whole line
		n = uint32(len(r.details))
		r.details = append(r.details, d)
		r.known[d] = n
	}
	return n
}

// later reports whether an entry expires later than another one.
func (r *listReader) later(a, b uint32) bool { return r.details[a].until > r.details[b].until }

func shortened(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.ToValidUTF8(text, "")
}
