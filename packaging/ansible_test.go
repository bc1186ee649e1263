package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"belfry/shared/e2e/stack"
)

// The playbook names modules and keys that there are.
func TestPlaybook(t *testing.T) {
	stack.Need(t, "ansible-playbook")
	hosts := filepath.Join(t.TempDir(), "hosts")
	must(t, os.WriteFile(hosts, []byte("[logged]\nweb01\n"), 0o600))
	c := exec.Command("ansible-playbook", "-i", hosts, "--syntax-check", "-e", "aggregator=logs", "ansible/belfry-agent.yml")
	c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+t.TempDir())
	_, err := output(c)
	must(t, err)
}
