package elastic

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"belfry/shared/corpus"
	"belfry/shared/event"
)

// corpusEvents returns what is to be found in the corpus.
func corpusEvents(t testing.TB) []*event.Event {
	t.Helper()
	files, err := corpus.Files()
	if err != nil {
		t.Fatal(err)
	}
	var d event.Decoder
	var all []*event.Event
	for _, f := range files {
		for _, text := range f.Fields {
			e, err := d.Decode([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
	}
	return all
}

// sendersOwn reports whether a name is of a sender's making: the mapping does not know these.
func sendersOwn(name string) bool {
	return strings.HasPrefix(name, "labels.") || strings.HasPrefix(name, "details.")
}

// The mapping knows what the corpus' lines have in them.
func TestKnownFields(t *testing.T) {
	missing := make(map[string]bool)
	for _, e := range corpusEvents(t) {
		for _, f := range e.Fields {
			if !known(f.Name) && !sendersOwn(f.Name) {
				missing[f.Name] = true
			}
		}
	}
	for name := range missing {
		t.Errorf("the corpus has %s", name)
	}
	for name := range fields.leaves {
		if fields.objects[name] {
			t.Errorf("%s has a value, and begins other names", name)
		}
	}
	if n := len(fields.names); n > maxMapped/2 {
		t.Errorf("%d names", n)
	}
}

// Every name to which package event gives a type is known: else its values could not be compared.
func TestTypedFields(t *testing.T) {
	source, err := os.ReadFile("../../../shared/event/ecs.go")
	if err != nil {
		t.Fatal(err)
	}
	typed := regexp.MustCompile(`"([a-z@][a-z0-9_.]+)":\s*(?:Text|Long|Float|Bool|Date|IP)`).FindAllSubmatch(source, -1)
	if len(typed) < 50 {
		t.Fatalf("only %d names found", len(typed))
	}
	for _, m := range typed {
		if name := string(m[1]); event.TypeOf(name) == event.Keyword || !known(name) {
			t.Errorf("%s is not known", name)
		}
	}
}
