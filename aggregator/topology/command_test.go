package topology

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"belfry/shared/e2e/stack"
)

// CommandLine is set by the test package that may import the command line.
var CommandLine func(ctx context.Context, args ...string) (out string, code int, err error)

// testCommand runs belfry topology as an operator does.
func (r *rig) testCommand(t *testing.T) {
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	files := r.broker("belfry").Files
	amqp := fmt.Sprintf("urls: [%q], ca: %s, cert: %s, key: %s, queues: 3", r.rabbit.URL, files.CA, files.Cert, files.Key)
	config := write("aggregator.yaml", fmt.Sprintf("receive: {amqp: {%s, management: {url: %q, user: %s, password: %s}}}\n",
		amqp, r.secure, stack.ManagementUser, stack.ManagementPassword))
	blind := write("blind.yaml", "receive: {amqp: {"+amqp+"}}\n")
	list := write("agents", "# all\nagent-1\nweb.1 # the first\nwebx1\nnew\n")
	f := func(code int, want string, args ...string) string {
		t.Helper()
		out, got, err := CommandLine(t.Context(), append(args, "--config", config)...)
		if err != nil && code == 2 {
			out += err.Error()
		}
		if got != code || !strings.Contains(out, want) {
			t.Errorf("%q: exit code %d, %v, %.500q; want %d, %q", args, got, err, out, code, want)
		}
		return out
	}
	check, apply := []string{"topology", "check"}, []string{"topology", "apply"}
	with := func(args []string, more ...string) []string { return append(args[:len(args):len(args)], more...) }
	f(0, "256 slots on 3 queues: ok; the users of agents were not looked at", check...)
	f(1, `user "new" is missing; belfry topology apply repairs it`, with(check, "--agents", list)...)
	dry := f(0, `set user "new": no password, no tags`, with(apply, "--agents", list, "--dry-run")...)
	if again := f(0, "", with(apply, "--agents", list, "--dry-run")...); again != dry || strings.Count(dry, "\n") != 4 {
		t.Errorf("a dry run: %q; and again: %q", dry, again)
	}
	if done := f(0, "256 slots on 3 queues", with(apply, "--agents", list)...); done != dry+"256 slots on 3 queues\n" {
		t.Errorf("done: %q; the dry run was %q", done, dry)
	}
	f(0, "256 slots on 3 queues, 4 agents: ok", with(check, "--agents", list)...)
	f(1, "slots ", with(check, "--queues", "5")...)
	f(0, `"steps": []`, with(apply, "--json")...)
	var seen struct{ Differences []Finding }
	out := f(1, "", with(check, "--json", "--agents", write("few", "agent-1\nweb.1\nwebx1\n"))...)
	if err := json.Unmarshal([]byte(out), &seen); err != nil || len(seen.Differences) != 2 || seen.Differences[0].Object != `user "new"` {
		t.Errorf("%v, %s", err, out)
	}
	f(0, `"differences": []`, with(check, "--json")...)
	f(2, `bad:2: "two words" is not one name`, with(apply, "--agents", write("bad", "one\ntwo words\n"))...)
	f(2, "257 queues, want 1 to 256", with(apply, "--queues", "257")...)
	f(2, `agent "belfry" has the name of a user that this configuration connects as`, with(apply, "--agents", write("own", "belfry\n"))...)
	config = blind
	f(2, "receive.amqp.management is not configured", check...)
	f(2, "receive.amqp.management is not configured", with(apply, "--agents", list)...)
	f(2, "slots would have to move", with(apply, "--queues", "4")...)
	if out := f(0, "256 slots on 3 queues\n", apply...); strings.Count(out, "\n") != 1 {
		t.Errorf("%q", out)
	}
	f(0, `bind belfry.events.00 to belfry.events by "ff"`, with(apply, "--dry-run", "--queues", "3")...)
	r.api("DELETE", "/api/users/new", nil)
	r.api("DELETE", vhost("queues", "belfry.acks.new"), nil)
	r.clean(r.open(3, agents))
}
