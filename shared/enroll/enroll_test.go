package enroll

import (
	"crypto/sha256"
	"strings"
	"testing"
)

func TestToken(t *testing.T) {
	want := Token{"belfry_abc", sha256.Sum256([]byte("x"))}
	if got, err := ParseToken(" " + want.String() + "\n"); err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "belfry_abc", "belfry_abc.", ".", want.String() + "A", "belfry_abc.x"} {
		if _, err := ParseToken(bad); err == nil || bad != "" && bad != "." && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestNames(t *testing.T) {
	f := func(host, want string) {
		t.Helper()
		got, err := AgentName(host)
		if (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%q: %q, %v, want %q", host, got, err, want)
		}
	}
	f("web01", "agent-web01")
	f("agent-web01", "agent-web01")
	f("web01.example.org", "agent-web01.example.org")
	f("belfry", "agent-belfry") // not the aggregator
	for _, bad := range []string{"", "agent-", "a b", "a\n", "../x", "-x", "x.", "ä", "a,b", "a*", strings.Repeat("x", 60)} {
		f(bad, "")
	}
	for _, bad := range []string{"belfry", "web01", "Agent-web01"} {
		if CheckName(bad) == nil {
			t.Errorf("%q is an agent", bad)
		}
	}
	h := func(name, dns string, ok bool) {
		t.Helper()
		if err := CheckHost(name, dns); (err == nil) != ok {
			t.Errorf("%s, %s: %v", name, dns, err)
		}
	}
	h("agent-web01", "web01", true)
	h("agent-web01", "WEB01.example.org", true)
	h("agent-web01.example.org", "web01", true)
	h("agent-web01", "web011", false)
	h("agent-web01", "logs.example.org", false)
	h("agent-web01", "", false)
	h("agent-web01", "web01.*", false)
}
