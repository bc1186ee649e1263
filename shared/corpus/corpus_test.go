package corpus

import (
	"encoding/json"
	"testing"
)

// Each line has its object, in the same order.
func TestFields(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if len(f.Fields) < len(f.Lines) {
			t.Errorf("%s/%s: %d lines, fields for %d", f.Program, f.Name, len(f.Lines), len(f.Fields))
		}
		for i, text := range f.Fields {
			var object struct {
				Time string `json:"@timestamp"`
			}
			if err := json.Unmarshal([]byte(text), &object); err != nil || object.Time == "" {
				t.Errorf("%s/%s.ndjson:%d: %v: %s", f.Program, f.Name, i+2, err, text)
			}
		}
	}
}
