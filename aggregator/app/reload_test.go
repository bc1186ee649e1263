package app

import (
	"os"
	"path/filepath"
	"testing"
)

// An authority that is made beside a running aggregator is a change, though the file is the same.
func TestAuthorityIsPartOfTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "aggregator.yaml")
	if err := os.WriteFile(path, []byte("state: "+dir+"\nparse: {parsers: []}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hash := func() string {
		c, err := loadCandidate(path, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Hash()
	}
	before := hash()
	if again := hash(); again != before {
		t.Error("what has not changed has another hash")
	}
	if err := os.Mkdir(filepath.Join(dir, "ca"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca", "ca.pem"), []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if hash() == before {
		t.Error("a reload does not notice that there is an authority")
	}
}
