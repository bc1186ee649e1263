package ops

import (
	"runtime"
	"strings"
)

// maxStacks bounds the text of all goroutines, in bytes: that of some thousand.
const maxStacks = 16 << 20

// forEver are functions that wait for something in a call of the system as long as the process lives, or a child does.
var forEver = []string{"os/signal.signal_recv(", "os.(*Process)."}

// inCall returns the goroutines that are within a call of the system: at a file, for what is read from a network waits
// outside.
func inCall() map[string]bool {
	buf := make([]byte, 1<<20)
	n := runtime.Stack(buf, true)
	for n == len(buf) && n < maxStacks {
		buf = make([]byte, 2*len(buf))
		n = runtime.Stack(buf, true)
	}
	return callers(string(buf[:n]))
}

// callers reads what runtime.Stack writes: blocks that begin as "goroutine 7 [syscall, 2 minutes]:".
func callers(stacks string) map[string]bool {
	all := make(map[string]bool)
	for block := range strings.SplitSeq(stacks, "\n\n") {
		head, stack, _ := strings.Cut(block, "\n")
		id, state, ok := strings.Cut(strings.TrimPrefix(head, "goroutine "), " [")
		if !ok || !strings.HasPrefix(state, "syscall") {
			continue
		}
		if !containsAny(stack, forEver) {
			all[id] = true
		}
	}
	return all
}

func containsAny(text string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}
