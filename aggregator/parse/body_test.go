package parse

import (
	"fmt"
	"strings"
	"testing"

	"belfry/shared/event"
)

// What is no body stays prose: one word that is no pair is enough.
func TestProse(t *testing.T) {
	r := newReader()
	f := func(text string) {
		t.Helper()
		e := r.says("app", text)
		check(t, e, "message="+text, "-log.level", "-user.name", "-tags")
		for _, x := range e.Fields {
			if strings.HasPrefix(x.Name, labels) {
				t.Errorf("%q has %s=%s", text, x.Name, x.Value)
			}
		}
	}
	f("user=alice")
	f("user=alice logged in")
	f("user=alice tried x=1")
	f("the user=alice level=info")
	f("level=info msg=user logged in")
	f("a==b")
	f("user: alice, level: info")
	f("x = 1 y = 2")
	f("1=2 3=4")
	f(`a="b c=d`)
	f(`a="b"c d=e`)
	f("http://example.org/?a=b&c=d e=f")
	f(`{"level":"info"`)
	f(`{"level":"info"} and more`)
	f(`{"level":info}`)
	f(`{"level":"info",}`)
	f(`{'level':'info'}`)
	f(`{"a":01}`)
	f(`{"a":"\x41"}`)
	f(`{"a":1}{"b":2}`)
	f(`[{"level":"info"}]`)
	f(`{}`)
	f("@cee:")
	f("@cee: no")
	f("CEF:0|a|b")
	f("CEF:x|a|b|c|d|e|f|g=h")
	f("LEEF:1.0|a|b")
	f("LEEF:3.0|a|b|c|d|src=1")
	f("{" + strings.Repeat(`"a":{`, 300) + strings.Repeat("}", 300))
}

// Bodies of libraries, without a header of their own.
func TestBody(t *testing.T) {
	r := newReader()
	f := func(text string, want ...string) {
		t.Helper()
		e := r.line(text)
		check(t, e, want...)
		sound(t, e, text)
		sliced(t, e, []string{text})
	}
	f(`{"level":"info","ts":1795456471.1234567,"msg":"m"}`, "message=m", "log.level=info",
		"@timestamp=2026-11-23T17:54:31.1234567Z")
	f(`{"level":"info","time":1700000000123456,"msg":"m"}`, "@timestamp=2026-11-23T18:54:31Z", "tags=time_out_of_range",
		"labels.log_time=2023-11-14T22:13:20.123456Z")
	f(`  {"a" : "b\u00e9\ud83d\ude00\n\"x\"" , "c" : [ ] , "d" : { } , "e":null,"f":""}  `, "labels.a=bé😀\n\"x\"", "-labels.c",
		"-labels.d", "-labels.e", "-labels.f")
	f(`{"a":[1,"2",true,null],"b":[{"c":1},2],"d":[[1]],"e":-1.5e+3}`, "labels.a=1|2|true", `labels.b=[{"c":1},2]`, "labels.d=[[1]]",
		"labels.e=-1.5e+3")
	f(`{"a":"\ud800x"}`, "labels.a=\uFFFDx")
	f(`time=2026-11-23T17:54:31.5+01:00 level=WARN msg="it \"works\"" n=1 e=`, "@timestamp=2026-11-23T16:54:31.5Z", "log.level=warn",
		`message=it "works"`, "labels.n=1", "-labels.e")
	f(`t=2026-11-23T17:54:31Z lvl=eror path="C:\new\Windows" x='it\'s', y=a,b;`, "labels.lvl=eror", `labels.path=C:\new\Windows`,
		`labels.x=it\'s`, "labels.y=a,b")
	f(`a="b", c='d'; e=f=g==`, "labels.a=b", "labels.c=d", "labels.e=f=g==")
	// The same thing under two names: the first is taken. One name twice: nobody knows.
	f(`{"msg":"m","message":"n","time":"2026-11-23T17:00:00Z","ts":1}`, "message=m", "labels.message=n",
		"@timestamp=2026-11-23T17:00:00Z", "labels.ts=1")
	f(`{"user":"alice","user":"root","n":1}`, "-user.name", "-related.user", "labels.user=alice|root", "tags=ambiguous")
	f("user=alice msg=x user=root", "-user.name", "labels.user=alice|root", "tags=ambiguous", "message=x")
	// What does not fit is kept.
	f(`{"pid":"x","src":"somewhere","spt":70000,"level":7,"user":{"id":5},"status":200,"path":"/a","error":true,"msg":1}`,
		"-process.pid", "labels.pid=x", "labels.src=somewhere", "labels.spt=70000", "labels.level=7", "labels.user.id=5",
		"labels.status=200", "labels.path=/a", "labels.error=true", "message=1")
	f(`{"remote_addr":"[2001:DB8::7]:4711","dst":"192.0.2.9:443","duration":"1.5ms","trace_id":"0123456789abcdef"}`,
		"source.ip=2001:db8::7", "source.port=4711", "destination.ip=192.0.2.9", "destination.port=443", "event.duration=1500000",
		"trace.id=0123456789abcdef")
	f(`{"remote_addr":"2001:db8::7","method":"GET","uri":"/a?b","status":"404","elapsed_ms":1.25}`, "source.ip=2001:db8::7",
		"-source.port", "http.request.method=GET", "url.path=/a", "url.query=b", "url.original=/a?b", "http.response.status_code=404",
		"event.duration=1250000")
}

// Nothing that was proven is taken from a line, nor what Belfry says itself.
func TestBodyClaims(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		e := with(line, event.Field{Name: "host.name", Value: "web01"}, event.Field{Name: "labels.site", Value: "brno"},
			event.Field{Name: "log.file.path", Value: "/x"}, event.Field{Name: "log.offset", Value: "7"})
		check(t, e, append(want, "host.name=web01", "agent.id=2", "event.id=1", "labels.site=brno", "log.file.path=/x", "log.offset=7",
			"event.kind=event", "event.original="+line)...)
		sound(t, e, line)
	}
	f(`{"ecs.version":"1","agent":{"id":"z"},"host":{"name":"h","ip":"192.0.2.1"},"event":{"id":"i","original":"o","kind":"alert",`+
		`"dataset":"belfry.gap","created":"2026-11-23T17:54:31Z","ingested":"x"},"tags":["doubt"],"observer":{"name":"r"},`+
		`"log":{"offset":9,"file":{"path":"/y"},"syslog":{"priority":1}},"journald":{"pid":"1"},"belfry":{"x":"y"},"labels":{"q":"r"}}`,
		"labels.agent.id=z", "labels.host.name=h", "labels.host.ip=192.0.2.1", "labels.event.id=i", "labels.event.dataset=belfry.gap",
		"-event.dataset", "-tags", "labels.tags=doubt", "-observer.name", "labels.observer.name=r", "labels.log.offset=9",
		"labels.journald.pid=1", "-journald.pid", "labels.labels.q=r", "-log.syslog.priority")
	// What the agent says stays alone, and what is ours.
	f(`{"site":"praha","log_time":"x","raw_base64":"y","stream":"z","n":"1"}`, "labels.n=1", "-labels.log_time", "-labels.raw_base64",
		"labels.stream=z", `details.overflow={"log_time":"x","raw_base64":"y","site":"praha"}`, "tags=overflow")
	// Nor what the enricher says of an address, a host and a user.
	f(`{"src":"192.0.2.7","source_class":"private","host_criticality":"low","n":"1"}`, "labels.n=1", "source.ip=192.0.2.7",
		"-labels.source_class", "-labels.host_criticality", `details.overflow={"host_criticality":"low","source_class":"private"}`, "tags=overflow")
	f(`{"log":"{\"stream\":\"x\"}\n","stream":"stderr","time":"2026-11-23T17:54:31Z"}`, "labels.stream=stderr",
		`details.overflow={"stream":"x"}`)
	// The header's word stands.
	f(`<14>Nov 23 17:54:31 vm app[7]: {"level":"error","time":"2026-11-23T10:00:00Z","pid":9,"hostname":"h"}`, "log.level=info",
		"labels.level=error", "@timestamp=2026-11-23T17:54:31Z", "labels.time=2026-11-23T10:00:00Z", "process.pid=7", "labels.pid=9",
		"process.name=app", "log.syslog.hostname=vm")
	f(`{"@timestamp":"2026-11-23T17:00:00Z","log.level":"INFO","message":"m","event.category":["web","evil"],"event.type":"access",`+
		`"event.outcome":"maybe","process.args":["a","b"],"source.ip":"192.0.2.1","source.port":7,"client.ip":"x","event.start":"2020"}`,
		"-event.category", "labels.event.category=web|evil", "labels.event.type=access", "labels.event.outcome=maybe", "process.args=a|b",
		"-event.outcome", "-event.type",
		"source.ip=192.0.2.1", "source.port=7", "labels.client.ip=x", "labels.event.start=2020", "log.level=info")
}

// Bounds of names and numbers.
func TestBodyBounds(t *testing.T) {
	r := newReader()
	long := strings.Repeat("n", maxLabel-len(labels))
	e := r.line(`{"` + long + `":"fits","` + long + `x":"long","":"none","a..b":"dots",".":"dot","a\u0000":"nul","b.":"end"}`)
	check(t, e, labels+long+"=fits", "tags=overflow")
	for _, s := range []string{`"long"`, `"none"`, `"dots"`, `"dot"`, `"nul"`, `"end"`} {
		if !strings.Contains(e.Get(overflowField), s) {
			t.Errorf("%s is not in %s", s, e.Get(overflowField))
		}
	}
	var text strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&text, `,"k%d":%d`, i, i)
	}
	line := "{" + text.String()[1:] + "}"
	e = r.line(line)
	sound(t, e, line)
	check(t, e, "labels.k0=0", fmt.Sprintf("labels.k%d=%d", maxPairs-1, maxPairs-1), fmt.Sprintf("-labels.k%d", maxPairs), "tags=overflow")
	if !strings.Contains(e.Get(overflowField), `"k2999":"2999"`) {
		t.Error("the last one is lost")
	}
	huge := "{" + strings.Repeat(`,"":"x"`, 100_000)[1:] + "}"
	if e = r.line(huge); len(e.Get(overflowField)) > 20_000 {
		t.Errorf("%d bytes are kept beside the line", len(e.Get(overflowField)))
	}
	deep := strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20)
	check(t, r.line(deep), labels+strings.Repeat("a.", maxBodyDepth-1)+"a="+strings.Repeat(`{"a":`, 4)+"1"+strings.Repeat("}", 4))
}

func TestContainers(t *testing.T) {
	r := newReader()
	const at = "@timestamp=2026-11-23T17:54:31.123456789Z"
	f := func(line string, want ...string) {
		t.Helper()
		e := r.line(line)
		check(t, e, want...)
		sound(t, e, line)
		sliced(t, e, []string{line})
	}
	f(`{"log":"a \"b\"\u003c\n","stream":"stderr","time":"2026-11-23T17:54:31.123456789Z"}`, at, "labels.stream=stderr", `message=a "b"<`)
	f(`{"log":"x\r\n","attrs":{"tag":"y"},"time":"2026-11-23T17:54:31.123456789Z"}`, at, "-labels.stream", "message=x")
	f(`{"log":"{\"level\":\"warn\",\"msg\":\"hi \\\"you\\\"\"}\n","stream":"stdout","time":"2026-11-23T17:54:31.123456789Z"}`, at,
		"log.level=warn", `message=hi "you"`, "labels.stream=stdout")
	f(`{"log":"x","stream":"stdin","time":"2026-11-23T17:54:31.123456789Z"}`, "@timestamp=2026-11-23T17:54:31.123456789Z", "labels.log=x")
	f("2026-11-23T17:54:31.123456789Z stdout F level=info msg=hi", at, "labels.stream=stdout", "log.level=info", "message=hi", "log.syslog.hostname=")
	f("2026-11-23T17:54:31.123456789+00:00 stderr P:x part", at, "labels.stream=stderr", "message=part")
	f("2026-11-23T17:54:31.123456789Z stdout G x: y", at, "-labels.stream", "log.syslog.hostname=stdout")
	f("2026-11-23T17:54:31.123456789Z stdout F", at, "labels.stream=stdout", "message=2026-11-23T17:54:31.123456789Z stdout F")
}

func FuzzBody(f *testing.F) {
	for _, s := range bodySeeds {
		f.Add(s, "")
		f.Add(s, "x")
	}
	f.Fuzz(func(t *testing.T, text, program string) {
		if strings.ContainsAny(program, "\n") {
			return
		}
		fuzzLines(t, text, program)
	})
}

var bodySeeds = []string{
	`{"level":"info","ts":1795456471.1234567,"caller":"a/b.go:7","msg":"m\u00e9\ud83d\ude00","a":{"b":[1,{"c":null}]}}`,
	`{"@timestamp":"2026-11-23T17:54:31.1Z","log.level":"INFO","message":"m","ecs.version":"1.2.0","process.args":["a","b"]}`,
	`{"level":30,"time":1795456471123,"pid":12,"hostname":"h","msg":"x","req":{"method":"GET","url":"/a?b"},"res":{"statusCode":200},"responseTime":12}`,
	`{"version":"1.1","host":"h","short_message":"s","timestamp":1795456471.1,"level":3,"_x":"y"}`,
	`{"log":"{\"a\":\"b\\n\"}\n","stream":"stdout","attrs":{"a":[1]},"time":"2026-11-23T17:54:31.123456789Z"}`,
	`2026-11-23T17:54:31.123456789Z stdout F a=b c="d \"e\"" f='g', user=x user=y`,
	`@cee: {"user":"x","src":"[::1]:5","dst":"192.0.2.1","duration":"1h","elapsed_ms":1.5}`,
	`date=2026-11-23 time=17:54:31 tz="+0100" srcip=10.0.0.1 proto=TCP`,
	`CEF:0|a\|b|c|1|2|n|3|src=10.0.0.1 msg=a b\=c\\ d=e\nf rt=1795456471123`,
	"LEEF:1.0|a|b|1|2|src=10.0.0.1\tusrName=x",
	`LEEF:2.0|a|b|1|2|x5e|src=10.0.0.1^sev=5`,
	`[    5.123456] vm sshd[19043]: Accepted password for a from 127.0.0.1 port 3 ssh2`,
	`Mon 2026-11-23 17:54:31 CET vm sshd[19043]: x`,
}
