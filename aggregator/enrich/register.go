package enrich

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// maxEntries bounds a register and a list: beyond it something is wrong with whoever writes the files.
const maxEntries = 5_000_000

// register is the hosts or the users that the operator told of. It never changes once it was read.
type register struct {
	rows      map[string]*row // by name; of hosts in lower case
	short     map[string]*row // hosts by the first label of their names; nil where several share it
	addresses map[addressKey]*row
	total     int
}

// row is one host or one user.
type row struct {
	name   string
	values []value
}

// value is what one column gives: a field for each way in which an event can name the row.
type value struct {
	fields *[roles]string
	text   string
}

// roles of a user: who does it, to whom, as whom. A host has the first alone.
const roles = 3

// columns says what the columns of a register are.
type columns struct {
	hosts  bool
	labels [roles]string            // what the field of any other column begins with
	known  map[string][roles]string // fields of ECS
}

var (
	hostColumns = columns{
		hosts:  true,
		labels: [roles]string{"labels.host_"},
		known:  map[string][roles]string{"organization": {"organization.name"}},
	}
	userColumns = columns{
		labels: [roles]string{"labels.user_", "labels.user_target_", "labels.user_effective_"},
		known: map[string][roles]string{
			"full_name":    {"user.full_name", "user.target.full_name", "user.effective.full_name"},
			"email":        {"user.email", "user.target.email", "user.effective.email"},
			"organization": {"organization.name"},
		},
	}
)

// fields returns the fields of a column.
func (c columns) fields(column string) *[roles]string {
	if f, ok := c.known[column]; ok {
		return &f
	}
	var f [roles]string
	for i, prefix := range c.labels {
		if prefix != "" {
			f[i] = prefix + column
		}
	}
	return &f
}

// reading is a register while it is read.
type reading struct {
	register
	columns
	names map[string]*[roles]string // fields of each column
	texts map[string]string         // one copy of what many rows say, as a team
	seen  map[string]string         // where each name stands
}

// readRegister reads files one after the other. A name that stands twice is a fault.
func readRegister(paths []string, c columns) (*register, error) {
	r := reading{columns: c, names: map[string]*[roles]string{}, texts: map[string]string{}, seen: map[string]string{}}
	r.rows, r.short, r.addresses = map[string]*row{}, map[string]*row{}, map[addressKey]*row{}
	var errs []error
	for _, p := range paths {
		errs = append(errs, readSheet(p, r.add))
	}
	r.total = len(r.seen)
	return &r.register, errors.Join(errs...)
}

func (r *reading) add(e entry, wrong *faults) {
	name := ""
	one := &row{}
	var addresses []netip.Addr
	for _, c := range e.cells {
		switch {
		case c.column == "name":
			name = c.value
		case c.column == "ip" && r.hosts:
			addresses = append(addresses, readAddresses(c.value, e.line, wrong)...)
		default:
			one.values = append(one.values, value{r.fieldsOf(c.column), r.text(c.value)})
		}
	}
	if r.hosts {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
	}
	if name == "" {
		wrong.add(e.line, "name: must be given")
		return
	}
	if at, twice := r.seen[name]; twice {
		wrong.add(e.line, "%.80q stands twice, first at %s", name, at)
		return
	}
	if len(r.seen) >= maxEntries {
		wrong.add(e.line, "more than %d entries", maxEntries)
		return
	}
	name = strings.Clone(name)
	one.name = name
	r.seen[name] = fmt.Sprintf("%s:%d", wrong.path, e.line)
	r.rows[name] = one
	if r.hosts {
		r.index(one, addresses)
	}
}

// index makes a host known by its addresses and its first label, unless another one has them too.
func (r *reading) index(one *row, addresses []netip.Addr) {
	for _, a := range addresses {
		k := addressKey(a.As16())
		if other, taken := r.addresses[k]; taken && other != one {
			r.addresses[k] = nil
		} else {
			r.addresses[k] = one
		}
	}
	label, _, _ := strings.Cut(one.name, ".")
	if _, taken := r.short[label]; taken {
		r.short[label] = nil
	} else {
		r.short[label] = one
	}
}

func (r *reading) fieldsOf(column string) *[roles]string {
	f := r.names[column]
	if f == nil {
		column = strings.Clone(column)
		f = r.fields(column)
		r.names[column] = f
	}
	return f
}

// text returns a copy that holds on to no line of the file.
func (r *reading) text(s string) string {
	t, ok := r.texts[s]
	if !ok {
		t = strings.Clone(s)
		r.texts[t] = t
	}
	return t
}

// readAddresses reads one or several addresses.
func readAddresses(text string, line int, wrong *faults) (all []netip.Addr) {
	for _, f := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,;|", r) }) {
		a, ok := parseAddr(f)
		if !ok {
			wrong.add(line, "ip: %.64q is no address", f)
			continue
		}
		all = append(all, a)
	}
	return all
}

func lineNumber(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n > 0
}

func (r *register) size() int {
	if r == nil {
		return 0
	}
	return r.total
}

// host finds a host by its name: as it stands; else, of a name without a domain, the only host that has it as first
// label; else the host that the inventory names without a domain.
func (r *register) host(name string) *row {
	name = strings.TrimSuffix(name, ".")
	if r == nil || name == "" || len(name) > maxName {
		return nil
	}
	var space [maxName]byte
	lower := space[:len(name)]
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	if one := r.rows[string(lower)]; one != nil {
		return one
	}
	for i, c := range lower {
		if c == '.' {
			return r.rows[string(lower[:i])]
		}
	}
	return r.short[string(lower)]
}

// at finds the host that alone has an address.
func (r *register) at(a netip.Addr) *row {
	if r == nil {
		return nil
	}
	return r.addresses[a.As16()]
}

// user finds a user by the exact name: Unix tells Root from root.
func (r *register) user(name string) *row {
	if r == nil || name == "" {
		return nil
	}
	return r.rows[name]
}
