package elastic

import (
	"os/exec"
	"strings"
	"testing"
)

// The script and the package name the same folder, each by itself.
func TestFolder(t *testing.T) {
	f := func(k Kind, home, cache string) {
		t.Helper()
		t.Setenv("HOME", home)
		t.Setenv("XDG_CACHE_HOME", cache)
		want, err := exec.Command("./fetch.sh", "where", k.String()).Output()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Folder(k)
		if err != nil || got != strings.TrimSpace(string(want)) {
			t.Errorf("%s: %s, %v; the script says %s", k, got, err, want)
		}
	}
	f(Elasticsearch, "/home/alice", "")
	f(OpenSearch, "/home/alice", "")
	f(Elasticsearch, "/home/alice", "/elsewhere")
	f(OpenSearch, "", "")
}
