// Package systemd holds the units of both daemons to systemd's own judgement.
package systemd

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"belfry/shared/e2e/stack"
)

// Bounds of "systemd-analyze security", in tenths: 0 is the least that a unit may be exposed, 100 the most.
const (
	exposed  = "20"
	rotating = "25"
)

const system = "usr/lib/systemd/system"

// root is the scratch root of a machine that both packages are installed on, with the units of systemd of this one.
func root(t *testing.T) string {
	t.Helper()
	stack.Need(t, "systemd-analyze")
	dir := t.TempDir()
	units := filepath.Join(dir, system)
	if err := os.MkdirAll(units, 0o755); err != nil {
		t.Fatal(err)
	}
	theirs, err := filepath.Glob("/lib/systemd/system/*.target")
	if err != nil || len(theirs) == 0 {
		t.Fatalf("systemd's units: %d, %v", len(theirs), err)
	}
	ours, err := filepath.Glob("*.s[eo]*[et]") // *.service and *.socket
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range append(theirs, ours...) {
		install(t, from, filepath.Join(units, filepath.Base(from)), 0o644)
	}
	for _, program := range []string{"belfry-agent", "belfry"} {
		install(t, "/bin/true", filepath.Join(dir, "usr/bin", program), 0o755)
	}
	return dir
}

func install(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, text, mode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// dropIn installs an example as a drop-in of the agent, as its head says.
func dropIn(t *testing.T, root, name string) {
	t.Helper()
	install(t, "belfry-agent-"+name, filepath.Join(root, "etc/systemd/system/belfry-agent.service.d", name), 0o644)
}

// analyze runs systemd-analyze over the scratch root.
func analyze(t *testing.T, root, verb string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", append([]string{verb, "--root=" + root}, args...)...).CombinedOutput()
	return string(out), err
}

func verify(t *testing.T, root string) {
	t.Helper()
	// The man pages are in no scratch root.
	out, err := analyze(t, root, "verify", "--man=no", "belfry-agent.service", "belfry-aggregator.service", "belfry-agent-syslog.socket")
	if err != nil || out != "" {
		t.Errorf("verify: %v\n%s", err, out)
	}
}

func TestUnits(t *testing.T) { verify(t, root(t)) }

// What is wrong is told: else TestUnits would prove nothing.
func TestFaultsAreFound(t *testing.T) {
	dir := root(t)
	bad := filepath.Join(dir, system, "belfry-agent.service")
	text, err := os.ReadFile(bad)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bad, bytes.Replace(text, []byte("ProtectClock="), []byte("ProtectClocks="), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := analyze(t, dir, "verify", "--man=no", "belfry-agent.service")
	if !strings.Contains(out, "ProtectClocks") {
		t.Errorf("an unknown directive is not told: %v\n%s", err, out)
	}
}

func TestExposure(t *testing.T) {
	f := func(unit, most string, dropIns ...string) {
		t.Helper()
		dir := root(t)
		for _, d := range dropIns {
			dropIn(t, dir, d)
		}
		verify(t, dir)
		out, err := analyze(t, dir, "security", "--offline=true", "--threshold="+most, unit)
		if err != nil {
			t.Errorf("%s %v: %v\n%s", unit, dropIns, err, out)
		}
		lines := strings.Split(strings.TrimSpace(out), "\n")
		t.Logf("%s %v: %s", unit, dropIns, lines[len(lines)-1])
	}
	f("belfry-aggregator.service", exposed)
	f("belfry-agent.service", exposed)
	f("belfry-agent.service", exposed, "relay.conf")
	f("belfry-agent.service", rotating, "rotate.conf")
	f("belfry-agent.service", rotating, "rotate.conf", "relay.conf")
}

// The agent has one capability, and gets others by what is copied for it.
func TestCapabilities(t *testing.T) {
	f := func(file, want string) {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"AmbientCapabilities=", "CapabilityBoundingSet="} {
			if !strings.Contains("\n"+string(text), "\n"+key+want+"\n") {
				t.Errorf("%s: %s is not %q", file, key, want)
			}
		}
	}
	f("belfry-agent.service", "CAP_DAC_READ_SEARCH")
	f("belfry-agent-relay.conf", "CAP_NET_BIND_SERVICE")
	f("belfry-agent-rotate.conf", "CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER CAP_KILL CAP_LEASE")
	f("belfry-aggregator.service", "")
}

// The users and folders of a fresh machine are made by systemd's own programs.
func TestUsersAndFolders(t *testing.T) {
	stack.Need(t, "systemd-sysusers")
	stack.Need(t, "systemd-tmpfiles")
	if os.Geteuid() != 0 {
		t.Skip("only root may give folders away")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, side := range []string{"agent", "aggregator"} {
		install(t, "belfry-"+side+".sysusers", filepath.Join(dir, "usr/lib/sysusers.d/belfry-"+side+".conf"), 0o644)
		install(t, "belfry-"+side+".tmpfiles", filepath.Join(dir, "usr/lib/tmpfiles.d/belfry-"+side+".conf"), 0o644)
	}
	if out, err := exec.CommandContext(t.Context(), "systemd-sysusers", "--root="+dir).CombinedOutput(); err != nil {
		t.Fatalf("systemd-sysusers: %v\n%s", err, out)
	}
	users, err := os.ReadFile(filepath.Join(dir, "etc/passwd"))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []string{"belfry-agent:x:", "belfry:x:"} {
		if !strings.Contains("\n"+string(users), "\n"+u) {
			t.Errorf("no user %s in\n%s", u, users)
		}
	}
	out, err := exec.CommandContext(t.Context(), "systemd-tmpfiles", "--create", "--root="+dir).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Fatalf("systemd-tmpfiles: %v\n%s", err, out)
	}
	for path, mode := range map[string]os.FileMode{"var/lib/belfry": 0o750, "var/lib/belfry-agent": 0o750, "etc/belfry": 0o755} {
		if st, err := os.Stat(filepath.Join(dir, path)); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want %v", path, st, err, mode)
		}
	}
}
