package parse

import "strings"

// scanTracked reads what follows "conn=N op=N " where a client tracks its sessions (slapd's controls.c): "[IP=192.0.2.1
// NAME=web USERNAME=bob] BIND …". Whatever stands between the brackets is the client's, and may look like an end of them
// and a line behind it. known is what the first line of the operation had there, "" if it is not known: all lines of an
// operation have the same.
//
// Where there are several readings, the last one wins, for what a client writes stands before what the server does; and
// a request wins over a result, so that nobody forges an outcome by the name of what he asks for.
func scanTracked(text, known string) (o operation, ok bool) {
	if known != "" && len(text) > len(known)+2 && text[1:1+len(known)] == known && text[1+len(known):][:2] == "] " {
		if o, ok = scanUntracked(text[len(known)+3:]); ok {
			o.session = known
			o.ambiguous = o.ambiguous || strings.Contains(known, "] ")
			return o, true
		}
	}
	for end := 0; ; {
		next := strings.Index(text[end:], "] ")
		if next < 0 {
			break
		}
		end += next
		rest := text[end+2:]
		if reading, fits := scanUntracked(rest); fits && isWhole(rest) && (!ok || reading.kind != resultLine || o.kind == resultLine) {
			o, ok = reading, true
			o.session = text[1:end]
		}
		end += 2
	}
	if !ok {
		session, rest, _ := strings.Cut(text, "] ")
		if o, ok = scanUntracked(rest); ok {
			o.session = session[1:]
		}
	}
	o.ambiguous = o.ambiguous || strings.Contains(o.session, "] ")
	return o, ok
}

// isWhole reports whether a line of an operation is as slapd writes it, to its last byte. It escapes quotes in names
// (dn.c), but not in filters.
func isWhole(text string) bool {
	verb, rest := word(text)
	switch verb {
	case "RESULT", "SEARCH", "DISCONNECT":
		return strings.Contains(rest, " text=")
	case "WHOAMI", "STARTTLS", "UNBIND", "TURN", "REFRESH":
		return rest == ""
	case "ABANDON", "CANCEL":
		return isNumber(strings.TrimPrefix(rest, "msg="))
	case "EXT":
		return strings.Trim(rest, "oid=.0123456789") == ""
	case "SRCH":
		return strings.HasPrefix(rest, `base="`) && rest[len(rest)-1] == '"' || isNames(rest)
	case "BIND":
		if strings.HasPrefix(rest, `authcid="`) {
			return rest[len(rest)-1] == '"'
		}
		i := strings.LastIndexByte(rest, '=')
		return i >= 0 && isNumber(rest[i+1:]) && (strings.HasPrefix(rest, "anonymous ") || strings.Count(rest, `"`) == 2)
	case "MOD", "ADD", "DEL", "MODRDN", "PROXYAUTHZ":
		_, ok := between(rest, `dn="`, `"`)
		return ok && strings.Count(rest, `"`) == 2 || isNames(rest)
	case "CMP":
		return rest != "" && rest[len(rest)-1] == '"' && strings.Count(rest, `"`) == 4
	case "PASSMOD":
		return strings.Count(rest, `"`)%2 == 0 && strings.TrimSuffix(strings.TrimSuffix(rest, " new"), " old") != rest || rest == ""
	case "do_bind:":
		return rest != "" && rest[len(rest)-1] == ')'
	}
	return true
}

// isNames reports whether this is a list of attributes.
func isNames(s string) bool {
	names, ok := strings.CutPrefix(s, "attr=")
	return ok && strings.IndexByte(names, '=') < 0 && strings.IndexByte(names, ']') < 0
}

// ldapClient writes the session that a client tracks: who was served by it, by its own word.
func (l *line) ldapClient(session string) {
	if session == "" {
		return
	}
	whole := ldapSession(session)
	l.put("client.ip", canonical(whole.ip))
	l.put("client.domain", whole.name)
	l.put("client.user.name", whole.user)
	if first, _, ok := strings.Cut(session, "] "); ok { // the other reading
		other := ldapSession(first)
		l.also("client.domain", other.name)
		l.also("client.user.name", other.user)
	}
}

// tracked is a session as a client names it.
type tracked struct{ ip, name, user string }

// ldapSession reads "IP=192.0.2.1 NAME=web USERNAME=bob", any of which may be missing. Names may have blanks.
func ldapSession(s string) (t tracked) {
	if i := strings.Index(s, "USERNAME="); i == 0 || i > 0 && s[i-1] == ' ' {
		s, t.user = strings.TrimSuffix(s[:i], " "), s[i+len("USERNAME="):]
	}
	if i := strings.Index(s, "NAME="); i == 0 || i > 0 && s[i-1] == ' ' {
		s, t.name = strings.TrimSuffix(s[:i], " "), s[i+len("NAME="):]
	}
	t.ip = strings.TrimPrefix(s, "IP=")
	return t
}
