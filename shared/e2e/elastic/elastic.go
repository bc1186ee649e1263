// Package elastic knows where the parts of a real Elasticsearch and a real OpenSearch node lie, and how one is started.
// Their jars are a part of tests, the demo and benchmarks alone: they are never shipped, linked or committed. fetch.sh
// fetches them into a cache outside the tree, as `make deps` does; package stack runs them.
package elastic

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// Kind is which of the two servers is meant; the zero value is Elasticsearch.
type Kind int

// The two servers that speak the same protocol, nearly.
const (
	Elasticsearch Kind = iota
	OpenSearch
)

func (k Kind) String() string {
	if k == OpenSearch {
		return "opensearch"
	}
	return "elasticsearch"
}

// sources is what the cache's folder is named after: the same files as in fetch.sh, in the same order.
//
//go:embed fetch.sh elasticsearch opensearch
var sources embed.FS

var version = regexp.MustCompile(`<version>(.*?)</version>`)

// Folder is where fetch.sh puts the parts of a node.
func Folder(k Kind) (string, error) {
	sum := sha256.New()
	var pom []byte
	for _, name := range []string{"fetch.sh", k.String() + "/pom.xml", k.String() + "/Launcher.java"} {
		text, err := sources.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("name the folder of %s: %w", k, err)
		}
		if filepath.Base(name) == "pom.xml" {
			pom = version.FindSubmatch(text)[1]
		}
		sum.Write(text)
	}
	name := fmt.Sprintf("%s-%s-%s", k, pom, hex.EncodeToString(sum.Sum(nil))[:8])
	return filepath.Join(cache(), "belfry", "elastic", name), nil
}

func cache() string {
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return dir
	}
	if home := os.Getenv("HOME"); home != "" {
		return filepath.Join(home, ".cache")
	}
	return "/var/cache"
}

// Fetched reports whether the parts of a node are there.
func Fetched(k Kind) bool {
	dir, err := Folder(k)
	if err != nil {
		return false
	}
	_, err = os.Stat(dir)
	return err == nil
}

// logging is all of the server's configuration that is a file: one line a message, on its standard output.
const logging = `appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
`

// defaultHeap bounds the memory of a node of a test; idle it takes half of it.
const defaultHeap = 512

// Node says how a node is to run.
type Node struct {
	Home     string   // its folder, made unless it is there
	HeapMB   int      // 512 for 0
	Settings []string // of the form key=value; the last of a key holds
	// Fast has java compile well what runs often, which costs more than it gives before some minutes are over.
	Fast bool
}

// Command makes the home of a node, and returns the arguments of java that run it.
func Command(k Kind, n Node) ([]string, error) {
	parts, err := Folder(k)
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{"config", "plugins", "tmp"} {
		if err := os.MkdirAll(filepath.Join(n.Home, dir), 0o755); err != nil {
			return nil, fmt.Errorf("make the home of %s: %w", k, err)
		}
	}
	for name, text := range map[string]string{k.String() + ".yml": "", "log4j2.properties": logging} {
		if err := os.WriteFile(filepath.Join(n.Home, "config", name), []byte(text), 0o644); err != nil {
			return nil, fmt.Errorf("make the home of %s: %w", k, err)
		}
	}
	heap := strconv.Itoa(cmp.Or(n.HeapMB, defaultHeap)) + "m"
	args := []string{
		"-Xms" + heap, "-Xmx" + heap, "-Djava.io.tmpdir=" + filepath.Join(n.Home, "tmp"), "-Djava.awt.headless=true",
		"-XX:+ExitOnOutOfMemoryError", "-XX:-UsePerfData",
		"-XX:SharedArchiveFile=" + filepath.Join(parts, "classes.jsa"), "-Xlog:disable", // which is of use, but not necessary
	}
	if !n.Fast {
		args = append(args, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
	}
	args = append(args, "-cp", filepath.Join(parts, "launcher.jar")+":"+filepath.Join(parts, "lib", "*"),
		"Launcher", n.Home, filepath.Join(parts, "modules"))
	return append(args, n.Settings...), nil
}
