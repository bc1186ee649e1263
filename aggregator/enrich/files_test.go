package enrich

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// faulty checks what is said of a file that does not fit.
func faulty(t *testing.T, cfg func(path string) Config) func(name, text string, want ...string) {
	return func(name, text string, want ...string) {
		t.Helper()
		path := file(t, name, text)
		_, err := Open(cfg(path), quiet, nil)
		if got := faultsOf(t, path, err); !slices.Equal(got, want) {
			t.Errorf("%.200q:\n got %s\nwant %s", text, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	}
}

func TestBadSheets(t *testing.T) {
	f := faulty(t, func(path string) Config { return Config{Hosts: []string{path}} })
	f("h.csv", "name,ip,Name\na,1.2.3.4,b\n", `enrich.hosts: h.csv:1: column name stands twice`)
	f("h.csv", "name,,x\n", `enrich.hosts: h.csv:1: column 2: "" is no name of a column`)
	f("h.csv", "name,ip\na,1.2.3\nb,10.0.0.300 10.0.0.1\n\nc\nd,10.0.0.4\n,10.0.0.5\nA.,\n",
		`enrich.hosts: h.csv:2: ip: "1.2.3" is no address`, `enrich.hosts: h.csv:3: ip: "10.0.0.300" is no address`,
		`enrich.hosts: h.csv:5: wrong number of fields`, `enrich.hosts: h.csv:7: name: must be given`,
		`enrich.hosts: h.csv:8: "a" stands twice, first at h.csv:2`)
	f("h.csv", "name\n\"a\nb\n", `enrich.hosts: h.csv:2: extraneous or missing " in quoted-field`)
	f("h.csv", "name,x\na,"+strings.Repeat("y", maxCell+1)+"\n", `enrich.hosts: h.csv:2: x: 4097 bytes, at most 4096 are kept`)
	f("h.csv", strings.Repeat("a,", maxColumns)+"b\n", `enrich.hosts: h.csv:1: 65 columns, at most 64 are read`)
	f("h.csv", "ip\n"+strings.Repeat("x\n", 12), append(slices.Collect(func(yield func(string) bool) {
		for i := range 5 {
			_ = yield(fmt.Sprintf(`enrich.hosts: h.csv:%d: ip: "x" is no address`, i+2)) &&
				yield(fmt.Sprintf(`enrich.hosts: h.csv:%d: name: must be given`, i+2))
		}
	}), `enrich.hosts: h.csv: 14 more faults`)...)

	f("h.yaml", "- name: a\n  name: b\n- {name: c, ip: [1.1.1.1, x], owner: {x: y}}\n- d\n- {owner: x}\n",
		`enrich.hosts: h.yaml:2: name stands twice`, `enrich.hosts: h.yaml:3: owner: is neither a value nor a list of values`,
		`enrich.hosts: h.yaml:3: ip: "x" is no address`, `enrich.hosts: h.yaml:4: is not a section of keys`,
		`enrich.hosts: h.yaml:5: name: must be given`)
	f("h.yaml", "hosts:\n  - name: a\n", `enrich.hosts: h.yaml:1: is not a list of sections`)
	f("h.yaml", "- name: a\n---\n- name: b\n", `enrich.hosts: h.yaml:2: a second document begins here`)
	f("h.yaml", "- name: [a\n", `enrich.hosts: h.yaml:1: did not find expected ',' or ']'`)
	f("h.yaml", "- &x {name: a}\n- *x\n", `enrich.hosts: h.yaml:2: is not a section of keys`)
	f("h.yaml", "- {? [a, b] : c, name: d}\n", `enrich.hosts: h.yaml:1: "" is no name of a column`)
	_, err := Open(Config{Users: []string{"/nowhere/u.csv"}}, quiet, nil)
	if got := fmt.Sprint(err); got != "enrich.users: stat /nowhere/u.csv: no such file or directory" {
		t.Error(got)
	}

	one, other := file(t, "a.csv", "name\nx\n"), file(t, "b.yaml", "- name: X\n")
	_, err = Open(Config{Hosts: []string{one, other}}, quiet, nil)
	if got := fmt.Sprint(err); got != fmt.Sprintf(`enrich.hosts: %s:1: "x" stands twice, first at %s:2`, other, one) {
		t.Error(got)
	}
}

// What is odd but means something.
func TestOddSheets(t *testing.T) {
	f := func(name, text string, size int, host string, fields ...string) {
		t.Helper()
		en := open(t, Config{Hosts: []string{file(t, name, text)}})
		if got := en.current.Load().hosts.size(); got != size {
			t.Errorf("%q: %d hosts, want %d", text, got, size)
		}
		if host != "" {
			want(t, en, on("host.name="+host), fields...)
		}
	}
	f("h.csv", "", 0, "")
	f("h.csv", "\ufeff", 0, "")
	f("h.csv", "name\r\n", 0, "")
	f("h.csv", "# only\nowner, name\n  \"A\r\nB\",  x", 1, "x", "labels.host_owner=A\nB")
	f("h.CSV", "\ufeff\"name\",\"owner\"\n\"x\",\"\xff\"\n", 1, "x", "labels.host_owner=\ufffd")
	f("h.yml", "", 0, "")
	f("h.yml", "# nothing\n", 0, "")
	f("h.yml", "---\n...\n", 0, "")
	f("h.yml", "\ufeff- {name: x, owner: ~, rack: 7, ports: [22, 443], ip: \"10.0.0.1,10.0.0.2\"}\r\n", 1, "x", "labels.host_rack=7",
		"labels.host_ports=22", "labels.host_ports=443")
}

func TestBadLists(t *testing.T) {
	f := faulty(t, func(path string) Config { return Config{Threats: []Threat{{Path: path, Source: "x"}}} })
	f("l.txt", "10.0.0.0/33\n1.2.3.4\n\n1.2.3.4.5\n::/0\n1.2.3.4:80\nhttp://evil.example/\nevil\nexample.org 31.12.2026\na.example b c\n",
		`enrich.threats[0]: l.txt:1: "10.0.0.0/33" is no address and no network as 203.0.113.0/24`,
		`enrich.threats[0]: l.txt:4: "1.2.3.4.5" is no address, no network as 203.0.113.0/24 and no domain as example.org`,
		`enrich.threats[0]: l.txt:5: "::/0" is every address`,
		`enrich.threats[0]: l.txt:6: "1.2.3.4:80" is no address and no network as 203.0.113.0/24`,
		`enrich.threats[0]: l.txt:7: "http://evil.example/" is no address and no network as 203.0.113.0/24`,
		`enrich.threats[0]: l.txt:8: "evil" is no address, no network as 203.0.113.0/24 and no domain as example.org`,
		`enrich.threats[0]: l.txt:9: expiry: "31.12.2026" is no day as 2026-12-31 and no time as 2026-12-31T12:00:00Z`,
		`enrich.threats[0]: l.txt:10: "a.example b c": an address, a network or a domain, and when it expires, is all that a line has before #`)
	f("l.txt", "::ffff:0.0.0.0/96\nfe80::1%eth0\n",
		`enrich.threats[0]: l.txt:1: "::ffff:0.0.0.0/96" is every address`,
		`enrich.threats[0]: l.txt:2: "fe80::1%eth0" is no address and no network as 203.0.113.0/24`)
	f("l.txt", "evil.example\n"+strings.Repeat("x", maxLine+1)+"\n", `enrich.threats[0]: l.txt:2: longer than 65536 bytes`)
	f("l.csv", "evil.example,2026-12-31,ok\n\"1.2.3.4/40\",,\n,2026-12-31,nothing\n",
		`enrich.threats[0]: l.csv:2: "1.2.3.4/40" is no address and no network as 203.0.113.0/24`,
		`enrich.threats[0]: l.csv:3: "" is no address, no network as 203.0.113.0/24 and no domain as example.org`)
	f("l.csv", "domain,until\nevil.example,soon\n\"x",
		`enrich.threats[0]: l.csv:2: expiry: "soon" is no day as 2026-12-31 and no time as 2026-12-31T12:00:00Z`,
		`enrich.threats[0]: l.csv:3: extraneous or missing " in quoted-field`)
	f("l.txt", strings.Repeat("x\n", 30), append(slices.Collect(func(yield func(string) bool) {
		for i := range maxFaults {
			yield(fmt.Sprintf(`enrich.threats[0]: l.txt:%d: "x" is no address, no network as 203.0.113.0/24 and no domain as example.org`, i+1))
		}
	}), `enrich.threats[0]: l.txt: 20 more faults`)...)

	folder := t.TempDir()
	if _, err := Open(Config{Threats: []Threat{{Path: folder, Source: "x"}}}, quiet, nil); err == nil ||
		err.Error() != "enrich.threats[0]: "+folder+": is no regular file" {
		t.Error(err)
	}
}

func TestListForms(t *testing.T) {
	f := func(name, text string, size int) {
		t.Helper()
		en := open(t, Config{Threats: []Threat{{Path: file(t, name, text), Source: "x"}}})
		if got := en.current.Load().threats[0].size(); got != size {
			t.Errorf("%q: %d entries, want %d", text, got, size)
		}
	}
	f("l", "", 0)
	f("l", "\ufeff# x\r\n; y\r\n\r\n", 0)
	f("l", "\ufeff1.2.3.4\r\n1.2.3.4/32\r\n::ffff:1.2.3.4\r\n\tevil.example.  # x\r\nEVIL.example\r\n", 2)
	f("l", "1.2.3.4/24\n1.2.3.0/24", 1)
	f("l.csv", "\ufeffindicator,expires\r\n1.2.3.4,\r\n\"evil.example\",2026-12-31\r\n", 2)
	f("l.csv", "1.2.3.4\n\n# x\n5.6.7.8\n", 2)
	f("l.csv", "first_seen,dst_ip,malware\nyesterday,1.2.3.4,\"a \"\"b\"\"\"\n", 1)
}

// An entry that stands twice expires when the later one does.
func TestLater(t *testing.T) {
	en := open(t, Config{Threats: []Threat{{Path: file(t, "l", "1.2.3.4 2027-01-01\n1.2.3.4 2026-01-01\na.example 2026-01-01\na.example\n"), Source: "x"}}})
	e := eventOf("source.ip=1.2.3.4", "url.domain=a.example")
	en.Enrich(e, now)
	if got := fmt.Sprint(e.All("threat.indicator.type")); got != "[ipv4-addr domain-name]" {
		t.Errorf("%s: %v", got, e.Fields)
	}
}

// What is too large is refused before it is read.
func TestTooLarge(t *testing.T) {
	f := func(name string, size int64, cfg func(path string) Config) {
		t.Helper()
		path := file(t, name, "")
		if err := os.Truncate(path, size+1); err != nil {
			t.Fatal(err)
		}
		_, err := Open(cfg(path), quiet, nil)
		if want := fmt.Sprintf("%d bytes, at most %d are read", size+1, size); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	f("h.csv", maxCSV, func(p string) Config { return Config{Hosts: []string{p}} })
	f("u.yaml", maxYAML, func(p string) Config { return Config{Users: []string{p}} })
	f("l", maxList, func(p string) Config { return Config{Threats: []Threat{{Path: p, Source: "x"}}} })
	f("c.mmdb", maxDatabase, func(p string) Config { return Config{GeoIP: GeoIP{City: p}} })
}

// A million lines must not cost more than some bytes each, and are all found.
func TestMillion(t *testing.T) {
	const million = 1_000_000
	var b bytes.Buffer
	addr := func(i int) string { return fmt.Sprintf("%d.%d.%d.%d", 1+i%200, i>>16&255, i>>8&255, i&255) }
	for i := range million {
		if i%2 == 0 {
			b.WriteString(addr(i))
		} else {
			fmt.Fprintf(&b, "bad%d.example%d.org", i, i%1000)
		}
		b.WriteByte('\n')
	}
	path := filepath.Join(t.TempDir(), "million")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	size := b.Len()
	b = bytes.Buffer{}
	before := heap()
	l, err := readList(Threat{Path: path, Source: "x"})
	if err != nil {
		t.Fatal(err)
	}
	held := heap() - before
	t.Logf("%d entries of a file of %d bytes take %d bytes", l.size(), size, held)
	if l.size() != million || held > 64*million {
		t.Errorf("%d entries, %d bytes", l.size(), held)
	}
	en := open(t, Config{})
	en.current.Store(en.current.Load().with(func(k *knowledge) { k.threats = []*list{l} }))
	for i := 0; i < million; i += 997 {
		e := eventOf("source.ip="+addr(i&^1), fmt.Sprintf("url.domain=www.bad%d.example%d.org", i|1, (i|1)%1000))
		en.Enrich(e, now)
		if n := len(e.All("threat.indicator.type")); n != 2 {
			t.Fatalf("%v", e.Fields)
		}
	}
}

// heap is how many bytes are in use.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
