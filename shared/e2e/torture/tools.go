package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"belfry/shared/e2e/stack"
)

// run runs a program in the folder of logs and returns what it printed.
func (h *host) run(name string, args ...string) string {
	out, err := h.try(name, args...)
	h.must(name, err)
	return out
}

// try is run for what may fail. When the run is ended from outside it still does what a cleanup asks for.
func (h *host) try(name string, args ...string) (string, error) {
	ctx := h.ctx
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*startup)
	defer cancel()
	path := stack.Find(name)
	if path == "" {
		return "", fmt.Errorf("%s is not installed (make deps)", name)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = h.logs
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %.500s", strings.Join(append([]string{name}, args...), " "), err, out)
	}
	return string(out), nil
}

// shell runs a script by bash in the folder of logs.
func (h *host) shell(script string) { h.run("bash", "-ec", script) }

// rotation is a config of logrotate for one file.
type rotation struct {
	h    *host
	conf string
}

// rotation writes what logrotate does to a file of the logs: its name, and lines of a config, as "rotate 3\ncompress".
func (h *host) rotation(name, lines string) rotation {
	conf := filepath.Join(h.dir, "logrotate-"+strings.Map(wordOnly, name)+".conf")
	text := fmt.Sprintf("%s {\n%s\n}\n", h.path(name), lines)
	h.must("configure logrotate", os.WriteFile(conf, []byte(text), 0o644))
	return rotation{h, conf}
}

// wordOnly makes a name of a file of what may be a pattern or a path.
func wordOnly(r rune) rune {
	if r == '/' || r == '*' {
		return '_'
	}
	return r
}

// try rotates now, whatever the time is.
func (r rotation) try() error {
	_, err := r.h.try("logrotate", "-s", r.conf+".state", "-f", r.conf)
	return err
}

// now is try for the scenario's goroutine.
func (r rotation) now() { r.h.must("rotate", r.try()) }

// gzip compresses a file of the logs, by the real one.
func (h *host) gzip(name string) { h.run("gzip", h.path(name)) }

// glob lists files of the logs.
func (h *host) glob(patterns ...string) []string {
	var all []string
	for _, p := range patterns {
		found, err := filepath.Glob(h.path(p))
		h.must("list", err)
		all = append(all, found...)
	}
	return all
}

// excuse excuses all that no file of these patterns holds any more: what a rotation lost by itself.
func (h *host) excuse(patterns ...string) {
	h.must("read the files", h.truth.excuse(h.glob(patterns...)))
}
