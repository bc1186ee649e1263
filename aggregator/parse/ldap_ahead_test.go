package parse

import (
	"bytes"
	"strings"
	"testing"
)

// A connection's first line comes behind the result of its first bind, as slapd 2.5 writes it under load.
func TestAcceptAhead(t *testing.T) {
	f := func(want string, lines ...string) {
		t.Helper()
		var out bytes.Buffer
		if err := Lines(strings.NewReader(strings.Join(lines, "\n")+"\n"), &out, Options{Received: readAt}); err != nil {
			t.Fatal(err)
		}
		got := ""
		for line := range strings.Lines(out.String()) {
			if strings.Contains(line, `"action":"ldap-bind",`) {
				_, rest, _ := strings.Cut(line, `"source":{"ip":"`)
				ip, _, _ := strings.Cut(rest, `"`)
				got += ip + " "
			}
		}
		if got != want {
			t.Errorf("binds are from %q, want %q: %q", got, want, lines)
		}
	}
	const head = "Nov 23 17:53:29 vm slapd[7]: "
	bind := head + `conn=1039 op=0 BIND dn="cn=a,dc=x" method=128`
	result := head + "conn=1039 op=0 RESULT tag=97 err=49 text="
	accept := head + "conn=1039 fd=17 ACCEPT from IP=192.0.2.2:52979 (IP=127.0.0.1:389)"
	closed := head + "conn=1039 fd=17 closed"
	f("192.0.2.2 ", accept, bind, result)
	f("192.0.2.2 ", bind, result, accept)
	f("192.0.2.2 192.0.2.2 ", bind, result, accept, strings.ReplaceAll(bind, "op=0", "op=1"), strings.ReplaceAll(result, "op=0", "op=1"))
	// The number of another connection, which began before or is another process's.
	again := strings.ReplaceAll(accept, "192.0.2.2", "192.0.2.3")
	f("192.0.2.2 192.0.2.3 ", accept, bind, result, closed, again, bind, result)
	f(" ", bind, result, strings.ReplaceAll(accept, "slapd[7]", "slapd[8]"))
	f(" ", bind, result, strings.ReplaceAll(accept, "vm", "vn"))
	f(" ", strings.ReplaceAll(bind, "[7]", ""), strings.ReplaceAll(result, "[7]", ""), strings.ReplaceAll(accept, "[7]", ""))
	// What somebody else writes.
	f(" ", bind, result, strings.ReplaceAll(accept, "slapd[7]", "other[7]"))
	f(" ", bind, result, head+`conn=1039 op=1 SRCH base="" scope=2 deref=0 filter="( fd=1 ACCEPT from IP=192.0.2.9:1 (IP=127.0.0.1:389)"`)
}
