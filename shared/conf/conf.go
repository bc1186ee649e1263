// Package conf reads configuration files in YAML, strictly: a key that nothing knows, a value of the wrong type or a
// key that stands twice is an error with file, line and the full key. All faults of a file are reported at once.
//
//	agent.yaml:12: inputs.files[0].pathz: unknown key; did you mean path?
//
// It also has the types that configurations share: Duration, Bytes and Secret.
package conf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"
)

// validator is a configuration that can check itself.
type validator interface{ Validate() error }

// completer is a configuration that fills in from elsewhere what its file leaves out.
type completer interface{ Complete() error }

// Load reads the file at path into a pointer to a struct with yaml tags. If that has a method Complete() error, it is called,
// and if it has one Validate() error, too, each of the faults that they join is reported with the name of the file. An empty
// file is the zero configuration.
func Load(path string, into any) error {
	if err := Read(path, into); err != nil {
		return err
	}
	if c, ok := into.(completer); ok {
		if err := c.Complete(); err != nil {
			return prefix(path+": ", err)
		}
	}
	if v, ok := into.(validator); ok {
		return prefix(path+": ", v.Validate())
	}
	return nil
}

// Read is Load without the Validate: for who needs a value that says nothing of the others.
func Read(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	return prefix(path+":", decode(text, into))
}

// decode reports each fault as "LINE: KEY: what is wrong", or " what is wrong" where the place is not known.
func decode(text []byte, into any) error {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return readable(err)
	}
	if err := dec.Decode(&second); err == nil {
		return fmt.Errorf("%d: a second document begins here", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return readable(err)
	}
	if err := check(&doc, into); err != nil {
		return err
	}
	if err := doc.Decode(into); err != nil { // what check does not know of
		return readable(err)
	}
	return nil
}

func prefix(p string, err error) error {
	var errs []error
	for _, e := range Split(err) {
		errs = append(errs, fmt.Errorf("%s%w", p, e))
	}
	return errors.Join(errs...)
}

// Split returns the errors that were joined into one, so that each can be given the name of its section.
func Split(err error) []error {
	if err == nil {
		return nil
	}
	many, ok := err.(interface{ Unwrap() []error }) // only what was joined last comes apart
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range many.Unwrap() {
		all = append(all, Split(e)...)
	}
	return all
}
