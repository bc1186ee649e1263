// The rules for Prometheus are held to promtool, to the metrics that there are, and to the README.
package prometheus_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"belfry/shared/e2e/stack"
)

const root = "../.."

// rule is an alert, or what is recorded.
type rule struct {
	Alert       string            `yaml:"alert"`
	Record      string            `yaml:"record"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "belfry.rules.yml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("no rules")
	}
	return all
}

// The rules are what Prometheus takes, and do what they are to do: promtool evaluates them over the series of the tests.
func TestPromtool(t *testing.T) {
	stack.Need(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "--lint-fatal", "belfry.rules.yml"}, {"test", "rules", "belfry.rules_test.yml"}} {
		if out, err := exec.CommandContext(t.Context(), stack.Find("promtool"), args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// Each metric that a rule names is one that a daemon has: both have a list of theirs, which a test of theirs holds them to.
func TestMetricsExist(t *testing.T) {
	known := map[string]bool{}
	for _, side := range []string{"agent", "aggregator"} {
		for _, name := range strings.Fields(read(t, filepath.Join(root, side, "app", "testdata", "metrics.txt"))) {
			name, _, _ = strings.Cut(name, "{")
			known[name] = true
		}
	}
	named := regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
	for _, r := range rules(t) {
		n := 0
		for _, name := range named.FindAllString(r.Expr, -1) {
			if strings.HasPrefix(name, "belfry_") {
				n++
				if !known[name] {
					t.Errorf("%s%s: there is no metric %s", r.Alert, r.Record, name)
				}
			}
		}
		if n == 0 && !strings.HasPrefix(r.Expr, "up{") {
			t.Errorf("%s%s: %s names no metric of ours", r.Alert, r.Record, r.Expr)
		}
	}
}

// Who is woken by an alert reads how bad it is, what it is about, what to do, and where more of it stands; and each alert is
// among those that the tests let fire.
func TestAlertsSayWhatToDo(t *testing.T) {
	readme, tests := read(t, filepath.Join(root, "README.md")), read(t, "belfry.rules_test.yml")
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		if !slices.Contains([]string{"warning", "critical"}, r.Labels["severity"]) {
			t.Errorf("%s: severity %q", r.Alert, r.Labels["severity"])
		}
		for _, name := range []string{"summary", "description"} {
			if r.Annotations[name] == "" {
				t.Errorf("%s: no %s", r.Alert, name)
			}
		}
		section, ok := strings.CutPrefix(r.Annotations["runbook"], "README: ")
		if !ok || !strings.Contains(readme, "# "+section+"\n") {
			t.Errorf("%s: the README has no section %q", r.Alert, section)
		}
		if !strings.Contains(tests, `ALERTS{alertname="`+r.Alert+`",alertstate="firing"}`) {
			t.Errorf("%s: nothing tests it", r.Alert)
		}
	}
}
