package query

import (
	"errors"
	"strings"
	"testing"

	"belfry/shared/event"
)

// line makes an event of pairs of name and value.
func line(pairs ...string) *event.Event {
	e := &event.Event{}
	for i := 0; i < len(pairs); i += 2 {
		e.Append(pairs[i], pairs[i+1])
	}
	return e
}

func parse(t *testing.T, text string) *Expr {
	t.Helper()
	x, err := Parse(text)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return x
}

func TestMatch(t *testing.T) {
	sudo := line(
		"message", "averez : TTY=pts/0 ; PWD=/srv/lab ; USER=root ; COMMAND=/usr/bin/su -c id",
		"event.original", "Nov 23 17:54:15 vm sudo:   averez : TTY=pts/0 ; COMMAND=/usr/bin/su -c id from 10.0.0.1",
		"user.name", "averez", "process.name", "sudo", "process.executable", "/usr/bin/su",
		"host.name", "web-01", "source.ip", "fe80::1", "process.pid", "4711",
		"tags", "demo", "tags", "Straße", "error.message", "İstanbul ΣΑΣ",
	)
	f := func(text string, want bool) {
		t.Helper()
		if got := parse(t, text).Match(sudo); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	f("", true)
	f("  ", true)
	f("*", true)
	f("averez", true)
	f("AVEREZ", true)
	f("avere", false)
	f("10.0.0.1", true)
	f("10.0.0", true)
	f("0.0.10", false)
	f(`"pts 0 pwd"`, true)
	f(`"TTY=pts/0 ; PWD"`, true)
	f(`"pwd pts"`, false)
	f("usr bin", true)
	f("ave* c?mmand", true)
	f("*erez", true)
	f("?verez", true)
	f("??verez", false)
	f("us*bin", false) // a wildcard stays in its word
	f("10.*.0.1", true)

	f("user.name:averez", true)
	f("user.name:AVEREZ", false)
	f("user.name: averez", true)
	f(`user.name:"averez"`, true)
	f(`"user.name":averez`, true)
	f(`user\.name:averez`, true)
	f("user.name:ave*", true)
	f("user.name:*e*e*", true)
	f("user.name:a?erez", true)
	f(`user.name:"ave*"`, false)
	f(`user.name:ave\*`, false)
	f("user.name:*", true)
	f("user.id:*", false)
	f("NOT user.id:*", true)
	f("_exists_:user.name", true)
	f("_exists_:(user.id OR user.name)", true)
	f("-_exists_:user.id", true)
	f("NOT user.id:7", true)
	f("process.pid:4711", true)
	f("process.pid:04711", false)
	f("source.ip:fe80::1", true)
	f("source.ip:fe80:*", true)
	f(`process.executable:"/usr/bin/su"`, true)
	f("process.executable:/usr/bin/su", true)
	f("process.executable:/usr/bin/s* AND host.name:/web-[0-9]+/", true)
	f("process.executable:/usr", false)
	f(`process.executable:\/usr\/bin\/su`, true)
	f("process.executable:*bin/su", true)
	f("host.name:web-01", true)
	f("host.name:-web", false)
	f("tags:demo", true)
	f("tags:Straße AND tags:demo", true)
	f("tags:straße", false)
	f("message:COMMAND", true)
	f("message:command", true)
	f(`message:"user root"`, true)
	f("error.message:istanbul", true)
	f("error.message:σασ", true)

	f("user.name:(root OR averez)", true)
	f("user.name:(root averez)", false)
	f("user.name:(NOT root)", true)
	f("user.name:(ave* AND -root)", true)
	f("averez AND nosuch", false)
	f("averez OR nosuch", true)
	f("nosuch OR averez AND nosuch", false)
	f("averez OR averez AND nosuch", true)
	f("(nosuch OR averez) AND nosuch", false)
	f("NOT nosuch averez", true)
	f("NOT(nosuch OR averez)", false)
	f("!nosuch && averez", true)
	f("nosuch||averez", true)
	f("NOT NOT averez", true)
	f(`"and"`, false)
	f("user.name:and", false)
	f(`"AND"`, false)
	f(`"COMMAND=/usr/bin/su"`, true)
}

func TestErrors(t *testing.T) {
	f := func(text string, column int, part string) {
		t.Helper()
		_, err := Parse(text)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("Parse(%q): %v, want an *Error", text, err)
			return
		}
		if e.Column != column || !strings.Contains(err.Error(), part) {
			t.Errorf("Parse(%q): %v, want column %d and %q", text, err, column, part)
		}
	}
	f("process.pid:[1 TO 2", 13, "never closed")
	f("process.pid:[1,2]", 17, "TO is missing")
	f("process.pid:[1 to 2]", 16, "TO is missing")
	f("process.pid:[1 TO 2)", 20, "end of the range")
	f("process.pid:[1 TO 2]a", 21, "no space")
	f("process.pid:[ TO 2]", 18, "TO is missing")
	f("process.pid:[1 TO]", 16, "TO is missing")
	f("process.pid:[1 TO ]", 19, "value is missing")
	f("process.pid:>", 14, "value is missing")
	f("process.pid:>=", 15, "value is missing")
	f("process.pid:>*", 14, "field:*")
	f("process.pid:>a", 14, "no number")
	f("process.pid:[1 TO x]", 19, "no number")
	f("process.pid:[3 TO 1]", 13, "lower value first")
	f("@timestamp:>yesterday", 13, "now-24h")
	f("@timestamp:[now-1y TO *]", 13, "now-24h")
	f("@timestamp:>2026-02-30", 13, "no time")
	f("source.ip:>x", 12, "no address")
	f("source.ip:10.0.0.0/33", 11, "no network")
	f("message:>a", 9, "no order")
	f("ldap.tls:>false", 10, "no order")
	f("user.name:[b TO a]", 11, "lower value first")
	f(">5", 1, "without a field")
	f("a [b", 3, "never closed")
	f("user.name://", 11, "empty")
	f(`user.name:/a^b/`, 13, "whole value")
	f(`user.name:/ab$/`, 14, ".*")
	f(`user.name:/a\b/`, 13, `\d`)
	f(`user.name:/äö\pL/`, 14, `\d`)
	f(`user.name:/(?i)a/`, 12, "groups are")
	f(`user.name:/a(b/`, 12, "never closed")
	f(`user.name:/al[/`, 14, "never closed")
	f(`(user.name:/[ab/) x`, 13, "never closed")
	f(`user.name:/ab)/`, 12, "without")
	f(`user.name:/a**/`, 13, "repeats nothing")
	f(`user.name:/x+a{1001}/`, 15, "too often")
	f(`user.name:/[b-a]/`, 13, "range")
	f(`user.name:/.*a.{30}/`, 12, "too complex")
	f(`user.name:/`+strings.Repeat("a", 300)+`/`, 12, "too long")
	f("a and b", 3, "write AND")
	f("a Or b", 3, "write OR")
	f("not b", 1, "write NOT")
	f("user.name=averez", 10, "user.name:value")
	f("process.pid>=10", 12, "process.pid:>=value")
	f("user.name!=averez", 10, "NOT user.name:value")
	f("user.name=~averez", 10, "user.name:/expression/")
	f(`user.name:'averez'`, 11, `use "`)
	f(`“averez”`, 1, "typographic")
	f("äöü user.name:", 15, "value is missing after user.name:")
	f("user.name: AND b", 12, "value is missing")
	f("user.name:()", 11, "empty")
	f("()", 1, "empty")
	f(`""`, 1, "empty")
	f(`user.name:""`, 11, "NOT field:*")
	f("a AND", 3, "AND has nothing behind it")
	f("a OR OR b", 3, "OR has nothing behind it")
	f("AND b", 1, "AND has nothing before it")
	f("NOT", 1, "NOT has nothing behind it")
	f("a || ", 3, "|| has nothing behind it")
	f("a & b", 3, "&&")
	f("a - b", 3, "NOT")
	f("+a", 1, "side by side")
	f("(a", 1, "never closed")
	f("a)", 2, "without")
	f(")", 1, "without")
	f(`"abc`, 1, "never closed")
	f(`"abc"d`, 6, "no space")
	f(`ab"c"`, 3, "quote within a word")
	f("pam_unix(sshd:auth)", 9, "within a word")
	f(`a\`, 2, `\\`)
	f(":a", 1, "no field")
	f("12:30:00", 1, "quotes")
	f("user.*:a", 1, "wildcard")
	f("_exists_:a*", 10, "wildcard")
	f("user.name:(a b:c)", 14, "within the values")
	f("---", 3, "nothing")
	f("...", 1, "no word")
	f("message:...", 9, "no word")
	f("ab\xffc", 3, "UTF-8")
	f(strings.Repeat("(", 100)+"a", 65, "nested")
	f(strings.Repeat("!", 100)+"a", 65, "nested")
	f(strings.Repeat("a ", 600), 1025, "512 terms")
	f(`"`+strings.Repeat("a ", 600)+`"`, 1, "512 terms")
	f("user.name:*"+strings.Repeat("a", 256), 11, "wildcards")
	f(strings.Repeat("a", 1<<20), 1, "too long")
}

func TestCaret(t *testing.T) {
	_, err := Parse("user.name:averez\tAND [\x1b31m")
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("no error: %v", err)
	}
	want := "user.name:averez AND [ 31m\n                     ^"
	if got := e.Caret(); e.Column != 22 || got != want {
		t.Errorf("column %d, caret\n%q, want\n%q", e.Column, got, want)
	}
}

func TestErrorsAreSafeToPrint(t *testing.T) {
	_, err := Parse("\x1b\x07...")
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\x07") {
		t.Errorf("the error carries control characters: %q", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"user.name:averez AND NOT (a OR \"b c\")", `a\ b:c*d?`, "_exists_:x -y !z",
		"f:(a || b) && *", `"\"`, "::", "\xff",
	} {
		f.Add(s)
	}
	e := line("message", "some words", "user.name", "averez", "tags", "a", "tags", "b")
	f.Fuzz(func(t *testing.T, text string) {
		x, err := Parse(text)
		if err != nil {
			var bad *Error
			if !errors.As(err, &bad) || bad.Column < 1 || bad.Column > len([]rune(text))+1 {
				t.Fatalf("Parse(%q): %#v", text, err)
			}
			_ = bad.Caret()
			return
		}
		x.Match(e)
		mustLogsQL(t, x)
		mustElastic(t, x)
	})
}
