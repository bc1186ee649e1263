package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"belfry/shared/certs"
)

// Binaries is the folder that holds belfry and belfry-agent.
type Binaries struct{ Dir string }

// Build compiles both programs into dir.
func Build(ctx context.Context, dir string) (Binaries, error) {
	b := Binaries{dir}
	root, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return b, fmt.Errorf("find the module: %w", err)
	}
	build := func(program, folder string) error {
		cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-w", "-o", program, folder)
		cmd.Dir = filepath.Dir(strings.TrimSpace(string(root)))
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", folder, err, out)
		}
		return nil
	}
	return b, errors.Join(build(b.belfry(), "./aggregator"), build(b.agent(), "./agent"))
}

// MakeAuthority makes a certificate authority in ca below dir, and by it the aggregator's certificate in dir, as an operator
// does who has nothing yet.
func (b Binaries) MakeAuthority(ctx context.Context, dir string) (ca string, files certs.Files, err error) {
	ca = filepath.Join(dir, "ca")
	config := filepath.Join(dir, "none.yaml")
	for _, args := range [][]string{{"init"}, {"issue", cnIndex, "--host", "127.0.0.1,localhost", "-o", dir}} {
		if _, err := oneShot(ctx, b.belfry(), append([]string{"--config", config, "ca", args[0], "--dir", ca}, args[1:]...)...); err != nil {
			return ca, files, err
		}
	}
	base := filepath.Join(dir, cnIndex)
	return ca, certs.Files{CA: filepath.Join(dir, "ca.pem"), Cert: base + ".pem", Key: base + ".key"}, nil
}

func (b Binaries) belfry() string { return filepath.Join(b.Dir, "belfry") }
func (b Binaries) agent() string  { return filepath.Join(b.Dir, "belfry-agent") }

// oneShot runs a program to its end and returns what it printed; the error holds what it said against it.
func oneShot(ctx context.Context, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return out, fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, exit.Stderr)
	}
	return out, err
}

// exitCode is the exit code in an error of oneShot, -1 if there is none.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}
