package parse

import (
	"strings"
	"testing"

	"belfry/shared/event"
)

// accepted is an event as sudo 1.9.16 writes it.
const accepted = `{"accept":{"uuid":"u-1","server_time":{"seconds":1795892420,"nanoseconds":409364350,"iso8601":"20261128190020Z",` +
	`"localtime":"Nov 28 19:00:20"},"submit_time":{"seconds":1795456471,"nanoseconds":5,"iso8601":"20261123175431Z"},` +
	`"iolog_path":"/var/log/sudo-io/00/00/2G","submituser":"averez","command":"/usr/bin/my tool","runuser":"root","rungroup":"games",` +
	`"runchroot":"/srv/c","runcwd":"/","source":"/etc/sudoers:6:54","ttyname":"/dev/pts/0","submithost":"db1","submitcwd":"/tmp",` +
	`"rungid":60,"runuid":0,"columns":80,"lines":24,"runargv":["tool","a b","it's","x\ny\u001b\"\\","\ud83d\ude00"],` +
	`"runenv":["A=1","B=c d"],"submitenv":["SECRET=x"]}}`

const exited = `{"exit":{"uuid":"u-1","server_time":{"seconds":1795892420,"nanoseconds":9},"run_time":{"seconds":2,"nanoseconds":402118},` +
	`"signal":"TERM","dumped_core":false,"exit_value":143,"run_time":{"seconds":2,"nanoseconds":402118},"exit_value":143}}`

func TestSudoJSON(t *testing.T) {
	r := newReader()
	cee := func(object string) string { return `@cee:{"sudo":` + object + "}" }
	f := func(line string, want ...string) {
		t.Helper()
		check(t, r.says("sudo", line), want...)
	}
	command := []string{
		"sudo.uuid=u-1", "user.name=averez", "user.effective.name=root", "user.effective.id=0", "user.target.id=0",
		"group.name=games", "group.id=60", "process.tty=pts/0", "process.working_directory=/", "sudo.submitcwd=/tmp", "sudo.host=db1",
		"sudo.submithost=db1", "related.hosts=db1", "related.user=averez|root", "sudo.chroot=/srv/c", "sudo.source=/etc/sudoers:6:54",
		"sudo.iolog_path=/var/log/sudo-io/00/00/2G", "sudo.tsid=00002G", "process.executable=/usr/bin/my#040tool",
		"process.args=/usr/bin/my tool|a b|it's|x\ny\x1b\"\\|😀",
		`process.command_line=/usr/bin/my#040tool 'a b' it\'s x#012y#033"\\ 😀`, "-tags", "process.name=sudo",
	}
	f(cee(accepted), append(command, strings.Fields(sudoOK)...)...)
	f(cee(accepted), "process.env_vars=A=1|B=c d", "@timestamp=2026-11-23T17:54:31Z", "-process.exit_code")
	f(cee(exited), append(command, strings.Fields(sudoExit)...)...)
	f(cee(exited), "process.exit_code=143", "sudo.signal=TERM", "sudo.dumped_core=false", "sudo.run_time=2.000402118",
		"event.duration=2000402118", "-process.env_vars")
	// Another host's uuid is another command.
	r.host = "other"
	f(cee(exited), append(strings.Fields(sudoExit), "-user.name", "-process.command_line", "process.exit_code=143")...)
	r.host = "vm"
	// What was refused, and why.
	refused := func(kind, reason string) string {
		return cee(`{"` + kind + `":{"uuid":"u-2","reason":"` + reason + `","submituser":"jdoe","command":"/usr/bin/ls","runargv":["ls"]}}`)
	}
	f(refused("reject", "user NOT in sudoers"), append(strings.Fields(sudoDenied), "user.name=jdoe", "event.reason=user NOT in sudoers",
		"process.args=/usr/bin/ls")...)
	f(refused("reject", "3 incorrect password attempts"), append(strings.Fields(sudoFailed), "sudo.attempts=3")...)
	f(refused("reject", "the moon is full"), append(strings.Fields(sudoDenied), "event.reason=the moon is full")...)
	f(refused("alert", "/etc/sudoers:9:8: syntax error"), strings.Fields(sudoConfig)...)
	f(refused("alert", "the moon is full"), strings.Fields(sudoWarned)...)
	// An alert has its run's uuid, and is no command.
	f(cee(`{"exit":{"uuid":"u-2","exit_value":0}}`), append(strings.Fields(sudoExit), "-user.name")...)
	// A log server tells whom it has it from.
	f(cee(`{"accept":{"uuid":"u-3","peeraddr":"10.0.0.7","submituser":"a","command":"list"}}`), "source.ip=10.0.0.7", "-process.executable",
		"user.name=a")
	// No user can write into it.
	f(cee(`{"accept":{"uuid":"u-4","submituser":"a","command":"/bin/x","runcwd":"/d ; USER=evil ; COMMAND=y","runargv":["x"," ; COMMAND=z"]}}`),
		"process.command_line=/bin/x ' ; COMMAND=z'", "process.working_directory=/d ; USER=evil ; COMMAND=y", "-tags", "-user.effective.name")
	// What is none is not read.
	for _, text := range []string{
		"@cee:", "@cee:{", "@cee:{}", "@cee:x", `@cee:{"sudo":{}}`, `@cee:{"sudo":{"grant":{"uuid":"x"}}}`, `@cee:{"sudo":{"accept":[]}}`,
		`@cee:{"sudo":{"accept":{}}}`, `@cee:{"sudo":{"accept":{"uuid" "x"}}}`, `@cee:{"sudo":{"accept":{"uuid":"x","runargv":[1,}}}`,
		`@cee:{"sudo":{"accept":{"uuid":"x","a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}}}`,
	} {
		f(text, "-event.action", "-event.outcome", "-user.name", "-sudo.uuid")
	}
}

// A line that was cut tells what it has whole, and that it was cut.
func TestSudoJSONCut(t *testing.T) {
	whole := `@cee:{"sudo":` + accepted + "}"
	at := newReader().says("sudo", whole)
	for n := strings.Index(whole, `"submit_time"`); n < len(whole)-2; n++ {
		r := newReader()
		e := r.says("sudo", whole[:n])
		check(t, e, "event.action=sudo-command", "event.outcome=success", "sudo.uuid=u-1", "tags=truncated_json",
			"message="+whole[:n])
		if t.Failed() {
			t.Fatalf("cut at %d, behind %s: %s", n, whole[max(0, n-20):n], e.Get("error.message"))
		}
		for _, field := range e.Fields {
			switch name := field.Name; name {
			case "tags", "message", "event.original", "related.user":
			default:
				if got, want := e.All(name), at.All(name); strings.Join(got, "|") != strings.Join(want, "|") {
					t.Errorf("cut at %d: %s is %q, want %q", n, name, got, want)
				}
			}
			if n < strings.Index(whole, `,"runenv"`) && n > strings.Index(whole, `"runargv"`) {
				check(t, e, "-process.args", "-process.command_line", "process.executable=/usr/bin/my#040tool")
			}
		}
	}
}

// In a file each event is an object of its own, or a member of the one that is the file.
func TestSudoJSONFile(t *testing.T) {
	r := newReader()
	f := func(line string, want ...string) {
		t.Helper()
		check(t, r.line(line), want...)
	}
	f(accepted, "event.action=sudo-command", "event.outcome=success", "process.name=sudo", "user.name=averez",
		"@timestamp=2026-11-23T17:54:31.000000005Z", "-tags", "log.syslog.appname=sudo")
	f(exited, "event.action=sudo-exit", "user.name=averez", "process.exit_code=143")
	const pretty = "    \"accept\": {\n        \"uuid\": \"u-9\",\n        \"submituser\": \"averez\",\n        \"command\": \"/bin/x\",\n" +
		"        \"runargv\": [\n            \"x\",\n            \"y\"\n        ]\n    }"
	for _, end := range []string{"", ",", "\n}"} {
		f(pretty+end, "event.action=sudo-command", "user.name=averez", "process.args=/bin/x|y", "-tags")
		f("{\n"+pretty+end, "event.action=sudo-command", "user.name=averez", "process.args=/bin/x|y")
	}
	// One line of it alone says nothing.
	for line := range strings.Lines(pretty) {
		f(strings.TrimSuffix(line, "\n"), "-event.action", "-event.outcome", "-user.name", "-process.name")
	}
	f(`{"accept":{"a":"b"}}`, "-event.action", "-process.name")
	f(`{"accept":"uuid"}`, "-event.action")
}

// A Parser that takes over between a command and its exit looks for the command once, and finds it in the index.
func TestSudoTakeOver(t *testing.T) {
	_, lines := sudoRuns(t, "exit-json")
	whole := corpusReader()
	var want []*event.Event
	for i, line := range lines {
		want = append(want, whole.again(line, i))
	}
	for cut := range lines {
		past := &index{events: want[:cut]}
		r := corpusReader()
		r.p = New(Config{Past: past}, nil)
		for i := cut; i < len(lines); i++ {
			if got, w := string(r.again(lines[i], i).AppendJSON(nil)), string(want[i].AppendJSON(nil)); got != w {
				t.Fatalf("from line %d, line %d:\ngot  %.600s\nwant %.600s", cut, i, got, w)
			}
		}
		for _, q := range past.asked {
			if q.Field != "sudo.uuid" || len(past.asked) > 1 || q.Host != "vm" {
				t.Errorf("from line %d: asked for %+v", cut, q)
			}
		}
	}
	// What is nowhere is looked for once; the command may come late.
	past := new(index)
	r := newReader()
	r.p = New(Config{Past: past}, nil)
	check(t, r.line(exited), "event.action=sudo-exit", "-user.name")
	check(t, r.line(exited), "event.action=sudo-exit", "-user.name")
	check(t, r.line(accepted), "event.action=sudo-command", "user.name=averez")
	check(t, r.line(exited), "event.action=sudo-exit", "user.name=averez")
	if len(past.asked) != 1 {
		t.Errorf("asked %d times", len(past.asked))
	}
}

func FuzzSudoJSON(f *testing.F) {
	fuzzProgram(f, "sudo", `@cee:{"sudo":`+accepted+"}\n"+`@cee:{"sudo":`+exited+"}", `@cee:{"sudo":{"reject":{"uuid":"a","reason":"b`,
		`@cee:{"sudo":{"alert":{"alert_time":{"seconds":9999999999999,"nanoseconds":1e9},"reason":"\ud800\u12","runuid":4e9,"peeraddr":"::1%e"}}}`)
}

func FuzzSudoFile(f *testing.F) {
	f.Add(accepted + "\n" + exited)
	f.Add("Nov 23 17:54:31 : a : PWD=/x ; USER=b ; COMMAND=/bin/c 'd\n    e' ; EXIT=0\nNov 23 17:54:31 2026 : a : unknown user b ;\n    PWD=/")
	f.Add("Nov 23 17:54:31 : a : COMMAND=x\nNov 23 17:54:31 : a : COMMAND=x ; EXIT=0\n    y\nz\n    w")
	f.Fuzz(func(t *testing.T, text string) { fuzzLines(t, text, "") })
}

func FuzzSudo(f *testing.F) {
	fuzzProgram(f, "sudo", "a : ENV=A=1COMMAND=/bin/x ; COMMAND=/bin/y", "a :  PWD=/ ; USER=b ; COMMAND=/bin/c  [...]\n[...] d [...]\n[...]  e",
		"a : PWD=/ ; USER=b ; COMMAND=/bin/c\na : (command continued) d ; EXIT=0\na : PWD=/ ; USER=b ; COMMAND=/bin/c\na : (command continued) d ; EXIT=0",
		"a : 3 incorrect password attempts ; COMMAND=x ; SIGNAL=TERM")
}

func FuzzSu(f *testing.F) {
	fuzzProgram(f, "su", "(to a) b on c", "FAILED SU (to a) b on none", "+ c a:b", "'su a' failed for b on c", "from a to b at c",
		"SU by a to restricted account b", "a to b", "No passwd entry for user 'a'")
}
