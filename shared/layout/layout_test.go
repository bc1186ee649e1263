// Package layout checks the shape of the tree: who may import whom, which package may use which library from outside,
// package names and comments, file size, and calls that only main may make.
package layout

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "belfry/"

// rules lists every allowed edge inside the module. It is policy: do not relax a line to make a build pass. A pattern
// that ends in /... matches a subtree. What hands on to the next stage does so by a func or an interface of its own.
var rules = []struct{ from, to string }{
	{"agent", "agent/app agent/config shared/bundle shared/check shared/ops"},
	// Completions and man pages come from the command line's own definition.
	{"agent", "shared/cmdline shared/quiet"},
	{"agent/app", "agent/config agent/enroll agent/input/... agent/spool agent/rotate agent/ship agent/ship/... " + leaves},
	{"agent/config", "agent/enroll agent/input/... agent/rotate agent/spool agent/ship/https shared/broker shared/certs shared/conf"},
	{"agent/input/...", "shared/heartbeat shared/backoff shared/batch shared/event shared/segment shared/conf"},
	// A listener for TLS has certificates; so has who ships, by the same word.
	{"agent/input/syslog", "shared/certs"},
	// What enrolment has written says where to ship to.
	{"agent/enroll", "shared/backoff shared/certs shared/enroll shared/owner shared/segment"},
	{"agent/spool", "shared/backoff shared/conf shared/segment"},
	// The core keeps the judgement and the state; its parts know of no file's history.
	{"agent/input/file", "agent/input/file/..."},
	// The journal of rotations is a segment log; what logrotate owns is a language of its own.
	{"agent/rotate", "agent/rotate/logrotate shared/conf shared/segment"},
	{"agent/ship", "shared/batch shared/backoff shared/event"},
	{"agent/ship/...", "shared/heartbeat shared/batch shared/broker shared/certs shared/conf"},

	{"aggregator", "aggregator/app aggregator/config"},
	{"aggregator", "shared/cmdline shared/quiet"},
	{"aggregator/app", "shared/cmdline"},
	{"aggregator/app", "aggregator/... shared/corpus " + leaves}, // belfry parse --test runs the corpus on any machine
	{"aggregator/config", "aggregator/enrich aggregator/mask aggregator/notify/... aggregator/topology shared/broker shared/certs shared/conf"},
	{"aggregator/config", "shared/batch"},             // a retention class is named as on the wire
	{"aggregator/config", "aggregator/index/elastic"}, // its section is all that there is to say of the servers
	{"aggregator/receive", "shared/event"},
	// What an attempt leaves on the disk must be there after the process has ended.
	{"aggregator/receive/amqp", "shared/segment"},
	{"aggregator/receive/...", "aggregator/receive shared/batch shared/broker shared/backoff shared/certs shared/event"},
	// A ledger document is a file that is replaced as a whole.
	{"aggregator/ledger", "shared/batch shared/event shared/segment"},
	{"aggregator/parse", "shared/event shared/conf"},  // what operators write is strict YAML
	{"aggregator/enrich", "shared/event shared/conf"}, // its section has lengths of time
	{"aggregator/mask", ""},
	// Who ships and how far it reaches comes from the ledger and the heartbeats.
	{"aggregator/fleet", "aggregator/ledger shared/batch shared/event shared/heartbeat"},
	{"aggregator/audit", "aggregator/ledger aggregator/fleet shared/batch shared/event"},
	{"aggregator/dead", "shared/backoff shared/batch shared/broker shared/event shared/segment"}, // it keeps a connection up
	{"aggregator/token", "shared/segment"},
	{"aggregator/ca", "shared/certs"}, // it is certs' authority, with a journal
	{"aggregator/topology", "shared/broker shared/certs shared/conf"},
	{"aggregator/query", "shared/event"},
	// A search is a query; the embedded engine's log and the ledger are one critical section.
	{"aggregator/index", "aggregator/ledger aggregator/query shared/batch shared/event"},
	{"aggregator/index/...", "aggregator/index aggregator/query aggregator/ledger shared/batch shared/event shared/segment"},
	// Both engines admit a Write alike; servers are waited for, and their section of the configuration is the engine's own.
	{"aggregator/index/...", "aggregator/index/admit"},
	{"aggregator/index/elastic", "shared/backoff shared/certs shared/conf"},
	{"aggregator/alert", "aggregator/query shared/event shared/backoff"},
	{"aggregator/notify/...", "shared/conf shared/backoff"},
	// What the operator's command line does to the broker; no stage knows of it.
	{"aggregator/topology", "shared/broker shared/conf"},
	{"aggregator/serve", "aggregator/index aggregator/query aggregator/ui shared/event shared/conf"}, // a length of time is written as everywhere

	// Leaves know neither side, and each other only in this order.
	{"shared/batch", "shared/event"},
	{"shared/heartbeat", "shared/event"},
	// What outlives a reload is the unix socket and the word to systemd.
	{"shared/reload", "shared/ops"},
	{"shared/corpus", "shared/event"},
	{"shared/broker", "shared/backoff shared/certs shared/conf"},
	// Findings have the keys that faults of a file have, and are printed.
	{"shared/check", "shared/conf shared/terminal"},
	// What a daemon says over its socket; the configuration without what is secret in it.
	{"shared/bundle", "shared/ops shared/conf"},
	// It takes the place of the disk below a log; only tests import it.
	{"shared/segment/powercut", "shared/segment"},
	// These drive the real programs from outside, and are linked into none of them.
	{"shared/e2e/...", "shared/... shared/e2e/..."},
}

// leaves may be used by the packages that wire a program.
const leaves = "shared/event shared/batch shared/broker shared/segment shared/certs shared/conf shared/backoff shared/run shared/ops shared/metric shared/heartbeat shared/check shared/terminal shared/enroll shared/owner shared/bundle shared/reload"

// outside maps each library from outside the module to the packages that may import it.
var outside = map[string]string{
	"github.com/CycloneDX/cyclonedx-go":                           "packaging/legal",
	"github.com/VictoriaMetrics/metrics":                          "agent/... aggregator/... shared/ops shared/reload shared/broker",
	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage":      "aggregator/index/embedded",
	"github.com/VictoriaMetrics/VictoriaLogs/lib/prefixfilter":    "aggregator/index/embedded",
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/logger":       "aggregator/index/embedded",
	"github.com/alecthomas/kong":                                  "agent aggregator aggregator/app shared/cmdline shared/e2e/...",
	"github.com/bmatcuk/doublestar/v4":                            "agent/input/file/glob",
	"github.com/elastic/elastic-transport-go/v8/elastictransport": "aggregator/index/elastic",
	"github.com/elastic/go-elasticsearch/v8/esapi":                "aggregator/index/elastic", // not the client above it, which is some hundred packages
	"github.com/ergochat/irc-go/ircevent":                         "aggregator/notify/irc",
	"github.com/ergochat/irc-go/ircmsg":                           "aggregator/notify/irc",
	"github.com/fsnotify/fsnotify":                                "agent/input/file",
	"github.com/klauspost/compress/flate":                         "aggregator/receive agent/input/file/archive", // foreign senders compress as they like; logrotate's files are resumed inside a member
	"github.com/klauspost/compress/gzip":                          "agent/rotate aggregator/receive agent/input/file/archive",
	"github.com/klauspost/compress/s2":                            "aggregator/index/embedded",
	"github.com/klauspost/compress/zlib":                          "aggregator/receive",
	"github.com/klauspost/compress/zstd":                          "shared/batch aggregator/app aggregator/receive agent/input/file/archive", // app: backups; logrotate\'s compresscmd
	"github.com/maxmind/mmdbwriter":                               "aggregator/enrich/geoip",                                                 // make geoip makes a database of CSV
	"github.com/maxmind/mmdbwriter/mmdbtype":                      "aggregator/enrich/geoip",
	"github.com/oschwald/maxminddb-golang/v2":                     "aggregator/enrich",
	"github.com/rabbitmq/amqp091-go":                              "shared/broker agent/ship/amqp aggregator/receive/amqp aggregator/dead shared/e2e/benchship shared/e2e/torture", // dead takes letters one by one, and puts them back; benchship is compared with it; torture is the receiver
	"github.com/valyala/fastjson":                                 "shared/event aggregator/index/embedded aggregator/index/elastic agent/input/file/lines",                        // lines: Docker writes JSON around each line
	"go.etcd.io/bbolt":                                            "aggregator/alert aggregator/fleet",
	"go.etcd.io/bbolt/errors":                                     "aggregator/alert aggregator/fleet",
	"go.yaml.in/yaml/v3":                                          "shared/conf aggregator/alert aggregator/enrich aggregator/mask aggregator/parse shared/e2e/example", // faults have lines; mask: its default rules
	"golang.org/x/net/idna":                                       "aggregator/enrich",
	"golang.org/x/sys/unix":                                       "agent/input/... agent/input/file/glob agent/spool agent/app agent/rotate aggregator/index/embedded aggregator/app shared/e2e/benchrelay shared/check shared/terminal shared/bundle shared/ops", // how a terminal is set; the system, its disks, its monotonic clock
	"gopkg.in/mcuadros/go-syslog.v2":                              "agent/input/syslog",
	"gopkg.in/mcuadros/go-syslog.v2/format":                       "agent/input/syslog",
}

// top is all that may lie at the top of the tree.
var top = strings.Fields(`agent aggregator shared packaging systemd go.mod go.sum Makefile README.md LICENSE CHANGELOG.md
	.gitignore .golangci.yml .ci`)

var banned = strings.Fields("util utils common helper helpers misc base types model core lib pkg")

const maxLines = 500

type pkg struct {
	ImportPath, Name, Doc, Dir     string
	GoFiles, Imports, XTestImports []string
}

func match(pattern, p string) bool {
	if t, ok := strings.CutSuffix(pattern, "/..."); ok {
		return strings.HasPrefix(p, t+"/")
	}
	return pattern == p
}

func among(patterns, p string) bool {
	return slices.ContainsFunc(strings.Fields(patterns), func(q string) bool { return match(q, p) })
}

func allowed(from, to string) bool {
	for _, r := range rules {
		if match(r.from, from) && among(r.to, to) {
			return true
		}
	}
	return false
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Name,Doc,Dir,GoFiles,Imports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestPackages(t *testing.T) {
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, module)
		if len(p.GoFiles) == 0 {
			continue // tests only
		}
		if p.Doc == "" {
			t.Errorf("%s: no package comment", from)
		}
		if p.Name != "main" && p.Name != path.Base(from) {
			t.Errorf("%s: package %s is not named like its folder", from, p.Name)
		}
		if slices.Contains(banned, path.Base(from)) {
			t.Errorf("%s: the name says nothing about what the package does", from)
		}
		for _, imp := range p.Imports {
			checkImport(t, p, from, imp)
		}
		for _, f := range p.GoFiles {
			checkFile(t, from, p.Name, filepath.Join(p.Dir, f))
		}
	}
}

func checkImport(t *testing.T, p pkg, from, imp string) {
	t.Helper()
	if to, local := strings.CutPrefix(imp, module); local {
		if !allowed(from, to) {
			t.Errorf("%s may not import %s", from, to)
		}
		return
	}
	if first, _, _ := strings.Cut(imp, "/"); strings.Contains(first, ".") && !among(outside[imp], from) {
		t.Errorf("%s may not import %s, which is from outside the module", from, imp)
	}
	if imp == "testing" {
		t.Errorf("%s imports testing outside a test", from)
	}
	// The library of the embedded index reads its settings from the global flags, and from nowhere else.
	if imp == "flag" && p.Name != "main" && from != "aggregator/index/embedded" {
		t.Errorf("%s imports flag: settings come in a Config", from)
	}
}

func checkFile(t *testing.T, from, name, file string) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(src, []byte("\n")); n > maxLines {
		t.Errorf("%s/%s: %d lines, at most %d", from, filepath.Base(file), n, maxLines)
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.FuncDecl:
			if x.Recv == nil && x.Name.Name == "init" {
				t.Errorf("%s: init function", fset.Position(x.Pos()))
			}
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok && name != "main" && id.Name == "os" && x.Sel.Name == "Exit" {
				t.Errorf("%s: only main may call os.Exit", fset.Position(x.Pos()))
			}
		}
		return true
	})
}

// What is linked into a program is listed by the tools themselves: neither side may reach the other.
func TestSidesAreApart(t *testing.T) {
	f := func(program, other, data string) {
		t.Helper()
		out, err := exec.Command("go", "list", "-deps", module+program).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, dep := range strings.Fields(string(out)) {
			if strings.HasPrefix(dep, module+other+"/") || strings.HasPrefix(dep, module+"shared/e2e") ||
				dep == module+"shared/corpus" && dep != data {
				t.Errorf("%s is linked into %s", dep, program)
			}
		}
	}
	f("agent", "aggregator", "")
	f("aggregator", "agent", module+"shared/corpus") // belfry parse --test
}

// Only what is in the repository counts: a build may leave its files beside.
func TestTop(t *testing.T) {
	out, err := exec.Command("git", "-C", "../..", "ls-files").Output()
	if err != nil {
		t.Skipf("not a git checkout: %v", err)
	}
	for _, f := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		first, _, _ := strings.Cut(f, "/")
		if first != "" && !slices.Contains(top, first) {
			t.Errorf("%s has no place at the top of the tree", first)
		}
	}
}
