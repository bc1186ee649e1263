package lines

import (
	"testing"

	"belfry/shared/e2e/example"
)

// What the example of the configuration shows as defaults is what is used.
func TestExampleDefaults(t *testing.T) {
	var shown struct {
		Inputs struct {
			Files []struct {
				Config `yaml:",inline"`
			} `yaml:"files"`
		} `yaml:"inputs"`
	}
	if err := example.Defaults("../../../../packaging/agent.yaml", &shown); err != nil {
		t.Fatal(err)
	}
	compiled := func(c Config) *Compiled {
		t.Helper()
		if m := c.Multiline; m != nil {
			m.Begins, m.Continues, m.Escaped = "^x", "", false
		}
		got, err := Compile(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	plain, joined, told := compiled(Config{}), compiled(Config{Multiline: new(Multiline)}), 0
	for i, entry := range shown.Inputs.Files {
		c := compiled(entry.Config)
		if c.encoding != plain.encoding || c.format != plain.format || c.limit != plain.limit || len(c.drop)+len(c.mask) > 0 {
			t.Errorf("inputs.files[%d]: %+v", i, entry)
		}
		if m, want := c.multi, joined.multi; m != nil &&
			(m.maxLines != want.maxLines || m.maxBytes != want.maxBytes || m.timeout != want.timeout) {
			t.Errorf("inputs.files[%d].multiline: %+v", i, entry.Multiline)
		}
		if entry.MaxLine != 0 && entry.Encoding != "" && entry.Format != "" || entry.Multiline != nil && entry.Multiline.MaxLines != 0 {
			told++
		}
	}
	if told != 2 {
		t.Errorf("%d entries show them all", told)
	}
}
