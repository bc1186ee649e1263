package conf

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Removed stands where something was secret.
const Removed = "[removed]"

// Redact returns a configuration for others to read: written anew, without comments, and with Removed in the place of all
// that is secret, or might be. That is what the type of into says is a Secret, what a key says by its name, what lies below
// a key that is not known, what is masked, the arguments of commands, and in URLs the user and, but for a broker's, the path
// and the query. It also returns the texts that were removed. Of a file that is no YAML it returns an error that quotes
// nothing of it.
func Redact(text []byte, into any) (clean []byte, removed []string, err error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, nil, fmt.Errorf("%sof %d lines cannot be read as YAML", faultLine(err), strings.Count(string(text), "\n")+1)
	}
	if doc.Kind == 0 {
		return nil, nil, nil
	}
	r := &redactor{}
	r.value(&doc, reflect.TypeOf(into), "", 0)
	if clean, err = yaml.Marshal(&doc); err != nil {
		return nil, nil, errors.New("the configuration cannot be written anew")
	}
	return clean, r.removed, nil
}

// faultLine says where the decoder stumbled, without its words, which may be the file's.
func faultLine(err error) string {
	if n := yamlLine.FindStringSubmatch(err.Error()); n != nil {
		return "line " + n[1] + " "
	}
	return ""
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// redactor walks a document beside the type that it is for.
type redactor struct{ removed []string }

// maxDepth ends what an alias has tied to a ring.
const maxDepth = 100

// value cleans one value. A type of nil is anything.
func (r *redactor) value(n *yaml.Node, t reflect.Type, key string, depth int) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	for t != nil && t.Kind() == reflect.Pointer && !reads(t) {
		t = t.Elem()
	}
	switch {
	case n.Kind == yaml.DocumentNode:
		r.value(n.Content[0], t, key, depth+1)
	case depth > maxDepth, t == reflect.TypeFor[Secret](), secretKey.MatchString(key):
		r.remove(n)
	case n.Kind == yaml.AliasNode:
		r.value(n.Alias, t, key, depth+1)
	case n.Kind == yaml.MappingNode:
		r.section(n, t, depth)
	case n.Kind == yaml.SequenceNode:
		for i, v := range n.Content {
			if key == "postrotate" && i > 0 {
				r.remove(v)
				continue
			}
			r.value(v, elemOf(t), "", depth+1)
		}
	default:
		r.scalar(n)
	}
}

// section cleans the values of a mapping. The keys of a struct are known, those of a map are not.
func (r *redactor) section(n *yaml.Node, t reflect.Type, depth int) {
	var fields map[string]reflect.Type
	open := true
	if t != nil && t.Kind() == reflect.Struct && !reads(reflect.PointerTo(t)) {
		fields, open = fieldsOf(t)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		k.HeadComment, k.LineComment, k.FootComment = "", "", ""
		switch f, known := fields[k.Value]; {
		case k.Tag == "!!merge":
			r.value(v, t, "", depth+1)
		case known:
			r.value(v, f, k.Value, depth+1)
		case open:
			r.value(v, elemOf(t), k.Value, depth+1)
		default:
			r.remove(v)
		}
	}
}

func elemOf(t reflect.Type) reflect.Type {
	if t != nil && (t.Kind() == reflect.Map || t.Kind() == reflect.Slice) {
		return t.Elem()
	}
	return nil
}

// secretKey are the names of keys below which all is secret.
var secretKey = regexp.MustCompile(`(?i)pass|pwd|secret|token|key|credential|authorization|bearer|cookie|private|salt|^mask$`)

// remove takes a value out, and that of the anchor that it names.
func (r *redactor) remove(n *yaml.Node) {
	r.keep(n, 0)
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: Removed, Anchor: n.Anchor}
}

// keep notes what is removed.
func (r *redactor) keep(n *yaml.Node, depth int) {
	switch {
	case depth > maxDepth:
	case n.Kind == yaml.AliasNode:
		r.keep(n.Alias, depth+1)
	case n.Kind == yaml.ScalarNode && n.Value != Removed:
		r.removed = append(r.removed, n.Value)
	}
	if depth <= maxDepth {
		for _, c := range n.Content {
			r.keep(c, depth+1)
		}
	}
}

// In a text, URLs have a user and more, and a word before a sign of equality may say that what follows is secret.
var (
	urls        = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*)://([^\s"'<>]*)`)
	assignments = regexp.MustCompile(`(?i)((?:pass(?:word|wd|phrase)?|secret|token|api[-_]?key)["']?\s*[=: ]\s*)(\S+)`)
)

func (r *redactor) scalar(n *yaml.Node) {
	clean := urls.ReplaceAllStringFunc(n.Value, r.url)
	clean = assignments.ReplaceAllStringFunc(clean, func(s string) string {
		m := assignments.FindStringSubmatch(s)
		r.removed = append(r.removed, m[2])
		return m[1] + Removed
	})
	if clean != n.Value {
		n.Value, n.Style = clean, yaml.DoubleQuotedStyle
	}
}

func (r *redactor) url(s string) string {
	m := urls.FindStringSubmatch(s)
	scheme, rest, user := m[1], m[2], ""
	if i := strings.LastIndexByte(rest, '@'); i >= 0 { // a password may have any other sign in it
		r.removed = append(r.removed, strings.SplitN(rest[:i], ":", 2)...)
		user, rest = Removed+"@", rest[i+1:]
	}
	host, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	broker := strings.HasPrefix(scheme, "amqp") && !strings.Contains(path, "?") // its path is the virtual host
	if host != "" && path != "" && path != "/" && !broker {
		r.removed = append(r.removed, strings.Trim(path, "/?#"))
		path = "/" + Removed
	}
	return scheme + "://" + user + host + path
}
