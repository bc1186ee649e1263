// Package packaging makes the packages, has them judged by lintian and rpmlint, and installs them.
package packaging

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"belfry/shared/e2e/stack"
)

var scratch string // removed at the end

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "belfry-packages")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		panic(fmt.Sprintf("make a folder: %v", err))
	}
	scratch = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Println(err)
		code = max(code, 1)
	}
	os.Exit(code)
}

const version = "1.2.3~test"

// The times of all files of the packages of a test: they are not the commit's, so that two trees are compared.
const epoch = "1795930000"

// make builds packages of a tree into a folder, and returns their paths.
func makePackages(tree, folder string, args ...string) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, filepath.Join(tree, "packaging/build.sh"), append(append([]string{"--version", version}, args...), folder)...)
	c.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+epoch)
	c.Stderr = new(bytes.Buffer)
	text, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", c, err, c.Stderr)
	}
	var made []string
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		made = append(made, s.Text())
	}
	return made, nil
}

// all says that everything is made that is shipped (make package-test). Else the aggregator is not made for the other
// architecture: that takes a minute of compiling.
var all = os.Getenv("BELFRY_PACKAGES") == "all"

// packages are those that are shipped.
var packages = sync.OnceValues(func() ([]string, error) {
	folder := filepath.Join(scratch, "packages")
	if all {
		return makePackages("..", folder)
	}
	native, err := makePackages("..", folder, "--arch", "amd64")
	if err != nil {
		return nil, err
	}
	other, err := makePackages("..", folder, "--arch", "arm64", "--package", "belfry-agent")
	return append(native, other...), err
})

// upgrades are those for this machine, a release later.
var upgrades = sync.OnceValues(func() ([]string, error) {
	return makePackages("..", filepath.Join(scratch, "upgrades"), "--arch", "amd64", "--release", "2", "--compression", "gzip")
})

// built returns packages, or those of an ending.
func built(t *testing.T, get func() ([]string, error), ending string) (some []string) {
	t.Helper()
	stack.Need(t, "go", "git")
	made, err := get()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range made {
		if strings.HasSuffix(p, ending) {
			some = append(some, p)
		}
	}
	if len(some) == 0 {
		t.Fatalf("no %s among %v", ending, made)
	}
	return some
}
