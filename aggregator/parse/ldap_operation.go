package parse

import "strings"

// lineKind is which part of an operation a line of slapd is.
type lineKind uint8

const (
	requestLine lineKind = iota // it begins an operation, or says more of it
	resultLine                  // it ends one
	noticeLine                  // it is of an operation, and neither
)

// operation is what one line says of an operation, or what all of its lines have said so far.
type operation struct {
	conn, op string // as in the line
	number   int    // of op
	request  string // bind, search, …; "" where the line does not tell

	dn, base, scope, filter, attrs string
	mech, ssf, oid, authz          string
	session                        string // behind a proxy that tracks them

	etime, qtime, entries, text string
	code                        int

	kind                 lineKind
	more                 bool // it never is the first line of its operation
	claimed, bound       bool // of slapd: a simple bind names somebody; and the client is that by now
	anonymous, ambiguous bool

	// What the directory remembers beside.
	start string   // @timestamp of its first line
	tls   bool     // of the connection, when it began
	begun bool     // its first line was read
	ended bool     // there was a result, or there will be none
	bytes int      // about what it weighs
	wait  *pending // nil where it waits for no result
	lines ids      // that were merged
	with  ldapTLS
}

// requests names the requests by the word that their line begins with.
var requests = map[string]string{
	"BIND": "bind", "SRCH": "search", "MOD": "modify", "ADD": "add", "DEL": "delete", "MODRDN": "modrdn",
	"CMP": "compare", "EXT": "extended", "PASSMOD": "passmod", "WHOAMI": "whoami", "STARTTLS": "starttls",
	"ABANDON": "abandon", "UNBIND": "unbind", "CANCEL": "cancel", "TXN": "transaction", "PROXYAUTHZ": "",
	"TURN": "turn", "REFRESH": "refresh", "AUTHZ": "",
}

// scanUntracked reads what follows "conn=N op=N " and the session, if there is one.
func scanUntracked(text string) (o operation, ok bool) {
	verb, rest := word(text)
	switch verb {
	case "SEARCH":
		if rest, ok = strings.CutPrefix(rest, "RESULT "); !ok {
			return o, false
		}
		o.request = "search"
		return o, o.scanResult(rest)
	case "RESULT":
		return o, o.scanResult(rest)
	case "DISCONNECT":
		ok = o.scanResult(rest)
		o.kind, o.request = noticeLine, "disconnect"
		return o, ok
	case "do_bind:":
		if o.scanInvalid(rest) {
			return o, true
		}
	}
	if isNotice(verb, rest) {
		o.kind, o.text = noticeLine, text
		return o, true
	}
	if o.request, ok = requests[verb]; !ok {
		return o, false
	}
	o.scanRequest(verb, rest)
	return o, true
}

// isNotice reports whether a line is of an operation, but neither begins nor ends it: what a function of slapd has to
// say ("do_extended: get_ctrls failed"), and at loglevel stats2 what is sent before the result.
func isNotice(verb, rest string) bool {
	switch verb {
	case "ENTRY", "REF", "INTERMEDIATE":
		return rest != ""
	}
	return len(verb) > 2 && verb[len(verb)-1] == ':' && strings.IndexByte(verb, '_') > 0
}

// scanInvalid reads "invalid dn (x)": of a bind whose name is none, this is all that comes before its result.
func (o *operation) scanInvalid(rest string) bool {
	dn, ok := between(rest, "invalid dn (", ")")
	if ok {
		o.request, o.dn = "bind", dn
	}
	return ok
}

func (o *operation) scanRequest(verb, rest string) {
	switch verb {
	case "BIND":
		o.scanBind(rest)
	case "SRCH":
		o.scanSearch(rest)
	case "MOD", "CMP", "ADD", "DEL", "MODRDN", "PROXYAUTHZ":
		if verb == "MOD" && o.scanChange(rest) {
			return
		}
		if dn, ok := strings.CutPrefix(rest, `dn="`); ok {
			if i := strings.LastIndex(dn, `" attr="`); i >= 0 && verb == "CMP" {
				o.attrs, dn = strings.TrimSuffix(dn[i+len(`" attr="`):], `"`), dn[:i+1]
			}
			o.dn = strings.TrimSuffix(dn, `"`)
		}
	case "WHOAMI", "STARTTLS", "CANCEL", "TXN", "TURN", "REFRESH", "AUTHZ":
		o.more = true // behind EXT
	case "EXT":
		o.oid = strings.TrimPrefix(rest, "oid=")
	case "PASSMOD":
		o.more = true
		if id, ok := strings.CutPrefix(rest, `id="`); ok {
			o.dn, _, _ = cutLast(id, `"`)
		}
	}
}

// scanChange reads the attributes of a MOD: "attr=sn mail", or at loglevel stats2 one value a line, as `sn="x"`,
// `sn+="x"` or `sn-=`, of which only the name is taken, and "-" between two changes of the same.
func (o *operation) scanChange(rest string) bool {
	if strings.HasPrefix(rest, `dn="`) {
		return false
	}
	o.more = true
	if attrs, ok := strings.CutPrefix(rest, "attr="); ok && (attrs == "" || attrs[0] != '"' && attrs[0] != '=') {
		o.attrs = attrs
	} else if name, _, ok := strings.Cut(rest, "="); ok {
		o.attrs = strings.TrimRight(name, "+-#")
	}
	return true
}

// scanBind reads from the right: a DN may hold quotes, and what looks like the rest of the line.
func (o *operation) scanBind(rest string) {
	if strings.HasPrefix(rest, "anonymous ") {
		return // a bound connection binds anew: this is of who it was, and tells nothing of who it will be
	}
	if rest, ok := strings.CutPrefix(rest, `authcid="`); ok {
		_, authz, _ := cutLast(rest, ` authzid="`)
		o.ambiguous = strings.Count(rest, ` authzid="`) > 1
		o.authz, o.more = strings.TrimSuffix(authz, `"`), true
		return
	}
	dn, ok := strings.CutPrefix(rest, `dn="`)
	if !ok {
		return
	}
	if before, method, found := cutLast(dn, `" method=`); found && isNumber(method) {
		o.dn = before
		switch method {
		case "128":
			o.mech, o.anonymous, o.claimed = "SIMPLE", before == "", before != ""
		case "163":
			o.mech = "SASL"
		}
	} else if before, after, found := cutLast(dn, `" mech=`); found {
		o.dn, o.more, o.bound = before, true, true
		o.mech, _ = word(after)
		o.ssf = assigned(after, " ssf=")
	}
}

// assigned returns the word behind a key, "" where the key is not there.
func assigned(s, key string) string {
	_, value, ok := cutLast(s, key)
	if !ok {
		return ""
	}
	value, _ = word(value)
	return value
}

func (o *operation) scanSearch(rest string) {
	if attrs, ok := strings.CutPrefix(rest, "attr="); ok {
		o.attrs, o.more = attrs, true
		return
	}
	rest, ok := strings.CutPrefix(rest, `base="`)
	if !ok {
		return
	}
	base, after, _ := strings.Cut(rest, `" scope=`) // quotes in names are escaped (dn.c), those in filters are not
	o.base = base
	o.scope, after = word(after)
	if _, filter, found := strings.Cut(after, `filter="`); found {
		o.filter = strings.TrimSuffix(filter, `"`)
	}
}

// scanResult reads "tag=97 err=49 qtime=0.1 etime=0.2 nentries=0 text=…". The text is whatever comes last.
func (o *operation) scanResult(rest string) bool {
	o.kind = resultLine
	head, text, _ := strings.Cut(rest, "text=")
	o.text = text
	known := false
	for head != "" {
		var part string
		part, head = word(head)
		switch key, value, _ := strings.Cut(part, "="); key {
		case "tag":
			if o.request == "" {
				o.request = ldapRequests[value]
			}
		case "err":
			o.code, known = number(value)
		case "qtime":
			o.qtime = value
		case "etime":
			o.etime = value
		case "nentries":
			o.entries = value
		case "oid":
			o.oid = value
			if o.request == "" {
				o.request = "extended"
			}
		}
	}
	return known
}
