package parse

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"belfry/shared/corpus"
	"belfry/shared/event"
)

// client is what a client of a directory server did and saw, by its exit code.
type client struct {
	Client    string `json:"client"`
	Kind      string `json:"kind"` // how it bound: anonymous, simple, sasl
	Step      string `json:"step"` // what the exit code is of: bind, or what came after a bind that was good
	Exit      int    `json:"exit"`
	Continued int    `json:"continued"` // answers that SASL is to go on
}

// binds counts what clients saw of their binds.
func binds(clients []client) map[string]int {
	n := map[string]int{}
	for _, c := range clients {
		n["continue"] += c.Continued
		switch {
		case c.Exit == 255:
			n["no answer"]++ // it tells nothing of the bind
		case c.Step == "bind" && c.Exit != 0:
			n["failure"]++
		case c.Kind == "anonymous":
			n["anonymous"]++
		default:
			n["success"]++
		}
	}
	return n
}

// bindsOf counts the binds that events tell of.
func bindsOf(events []*event.Event) map[string]int {
	n := map[string]int{}
	for _, e := range events {
		switch e.Get("event.action") {
		case "ldap-bind-continue":
			n["continue"]++
		case "ldap-bind":
			if outcome := e.Get("event.outcome"); outcome == "success" && e.Has("ldap.anonymous") {
				n["anonymous"]++
			} else {
				n[outcome]++
			}
		}
	}
	return n
}

func readClients(t *testing.T, program string) []client {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../shared/corpus", program, "clients.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []client
	if err := json.Unmarshal(text, &all); err != nil || len(all) == 0 {
		t.Fatalf("%d clients: %v", len(all), err)
	}
	return all
}

// The binds of real servers, counted by their lines, are as many as their clients saw.
func TestCorpusClients(t *testing.T) {
	f := func(program string, names ...string) {
		t.Helper()
		want := binds(readClients(t, program))
		for _, name := range names {
			if d := cmp.Diff(want, bindsOf(found(t, corpusFile(t, program, name)))); d != "" {
				t.Errorf("%s/%s: %s", program, name, d)
			}
		}
	}
	f("slapd", "session", "debug")
	f("389-ds", "access")
}

func corpusFile(t *testing.T, program, name string) corpus.File {
	t.Helper()
	files, err := corpus.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Program == program && f.Name == name {
			return f
		}
	}
	t.Fatalf("the corpus has no %s/%s", program, name)
	return corpus.File{}
}
