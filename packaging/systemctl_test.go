package packaging

import (
	"os"
	"strings"
	"testing"

	"belfry/shared/e2e/stack"
)

// systemctl notes how it is called, and finds everything enabled.
const systemctl = `#!/bin/sh
echo "$*" >>/tmp/systemctl
case "$*" in *is-enabled*) echo enabled ;; esac
`

// Where systemd runs, a package is started once there is something to do for it, also when it comes back, and stopped with
// its sockets when it goes: one that listens on would start it again.
func TestStartAndStop(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may install packages")
	}
	stack.Need(t, "dpkg")
	r, m := newRoot(t), managers["deb"]
	must(t, os.MkdirAll(r.path("run/systemd/system"), 0o755), os.Remove(r.path("usr/bin/systemctl")),
		os.WriteFile(r.path("usr/bin/systemctl"), []byte(systemctl), 0o755)) //nolint:gosec // it is a program
	said := func() string {
		text := r.read("tmp/systemctl")
		must(t, os.Truncate(r.path("tmp/systemctl"), 0))
		return text
	}
	want := func(when, what string) {
		t.Helper()
		if text := said(); !strings.Contains(text, what+"\n") {
			t.Errorf("%s: no %q in\n%s", when, what, text)
		}
	}
	must(t, m.install(r, built(t, packages, m.ending)...))
	want("installed", " start belfry-aggregator.service")
	must(t, os.Chmod(r.path("etc/belfry/aggregator.yaml"), 0o644))
	r.root("sh", "/var/lib/dpkg/info/belfry-aggregator.postinst", "abort-remove")
	if st, err := os.Stat(r.path("etc/belfry/aggregator.yaml")); err != nil || st.Mode().Perm() != 0o644 {
		t.Errorf("a removal that was taken back changed the configuration: %v, %v", st.Mode(), err)
	}
	want("not removed", " start belfry-aggregator.service")
	must(t, m.install(r, built(t, packages, m.ending)...))
	want("installed over it", "try-restart belfry-aggregator.service")
	must(t, m.remove(r, "belfry-aggregator"))
	want("removed", "stop belfry-aggregator.service")
	must(t, m.remove(r, "belfry-agent"))
	want("removed", "stop belfry-agent-syslog.socket belfry-agent.service")
	must(t, m.install(r, built(t, packages, m.ending)...))
	want("installed again", " start belfry-aggregator.service")
}
