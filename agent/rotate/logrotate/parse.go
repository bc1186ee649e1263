package logrotate

import (
	"fmt"
	"path/filepath"
	"strings"
)

// parser reads one file (logrotate.conf(5)). A line begins with a keyword, with a name, or with a brace:
//
//	include /etc/logrotate.d
//	/var/log/a.log "/var/log/b c/*.log"
//	/var/log/d {
//	    olddir /var/log/old
//	    postrotate
//	        anything, } too
//	    endscript
//	}
type parser struct {
	name    string
	global  *global
	include func(path string)

	rest  string
	line  int // of what rest begins with, from 1
	names []string
	first int // line of the names
	open  bool
	rules []rule

	closing bool // the line that was read last ends with the brace
}

var scripts = map[string]bool{"prerotate": true, "postrotate": true, "firstaction": true, "lastaction": true, "preremove": true}

func (p *parser) parse(text string) {
	p.rest, p.line = text, 1
	old := ""
	for p.rest != "" {
		line := strings.TrimLeft(p.peek(), " \t\r\v\f")
		switch {
		case line == "" || line[0] == '#':
			p.skip()
		case line[0] == '}':
			p.end(old)
			old = ""
			p.rest = p.rest[strings.IndexByte(p.rest, '}')+1:]
		case !p.open && strings.ContainsRune(`/"'~`, rune(line[0])):
			p.begin()
		default:
			if dir, ok := p.keyword(line); ok && p.open {
				old = dir
			} else if ok {
				p.global.olddir = dir
			}
			if p.closing {
				p.end(old)
				old, p.closing = "", false
			}
		}
	}
	p.end(old) // a section that is never closed is none for logrotate, but may be one soon
}

// peek returns the line that is next, without its end.
func (p *parser) peek() string {
	line, _, _ := strings.Cut(p.rest, "\n")
	return line
}

// skip passes over the line that is next.
func (p *parser) skip() {
	_, p.rest, _ = strings.Cut(p.rest, "\n")
	p.line++
}

// begin reads the names up to the brace, over several lines. Between two names a line may be a comment.
func (p *parser) begin() {
	p.first = p.line
	var text strings.Builder
	for p.rest != "" {
		line := p.peek()
		if strings.HasPrefix(strings.TrimLeft(line, " \t"), "#") {
			p.skip()
			continue
		}
		if names, after, ok := strings.Cut(line, "{"); ok {
			text.WriteString(names)
			p.names, p.open = split(text.String()), true
			p.rest = after + p.rest[len(line):]
			return
		}
		if strings.Contains(line, "}") { // no brace before it: logrotate gives up here
			break
		}
		text.WriteString(line + "\n")
		p.skip()
	}
	p.names, p.open = split(text.String()), true
}

// end closes the section: its names have an owner, and so has all in its olddir.
func (p *parser) end(old string) {
	if old == "" {
		old = p.global.olddir
	}
	by := fmt.Sprintf("%s:%d", p.name, p.first)
	for _, n := range p.names {
		if !filepath.IsAbs(n) {
			continue
		}
		n = filepath.Clean(n)
		p.rules = append(p.rules, rule{n, by})
		switch {
		case old == "":
		case filepath.IsAbs(old):
			p.rules = append(p.rules, rule{escape(filepath.Clean(old)) + "/*", by})
		default:
			p.rules = append(p.rules, rule{filepath.Join(filepath.Dir(n), escape(old)) + "/*", by})
		}
	}
	p.names, p.open = nil, false
}

// keyword takes a line such as "olddir /x", and returns the folder of an olddir. A brace that ends the line ends the
// section.
func (p *parser) keyword(line string) (olddir string, isOld bool) {
	p.closing = p.open && strings.HasSuffix(strings.TrimRight(line, " \t\r"), "}")
	p.skip()
	if p.closing {
		line = strings.TrimRight(line, " \t\r}")
	}
	words := split(strings.Replace(line, "=", " ", 1))
	if len(words) == 0 {
		return "", false
	}
	switch key := words[0]; {
	case scripts[key]:
		p.script()
	case key == "include" && len(words) > 1 && !p.open:
		p.include(words[1])
	case key == "olddir" && len(words) > 1:
		return words[1], true
	case key == "noolddir":
		return "", true
	case key == "tabooext":
		p.global.changeTaboo(words[1:], "*")
	case key == "taboopat":
		p.global.changeTaboo(words[1:], "")
	}
	return "", false
}

// script passes over the lines up to endscript.
func (p *parser) script() {
	for p.rest != "" {
		words := strings.Fields(p.peek())
		p.skip()
		if len(words) > 0 && words[0] == "endscript" {
			return
		}
	}
}

// split takes words apart as a shell does: by space, with quotes and backslashes.
func split(s string) []string {
	var words []string
	var word []byte
	var quote byte
	in, escaped := false, false
	for _, b := range []byte(s) {
		switch {
		case escaped:
			word, escaped = append(word, b), false
		case b == '\\' && quote != '\'':
			escaped, in = true, true
		case quote != 0 && b == quote:
			quote = 0
		case quote == 0 && (b == '"' || b == '\''):
			quote, in = b, true
		case quote == 0 && strings.IndexByte(" \t\r\n\v\f", b) >= 0:
			if in {
				words = append(words, string(word))
			}
			word, in = word[:0], false
		default:
			word, in = append(word, b), true
		}
	}
	if in {
		words = append(words, string(word))
	}
	return words
}
