package packaging

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"belfry/shared/e2e/stack"
)

func TestBuildsAll(t *testing.T) {
	var names []string
	for _, p := range built(t, packages, "") {
		names = append(names, filepath.Base(p))
	}
	got := strings.Join(names, " ")
	want := []string{
		"belfry-agent_" + version + "-1_amd64.deb", "belfry-agent_" + version + "-1_arm64.deb",
		"belfry-agent-" + version + "-1.x86_64.rpm", "belfry-agent-" + version + "-1.aarch64.rpm",
		"belfry-aggregator_" + version + "-1_amd64.deb", "belfry-aggregator-" + version + "-1.x86_64.rpm",
	}
	if all {
		want = append(want, "belfry-aggregator_"+version+"-1_arm64.deb", "belfry-aggregator-"+version+"-1.aarch64.rpm")
	}
	for _, want := range want {
		if !strings.Contains(got, want) {
			t.Errorf("no %s among %s", want, got)
		}
	}
}

func TestLintian(t *testing.T) {
	stack.Need(t, "lintian")
	debs := built(t, packages, "_amd64.deb")
	if all {
		debs = built(t, packages, ".deb") // of the same files, but for the program
	}
	for _, deb := range debs {
		if err := command("lintian", "--allow-root", "--fail-on", "error,warning", deb); err != nil {
			t.Error(err)
		}
	}
}

func TestRpmlint(t *testing.T) {
	stack.Need(t, "rpmlint")
	rpms := built(t, packages, ".rpm")
	text, err := output(exec.Command("rpmlint", append([]string{"--config", "rpm/rpmlint.toml"}, rpms...)...))
	if err != nil || !strings.Contains(text, fmt.Sprintf("%d packages and 0 specfiles checked; 0 errors, 0 warnings", len(rpms))) {
		t.Errorf("%v: %s", err, text)
	}
}

// An agent is to be small: it goes to each host.
func TestAgentIsSmall(t *testing.T) {
	const most, mostInstalled = 10 << 20, 20 << 20
	for _, p := range built(t, packages, "") {
		if !strings.HasPrefix(filepath.Base(p), "belfry-agent") {
			continue
		}
		if st, err := os.Stat(p); err != nil || st.Size() > most {
			t.Errorf("%s: %d bytes, at most %d: %v", p, st.Size(), most, err)
		}
	}
	for _, deb := range built(t, packages, ".deb") {
		if strings.HasPrefix(filepath.Base(deb), "belfry-agent") {
			st, err := os.Stat(program(t, deb, "usr/bin/belfry-agent"))
			if err != nil || st.Size() > mostInstalled {
				t.Errorf("the program in %s has %d bytes, at most %d: %v", deb, st.Size(), mostInstalled, err)
			}
		}
	}
}

// program unpacks a deb, and returns the path of a file of it.
func program(t *testing.T, deb, name string) string {
	t.Helper()
	dir := filepath.Join(scratch, "unpacked", filepath.Base(deb))
	if _, err := os.Stat(dir); err != nil {
		must(t, os.MkdirAll(dir, 0o755), command("dpkg-deb", "-x", deb, dir))
	}
	return filepath.Join(dir, name)
}

func TestNeedsNothing(t *testing.T) {
	stack.Need(t, "dpkg-deb", "rpm")
	for _, deb := range built(t, packages, ".deb") {
		text, err := output(exec.Command("dpkg-deb", "-f", deb, "Depends", "Pre-Depends"))
		must(t, err)
		if strings.TrimSpace(text) != "" {
			t.Errorf("%s depends on %s", deb, text)
		}
	}
	for _, rpm := range built(t, packages, ".rpm") {
		text, err := output(exec.Command("rpm", "-qp", "--requires", rpm))
		must(t, err)
		for _, need := range strings.Split(strings.TrimSpace(text), "\n") {
			if !strings.HasPrefix(need, "rpmlib(") && !strings.HasPrefix(need, "config(") && need != "/bin/sh" && need != "" {
				t.Errorf("%s requires %s", rpm, need)
			}
		}
	}
}

// The programs for the other architecture run.
func TestOtherArchitecture(t *testing.T) {
	stack.Need(t, "qemu-aarch64-static", "dpkg-deb")
	for _, deb := range built(t, packages, "_arm64.deb") {
		name := "belfry"
		if strings.HasPrefix(filepath.Base(deb), "belfry-agent") {
			name = "belfry-agent"
		}
		text, err := output(exec.Command("qemu-aarch64-static", program(t, deb, "usr/bin/"+name), "version"))
		must(t, err)
		if want := name + " " + version; strings.TrimSpace(text) != want {
			t.Errorf("%s says %q, want %q", deb, text, want)
		}
	}
}

// Made in another folder, a package is the same.
func TestReproducible(t *testing.T) {
	stack.Need(t, "git")
	var first []string
	for _, p := range built(t, packages, "") {
		if n := filepath.Base(p); strings.HasPrefix(n, "belfry-agent") && (strings.HasSuffix(n, "_amd64.deb") || strings.HasSuffix(n, ".x86_64.rpm")) {
			first = append(first, p)
		}
	}
	tree := filepath.Join(scratch, "elsewhere")
	must(t, os.Mkdir(tree, 0o755))
	c := exec.Command("bash", "-c", `set -o pipefail; git ls-files -z --cached --others --exclude-standard | tar --null -T - -c | tar -x -C "$0"`, tree)
	c.Dir = ".."
	_, err := output(c)
	must(t, err)
	again, err := makePackages(tree, filepath.Join(scratch, "again"), "--arch", "amd64", "--package", "belfry-agent")
	must(t, err)
	if len(again) != 2 || len(first) != 2 {
		t.Fatalf("%v and %v", first, again)
	}
	for _, p := range first {
		x, err := os.ReadFile(p)
		must(t, err)
		y, err := os.ReadFile(filepath.Join(scratch, "again", filepath.Base(p)))
		must(t, err)
		if !bytes.Equal(x, y) {
			t.Errorf("%s is another one when it is made in another folder", filepath.Base(p))
		}
	}
}
