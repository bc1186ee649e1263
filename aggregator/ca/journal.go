package ca

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// journalVersion is that of the lines.
const journalVersion = 1

// record is a line of the journal.
type record struct {
	V      int       `json:"v"`
	At     time.Time `json:"at"`
	Do     string    `json:"do"` // issue, enroll, renew, revoke
	Name   string    `json:"name"`
	Serial string    `json:"serial"` // in hex
	From   time.Time `json:"from,omitzero"`
	Until  time.Time `json:"until,omitzero"`
	By     string    `json:"by,omitempty"`   // user, token, or the serial that a renewal follows
	Peer   string    `json:"peer,omitempty"` // address that asked

	Reason      string `json:"reason,omitempty"`
	Compromised bool   `json:"compromised,omitempty"`
}

func issuedRecord(c *x509.Certificate, from Origin) record {
	if c == nil {
		return record{} // it was not signed, and is not written
	}
	return record{
		At: time.Now().UTC(), Do: from.How, Name: c.Subject.CommonName, Serial: serialOf(c), From: c.NotBefore, Until: c.NotAfter,
		By: from.By, Peer: from.Peer,
	}
}

// serialOf is a serial as the journal has it.
func serialOf(c *x509.Certificate) string { return c.SerialNumber.Text(16) }

// SameSerial compares one of the journal with what somebody typed, as openssl prints it perhaps.
func SameSerial(serial, typed string) bool {
	typed = strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(typed, "0x"), ":", ""))
	return typed != "" && strings.TrimLeft(typed, "0") == serial
}

// journal is the file of the records, and how far it was read.
type journal struct {
	path  string
	file  os.FileInfo // that was read; nil if there was none
	at    int64       // bytes that were read
	lines int         // and lines
}

// read returns the records that are new since the last time; anew says that those from before count no more, for it is
// another file. One that is gone is an error: what it has revoked stays so. The last line may be one that is just being written: it is left for the next time.
func (j *journal) read() (all []record, anew bool, err error) {
	f, err := os.Open(j.path)
	if errors.Is(err, fs.ErrNotExist) && j.file == nil {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read journal of certificates: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, false, fmt.Errorf("read journal of certificates: %w", err)
	}
	at, line := j.at, j.lines
	if j.file == nil || !os.SameFile(st, j.file) || st.Size() < j.at {
		at, line, anew = 0, 0, true
	}
	text := make([]byte, st.Size()-at)
	if _, err := io.ReadFull(io.NewSectionReader(f, at, int64(len(text))), text); err != nil {
		return nil, false, fmt.Errorf("read journal of certificates: %w", err)
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	for l := range bytes.Lines(text) {
		line++
		var r record
		if err := json.Unmarshal(l, &r); err != nil {
			return nil, false, fmt.Errorf("%s:%d: %w", j.path, line, err)
		}
		if r.V != journalVersion || r.Serial == "" {
			return nil, false, fmt.Errorf("%s:%d: version %d of serial %q, this program reads version %d", j.path, line, r.V, r.Serial, journalVersion)
		}
		all = append(all, r)
	}
	j.file, j.at, j.lines = st, at+int64(len(text)), line
	return all, anew, nil
}

// append writes records, and waits until they are on the disk. The caller holds the lock, and has read to the end.
func (j *journal) append(all []record) error {
	var text []byte
	for _, r := range all {
		r.V = journalVersion
		line, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("write journal of certificates: %w", err)
		}
		text = append(append(text, line...), '\n')
	}
	f, err := os.OpenFile(j.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("write journal of certificates: %w", err)
	}
	err = f.Truncate(j.at) // what a power cut has left of a line
	if err == nil {
		_, err = f.WriteAt(text, j.at)
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write journal of certificates: %w", err)
	}
	if j.file == nil {
		return syncDir(filepath.Dir(j.path))
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
