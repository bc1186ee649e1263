package corpus

import (
	"encoding/json"
	"testing"
)

// Each line has its object, in the same order.
func TestFields(t *testing.T) {
	lines, fields := AuthMixed(), AuthMixedFields()
	if len(lines) != len(fields) || len(lines) < 100 {
		t.Fatalf("%d lines, fields for %d", len(lines), len(fields))
	}
	for i, text := range fields {
		var object struct {
			Time string `json:"@timestamp"`
		}
		if err := json.Unmarshal([]byte(text), &object); err != nil || object.Time == "" {
			t.Errorf("line %d: %v: %s", i+1, err, text)
		}
	}
}
