package enrich

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// openFile opens a regular file of at most so many bytes.
func openFile(path string, most int64) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait
		return nil, nil, fmt.Errorf("%s: is no regular file", path)
	}
	if info.Size() > most {
		return nil, nil, fmt.Errorf("%s: %d bytes, at most %d are read", path, info.Size(), most)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return f, info, nil
}

// readFile reads a regular file of at most so many bytes.
func readFile(path string, most int64) ([]byte, error) {
	f, info, err := openFile(path, most)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	if _, err := text.ReadFrom(io.LimitReader(f, most)); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// mark is the byte order mark that some programs begin a text with.
const mark = "\ufeff"

// faults collects what is wrong with a file, and knows when it is enough.
type faults struct {
	path string
	errs []error
	more int
}

// maxFaults of one file are told one by one.
const maxFaults = 10

func (f *faults) add(line int, format string, args ...any) {
	if len(f.errs) >= maxFaults {
		f.more++
		return
	}
	f.errs = append(f.errs, fmt.Errorf("%s:%d: %w", f.path, line, fmt.Errorf(format, args...)))
}

func (f *faults) err() error {
	if f.more > 0 {
		return errors.Join(append(f.errs, fmt.Errorf("%s: %d more faults", f.path, f.more))...)
	}
	return errors.Join(f.errs...)
}
