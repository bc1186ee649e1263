package stack

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strings"
)

// ReadBundle returns the files of a support bundle by their names, and checks that nobody else may read it, nor what is
// unpacked of it, and that all of it lies in one folder whose name begins so.
func ReadBundle(t TB, path, folder string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || st.Mode() != 0o600 {
		t.Fatalf("%v, %v", st.Mode(), err)
	}
	packed, err := gzip.NewReader(f)
	if err != nil {
		t.Fatalf("%v", err)
	}
	all := map[string]string{}
	for r := tar.NewReader(packed); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%v", err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%v", err)
		}
		in, name, _ := strings.Cut(h.Name, "/")
		if !strings.HasPrefix(in, folder) || h.Mode != 0o600 {
			t.Fatalf("%s, mode %o", h.Name, h.Mode)
		}
		all[name] = string(text)
	}
}
