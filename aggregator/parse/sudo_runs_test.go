package parse

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"belfry/shared/event"
)

// sudoRun is what run.py of the corpus did, and what came of it.
type sudoRun struct {
	User, Says, Reason         string // ran, denied, failed, nothing; with a fault in sudoers: goes on, stops
	Command                    []string
	Target, Group, Dir, Chroot string
	Env                        []string
	Terminal                   string
	Code, Lines, Commands      int
	Ambiguous                  map[string][]string // what text says in two ways
	quoted, exits, quiet       bool
	wide                       bool // a line of it is as long as one may be
}

// sudoRuns returns the runs of a file of the corpus, and its lines.
func sudoRuns(t *testing.T, name string) (runs []sudoRun, lines []string) {
	t.Helper()
	const dir = "../../shared/corpus/sudo/"
	text, err := os.ReadFile(dir + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &runs); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(dir + name + ".log")
	if err != nil {
		log, err = os.ReadFile(dir + name + ".txt")
	}
	if err != nil {
		t.Fatal(err)
	}
	return runs, strings.Split(strings.TrimSuffix(string(log), "\n"), "\n")
}

// Every command that ran is one sudo-command, whatever the format, and every one that was refused one refusal; the last
// line of a run tells all of it.
func TestSudoRuns(t *testing.T) {
	f := func(name string, mode sudoRun) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			runs, lines := sudoRuns(t, name)
			r := corpusReader()
			at := 0
			for i, run := range runs {
				run.quoted, run.exits, run.quiet = mode.quoted, mode.exits, mode.quiet
				var events []*event.Event
				for _, line := range lines[at : at+run.Lines] {
					events = append(events, r.line(line))
					run.wide = run.wide || len(line) == logWidth
				}
				at += run.Lines
				run.check(t, fmt.Sprintf("%s %d: %s %q", name, i, run.User, run.Command), events)
			}
			if at != len(lines) {
				t.Errorf("%d lines of %d", at, len(lines))
			}
		})
	}
	text, object := sudoRun{quoted: true}, sudoRun{}
	f("text", text)
	f("text13", text)
	f("whole", text)
	f("wrapped", text)
	f("wrapped-year", text)
	f("json", object)
	f("json13", object)
	f("compact", object)
	f("exit-text", sudoRun{quoted: true, exits: true})
	f("exit-wrapped", sudoRun{quoted: true, exits: true})
	f("exit-json", sudoRun{exits: true})
	f("exit-compact", sudoRun{exits: true})
	f("inner-text", sudoRun{quoted: true, exits: true})
	f("inner-json", sudoRun{exits: true})
	f("rust", sudoRun{quoted: true, quiet: true})
}

// check compares what is found in the lines of a run with the run.
func (run *sudoRun) check(t *testing.T, name string, events []*event.Event) {
	t.Helper()
	want := map[string]int{}
	switch run.Says {
	case "ran":
		want["sudo-command"] = max(1, run.Commands) // with log_subcmds each that it runs is one
	case "denied":
		want["sudo-denied"] = 1
	case "failed":
		want["sudo-auth-failed"] = 1
	case "goes on":
		want["sudo-command"], want["sudoers-error"] = 1, 1
	case "stops":
		want["sudoers-error"] = 1
	}
	if run.exits && run.Says == "ran" {
		want["sudo-exit"] = 1
	}
	outcomes := want["sudo-command"] + want["sudo-denied"] + want["sudo-auth-failed"]
	for _, e := range events {
		action := e.Get("event.action")
		switch action {
		case "sudo-command-begin", "sudo-command-continued":
		case "":
			t.Errorf("%s: not read: %.200s", name, e.Get("event.original"))
		default:
			want[action]--
		}
		if e.Has("event.outcome") {
			outcomes--
		}
	}
	for action, n := range want {
		if n != 0 {
			t.Errorf("%s: %d of %s missing", name, n, action)
		}
	}
	if outcomes != 0 {
		t.Errorf("%s: %d outcomes missing", name, outcomes)
	}
	if len(events) > 0 && run.Says != "goes on" && run.Says != "stops" {
		run.checkFields(t, name, events[len(events)-1])
	}
}

// checkFields compares the last line of a run with it.
func (run *sudoRun) checkFields(t *testing.T, name string, e *event.Event) {
	t.Helper()
	want := map[string][]string{
		"user.name": {run.User}, "process.working_directory": {run.Dir}, "sudo.chroot": {run.Chroot},
		"group.name": {run.Group}, "user.effective.name": {run.Target}, "user.target.name": {run.Target},
		"event.reason": {run.Reason}, "process.tty": {run.Terminal},
	}
	want["process.args"], want["process.command_line"] = run.command()
	if len(run.Command) > 0 && strings.Contains(run.Command[0], "/") {
		want["process.executable"] = []string{strings.ReplaceAll(run.Command[0], " ", "#040")}
	}
	if run.quoted {
		want["process.env_vars"] = run.Env
	}
	if run.exits && run.Code < 0 {
		want["process.exit_code"] = []string{fmt.Sprint(128 - run.Code)}
	} else if run.exits && run.Says == "ran" {
		want["process.exit_code"] = []string{fmt.Sprint(run.Code)}
	}
	text := run.quoted || !strings.Contains(e.Get("event.original"), `"uuid"`) // what is wrong early is text always
	ambiguous := text && run.Ambiguous != nil && !run.exits
	if ambiguous {
		for name, values := range run.Ambiguous {
			want[name] = values
		}
		if len(run.Ambiguous["process.command_line"]) > 1 { // then nobody can tell whose they are
			want["process.args"] = nil
		}
	}
	got := slices.Contains(e.All("tags"), "ambiguous")
	unsure := got && !ambiguous && run.wide // a line was full: how many blanks stood behind it, nobody knows
	if got != (ambiguous || unsure) {
		t.Errorf("%s: ambiguous is %v", name, got)
	}
	if ambiguous && len(run.Ambiguous) == 0 {
		return
	}
	for field, values := range want {
		values = slices.DeleteFunc(slices.Clone(values), func(s string) bool { return s == "" })
		got := e.All(field)
		if unsure {
			got, values = words(got), words(values)
		}
		if !slices.Equal(got, values) {
			t.Errorf("%s: %s is %.300q, want %.300q", name, field, got, values)
		}
	}
}

// words returns values with single blanks.
func words(values []string) (all []string) {
	for _, v := range values {
		all = append(all, strings.Join(strings.Fields(v), " "))
	}
	return all
}

// command returns the arguments as a log has them, and the line of them.
func (run *sudoRun) command() (args, line []string) {
	if len(run.Command) == 0 {
		return nil, nil
	}
	var text []string
	for i, arg := range run.Command {
		shown := controls(arg)
		switch {
		case i == 0:
			shown = strings.ReplaceAll(shown, " ", "#040")
		case run.quiet: // sudo-rs escapes in its own way
			shown = strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(shown)
		case strings.Contains(arg, " "):
			shown = "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(shown) + "'"
		default:
			shown = strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(shown)
		}
		text = append(text, shown)
		switch {
		case !run.quoted:
			args = append(args, arg)
		case i == 0:
			args = append(args, shown)
		default:
			args = append(args, controls(arg))
		}
	}
	args = slices.DeleteFunc(args, func(s string) bool { return s == "" }) // an event has no empty values
	return args, []string{strings.TrimRight(strings.Join(text, " "), " ")}
}

// controls writes control characters as sudo's text does.
func controls(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c < ' ' || c == 0x7f {
			fmt.Fprintf(&b, "#0%o", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// An agent that joins the lines of an entry gives one event of what is wrapped, and of an object.
func TestSudoRunsJoined(t *testing.T) {
	f := func(name string, join func(lines []string) []string, unlogged ...string) {
		t.Helper()
		runs, lines := sudoRuns(t, name)
		r := corpusReader()
		var got []string
		for _, line := range join(lines) {
			e := r.line(line)
			if e.Get("event.action") == "sudo-command" {
				got = append(got, e.Get("user.name")+" "+strings.Join(e.All("process.args"), " "))
				check(t, e, "process.name=sudo", "event.outcome=success")
			}
		}
		var want []string
		for _, run := range runs {
			if run.quoted = name != "pretty"; run.Says == "ran" || run.Says == "goes on" {
				args, _ := run.command()
				if len(run.Ambiguous["process.command_line"]) > 1 && run.quoted {
					args = nil
				}
				want = append(want, run.User+" "+strings.Join(args, " "))
			}
		}
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("%s: command %d of %d, want of %d\n%.300q\n%.300q", name, i, len(got), len(want), got[i:], want[i:])
			}
		}
	}
	f("wrapped", joinIndented)
	f("wrapped-year", joinIndented)
	f("exit-wrapped", joinIndented)
	f("pretty", joinObjects)
}

// joinIndented joins lines that are indented with the one before.
func joinIndented(lines []string) (all []string) {
	for _, line := range lines {
		if n := len(all); strings.HasPrefix(line, logIndent) && n > 0 {
			all[n-1] += "\n" + line
		} else {
			all = append(all, line)
		}
	}
	return all
}

// joinObjects joins the lines of each member of an object.
func joinObjects(lines []string) (all []string) {
	for _, line := range lines {
		if strings.HasPrefix(line, `    "`) {
			all = append(all, line)
		} else if n := len(all); n > 0 && line != "}" {
			all[n-1] += "\n" + line
		}
	}
	return all
}
