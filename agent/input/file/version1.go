package file

import (
	"encoding/json"

	"belfry/agent/input/file/ident"
)

// evidence1 is what version 1 of the state knew of a content's bytes.
type evidence1 struct {
	HeadLen uint32      `json:"head_len"`
	Head    *ident.Hash `json:"head"`
	Top     uint64      `json:"top"`
	TopMark *ident.Hash `json:"top_mark"`
}

// readVersion1 reads a record of version 1 into one of this version.
func readVersion1(text []byte, into any) error {
	r := into.(*record)
	var old struct {
		Content json.RawMessage `json:"content"`
		Look    int64           `json:"look"`
	}
	if err := json.Unmarshal(text, &old); err != nil {
		return err
	}
	if old.Look > 0 {
		r.Meta = &meta{Look: old.Look, First: old.Look}
	}
	if old.Content == nil {
		return nil
	}
	var e evidence1
	if err := json.Unmarshal(old.Content, &e); err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(old.Content, &fields); err != nil {
		return err
	}
	delete(fields, "head")
	rest, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	c := new(content)
	if err := json.Unmarshal(rest, c); err != nil {
		return err
	}
	if e.Head != nil && e.HeadLen > 0 {
		c.Head = []ident.Rung{{Len: e.HeadLen, Hash: *e.Head}}
	}
	if e.TopMark != nil && e.Top > 0 {
		c.Note(ident.Mark{Off: e.Top, Hash: *e.TopMark})
	}
	c.Top, c.Taken = e.Top, e.Top
	r.Content = c
	return nil
}
