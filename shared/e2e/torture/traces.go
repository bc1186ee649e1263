package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"belfry/shared/ops"
)

// came is what arrived of a text that is no numbered line; its times is 0 if nothing did.
func (h *host) came(text string) stray {
	h.record.mu.Lock()
	defer h.record.mu.Unlock()
	if s := h.record.strays[textKey(text)]; s != nil {
		return *s
	}
	return stray{}
}

// tagged complains if a text has arrived without a tag.
func (h *host) tagged(text, tag string) {
	if s := h.came(text); s.times > 0 && !slices.Contains(s.tags, tag) {
		h.complain("%.60q is not tagged %s, but %v", text, tag, s.tags)
	}
}

// raws are the bytes that events carry beside their repaired texts, and how often.
func (h *host) raws() map[string]int {
	h.record.mu.Lock()
	defer h.record.mu.Unlock()
	all := map[string]int{}
	for _, s := range h.record.strays {
		if b, err := base64.StdEncoding.DecodeString(s.raw); err == nil && s.raw != "" {
			all[string(b)] += s.times
		}
	}
	return all
}

// metrics sums up the agent's metrics whose name holds a word. none is true if there is no such metric.
func (h *host) metrics(word string) (sum float64, none bool) {
	ctx, cancel := context.WithTimeout(h.ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent/metrics", nil)
	h.must("ask for metrics", err)
	resp, err := ops.Client(strings.TrimPrefix(h.cfg.Metrics, "unix:")).Do(req)
	h.must("ask for metrics", err)
	defer resp.Body.Close()
	none = true
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseFloat(value, 64); ok && err == nil && strings.Contains(name, word) {
			sum, none = sum+n, false
		}
	}
	return sum, none
}

// watches counts the directories that the agent watches by inotify.
func (h *host) watches() (n int) {
	dir := fmt.Sprintf("/proc/%d/fdinfo", h.agent.PID())
	all, err := os.ReadDir(dir)
	h.must("look at the agent's descriptors", err)
	for _, f := range all {
		if text, err := os.ReadFile(filepath.Join(dir, f.Name())); err == nil {
			n += strings.Count(string(text), "inotify wd:")
		}
	}
	return n
}

// another adds an input of its own, for one path of the logs and with other keys, to the agent's config: it ends the entry
// of Globs and begins the next. Call it last before start.
func (h *host) another(name, keys string) {
	h.with(fmt.Sprintf("tags: []}\n    - {paths: [%q], class: auth, start: beginning, %s", h.path(name), keys))
}
