package config

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"belfry/shared/e2e/example"
)

// shipped is the file that the package installs.
const shipped = "../../packaging/agent.yaml"

// As it is installed it follows files, and all else is as if it were empty.
func TestExampleAsShipped(t *testing.T) {
	f := newFolder(t)
	text, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	const ship = "\nship: {https: {url: \"https://h:8443\", CERTS}}\n"
	got, fault := f.load(string(text) + ship)
	if fault != "" {
		t.Fatal(fault)
	}
	var paths []string
	for _, in := range got.Inputs.Files {
		paths = append(paths, in.Paths...)
	}
	if all := strings.Join(paths, " "); all != "/var/log/{auth.log,secure} /var/log/{syslog,messages}" {
		t.Errorf("it follows %s", all)
	}
	want, fault := f.load("inputs: {files: [{paths: [/x]}]}" + ship)
	if fault != "" {
		t.Fatal(fault)
	}
	want.Inputs, want.Hash = got.Inputs, got.Hash
	if got.Inputs.Syslog != nil || got.Inputs.Journal != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// With every key on it can be read, and has no fault but that it says more than one may.
func TestExampleIsWhole(t *testing.T) {
	f := newFolder(t)
	text, err := example.Whole(shipped)
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"/etc/belfry/ca.pem": f.files.CA, "/etc/belfry/agent.pem": f.files.Cert, "/etc/belfry/agent.key": f.files.Key,
		"/etc/belfry/relay.pem": f.files.Cert, "/etc/belfry/relay.key": f.files.Key,
	} {
		text = strings.ReplaceAll(text, name, path)
	}
	if _, fault := f.load(text); fault != "DIR/agent.yaml: ship: give exactly one of amqp and https" {
		t.Error(fault)
	}
	missing, err := example.Missing(shipped, Config{})
	if err != nil || len(missing) > 0 {
		t.Errorf("keys that it does not tell of: %q, %v", missing, err)
	}
}

// What it shows as default is what is used.
func TestExampleDefaults(t *testing.T) {
	var got Config
	if err := example.Defaults(shipped, &got); err != nil {
		t.Fatal(err)
	}
	f := newFolder(t)
	want, fault := f.load("inputs: {journal: [{}]}\nship: {https: {url: \"https://h:8443\", CERTS}}\n")
	if fault != "" {
		t.Fatal(fault)
	}
	values := func(c *Config) string {
		return fmt.Sprint(c.Namespace, c.Zone, c.Metrics, c.Ship.Lanes, " ", DefaultState)
	}
	if values(&got) != values(want) || got.State != DefaultState {
		t.Errorf("%s in %s, want %s in %s", values(&got), got.State, values(want), DefaultState)
	}
}
