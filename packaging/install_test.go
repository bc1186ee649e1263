package packaging

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"belfry/shared/e2e/stack"
)

// manager installs packages into a root, and takes them away.
type manager struct {
	ending  string
	install func(r *root, packages ...string) error // or upgrade
	remove  func(r *root, names ...string) error
	purge   func(r *root, names ...string) error // nil: there is none
}

var managers = map[string]manager{
	"deb": {
		ending: "_amd64.deb",
		install: func(r *root, packages ...string) error {
			for i, p := range packages {
				if err := command("cp", p, r.path("tmp")); err != nil {
					return err
				}
				packages[i] = "/tmp/" + filepath.Base(p)
			}
			_, err := output(r.in("root", "", append([]string{"dpkg", "-i"}, packages...)...))
			return err
		},
		remove: func(r *root, names ...string) error {
			_, err := output(r.in("root", "", append([]string{"dpkg", "-r"}, names...)...))
			return err
		},
		purge: func(r *root, names ...string) error {
			_, err := output(r.in("root", "", append([]string{"dpkg", "-P"}, names...)...))
			return err
		},
	},
	"rpm": { // from outside: the root has no rpm, and its database nothing that could be needed
		ending: ".x86_64.rpm",
		install: func(r *root, packages ...string) error {
			return command("rpm", append([]string{"--root", r.dir, "--nodeps", "-U"}, packages...)...)
		},
		remove: func(r *root, names ...string) error {
			return command("rpm", append([]string{"--root", r.dir, "-e"}, names...)...)
		},
	},
}

const readAll = ",+dac_read_search" // as setpriv wants it behind -all

// TestInstall lives a life of both packages: they are installed, agents enrol, a line is shipped and found, a later
// release takes their place, they are removed and purged.
func TestInstall(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may install packages")
	}
	for kind, m := range managers {
		t.Run(kind, func(t *testing.T) {
			stack.Need(t, "dpkg", "rpm")
			life(t, newRoot(t), m)
		})
	}
}

func life(t *testing.T, r *root, m manager) {
	before := r.files()
	must(t, m.install(r, built(t, packages, m.ending)...))
	r.owned()
	if err := exec.Command("chroot", r.dir, "belfry-agent", "check", "--offline").Run(); err == nil {
		t.Error("an agent that does not know where to ship to is in order")
	}
	aggregator := r.setUp()
	agent := r.start("belfry-agent", readAll, "belfry-agent", "run")
	both := []*daemon{aggregator, agent}
	r.log("first")
	r.until("the first line is found", both, func() error { return r.found("first", 1) })

	r.write("etc/belfry/agent.yaml", "# the operator's\n")
	must(t, agent.stop(), aggregator.stop())
	must(t, m.install(r, built(t, upgrades, m.ending)...))
	if text := r.read("etc/belfry/agent.yaml"); !strings.HasSuffix(text, "# the operator's\n") {
		t.Errorf("the configuration was replaced: %s", text)
	}
	aggregator = r.start("belfry", "", "belfry", "serve")
	agent = r.start("belfry-agent", readAll, "belfry-agent", "run")
	both = []*daemon{aggregator, agent}
	r.log("second")
	r.until("the second line is found", both, func() error { return r.found("second", 1) })
	must(t, r.found("first", 1), agent.stop(), aggregator.stop())

	r.root("systemctl", "enable", "belfry-agent-syslog.socket")
	must(t, m.remove(r, "belfry-agent", "belfry-aggregator"))
	for _, gone := range []string{"usr/bin/belfry", "usr/bin/belfry-agent", "usr/lib/systemd/system/belfry-agent.service"} {
		if _, err := os.Lstat(r.path(gone)); err == nil {
			t.Errorf("%s is still there", gone)
		}
	}
	for _, kept := range []string{"var/lib/belfry/index", "var/lib/belfry-agent/files"} {
		if _, err := os.Lstat(r.path(kept)); err != nil {
			t.Errorf("the state went with the package: %v", err)
		}
	}
	if m.purge == nil {
		return
	}
	must(t, m.purge(r, "belfry-agent", "belfry-aggregator"))
	operators := []string{"etc/belfry", "etc/belfry/ca.pem", "etc/belfry/belfry.pem", "etc/belfry/belfry.key"} // who made them keeps them
	for _, name := range r.files() {
		if !slices.Contains(before, name) && !slices.Contains(operators, name) {
			t.Errorf("left behind: %s", name)
		}
	}
}

// owned asks whether what was installed belongs to whom it should.
func (r *root) owned() {
	r.t.Helper()
	for name, want := range map[string]string{
		"/var/lib/belfry": "belfry:belfry 750", "/var/lib/belfry-agent": "belfry-agent:belfry-agent 750",
		"/etc/belfry/agent.yaml": "root:belfry-agent 640", "/etc/belfry/aggregator.yaml": "root:belfry 640",
		"/usr/bin/belfry": "root:root 755", "/usr/bin/belfry-agent": "root:root 755",
	} {
		if got := strings.TrimSpace(r.root("stat", "-c", "%U:%G %a", name)); got != want {
			r.t.Errorf("%s belongs to %s, want %s", name, got, want)
		}
	}
	for _, unit := range []string{"belfry-agent", "belfry-aggregator"} {
		if got := strings.TrimSpace(r.root("systemctl", "is-enabled", unit)); got != "enabled" {
			r.t.Errorf("%s is %s", unit, got)
		}
	}
}

// setUp makes an authority, starts an aggregator that agents may ship to, and enrols the agent, as README says.
func (r *root) setUp() *daemon {
	r.t.Helper()
	addr, err := stack.FreeAddr()
	must(r.t, err)
	r.root("belfry", "ca", "init")
	r.root("belfry", "ca", "issue", "belfry", "--host", "127.0.0.1", "-o", "/etc/belfry")
	r.root("chown", "belfry", "/etc/belfry/belfry.key")
	r.write("etc/belfry/aggregator.yaml", fmt.Sprintf(
		"\nreceive: {http: {plain: \"off\", tls: {listen: %q, ca: /etc/belfry/ca.pem, cert: /etc/belfry/belfry.pem, key: /etc/belfry/belfry.key}}}\n", addr))
	d := r.start("belfry", "", "belfry", "serve")
	var token string
	r.until("there is a token", []*daemon{d}, func() error {
		token, err = output(r.in("root", "", "belfry", "ca", "token", "agent-web01"))
		return err
	})
	r.root("belfry-agent", "enroll", "--server", "https://"+addr, "--token", strings.TrimSpace(token), "--name", "agent-web01")
	return d
}

// log writes a line that only root and the group adm may read.
func (r *root) log(word string) {
	r.t.Helper()
	r.write("var/log/auth.log", "Nov 29 06:00:00 web01 sshd[77]: Accepted publickey for "+word+" from 192.0.2.7 port 4711 ssh2\n")
	must(r.t, os.Chown(r.path("var/log/auth.log"), 0, 4), os.Chmod(r.path("var/log/auth.log"), 0o640))
}

func (r *root) found(word string, times int) error {
	text, err := output(r.in("root", "", "belfry", "search", "--format", "json", "user.name:"+word))
	if err != nil {
		return err
	}
	if n := strings.Count(text, "\n"); n != times { // one event a line
		return fmt.Errorf("%s is there %d times, want %d: %s", word, n, times, text)
	}
	return nil
}
