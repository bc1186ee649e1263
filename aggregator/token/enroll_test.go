package token

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// Each use is on the disk before it counts, a repeat of the same request is none, and nothing else lets a name in.
func TestRedeem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	s := open(t, path)
	now := time.Now()
	s.now = func() time.Time { return now }
	made, secret, err := s.CreateEnrollment(Enrollment{Pattern: "agent-web*", Uses: 2}, now.Add(time.Hour))
	if err != nil || made.Enroll.One() {
		t.Fatal(made, err)
	}
	if _, scopes, ok := s.Check(secret); !ok || len(scopes) != 1 || scopes[0] != ScopeEnroll {
		t.Errorf("%v %v", scopes, ok)
	}
	busy := errors.New("has a certificate")
	yes := func(Token, bool) error { return nil }
	f := func(secret, name, key string, allowed func(Token, bool) error, want error) {
		t.Helper()
		if _, err := s.Redeem(secret, name, key, allowed); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	f(secret+"x", "agent-web01", "k1", yes, ErrUnknown)
	f(secret, "agent-db01", "k1", yes, ErrNotFor)
	f(secret, "belfry", "k1", yes, ErrNotFor)
	f(secret, "agent-web01", "k1", func(_ Token, again bool) error {
		if again {
			t.Error("a first use is taken for a repeat")
		}
		return busy
	}, busy)
	f(secret, "agent-web01", "k1", yes, nil)
	s = open(t, path)
	s.now = func() time.Time { return now }
	f(secret, "agent-web01", "k1", func(_ Token, again bool) error { // its answer was lost
		if !again {
			return busy
		}
		return nil
	}, nil)
	f(secret, "agent-web01", "k1", func(Token, bool) error { return busy }, busy)
	f(secret, "agent-web02", "k2", yes, nil)
	f(secret, "agent-web01", "k3", yes, ErrUsed)
	f(secret, "agent-web03", "k1", yes, ErrUsed)
	now = now.Add(time.Hour)
	f(secret, "agent-web01", "k1", yes, ErrUnknown)

	_, ordinary, err := s.Create("filebeat", []string{"ingest"}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	f(ordinary, "agent-web01", "k1", yes, ErrUnknown)
	if _, _, err := s.Create("x", []string{ScopeEnroll}, time.Time{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("enroll without a pattern: %v", err)
	}
	one, _, err := s.CreateEnrollment(Enrollment{Pattern: "agent-db01", Uses: 1}, now.Add(time.Hour))
	if err != nil || !one.Enroll.One() || len(s.List()) != 2 { // the one that has ended is gone
		t.Fatal(s.List(), err)
	}
	for _, bad := range []Enrollment{{"", 1, nil}, {"[", 1, nil}, {"agent-x", 0, nil}, {"agent-x", maxUses + 1, nil}} {
		if _, _, err := s.CreateEnrollment(bad, now.Add(time.Hour)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
