package parse

import (
	"encoding/binary"
	"strings"
	"testing"
)

// sized is a field of the export format whose value may hold anything.
func sized(name, value string) string {
	return name + "\n" + string(binary.LittleEndian.AppendUint64(nil, uint64(len(value)))) + value + "\n"
}

const object = `{"__REALTIME_TIMESTAMP":"1795456471123456","MESSAGE":`

const exported = "__CURSOR=s=a;i=1\n__REALTIME_TIMESTAMP=1795456471123456\n"

// Entries end where they end. Among other lines they are lines.
func TestJournal(t *testing.T) {
	f := func(in string, want ...[]string) {
		t.Helper()
		all, err := events(t, strings.NewReader(in), Options{})
		if err != nil || len(all) != len(want) {
			t.Fatalf("%q: %d events, %v", in, len(all), err)
		}
		for i, w := range want {
			check(t, all[i], w...)
			if line := all[i].Get("event.original"); line != "" { // an empty one is no line
				sound(t, all[i], line)
			}
		}
	}
	line := []string{"event.original=a line", "message=a line", "-journald.pid"}
	at := "@timestamp=2026-11-23T17:54:31.123456Z"
	f("a line\n"+strings.TrimSpace(exported), line, []string{"-journald.pid"}, []string{"-journald.pid"})
	f("a line\n"+object+`"x","_PID":"1"}`, line, []string{"-journald.pid"})
	f("\n"+object+`"x","_PID":"1"}`, []string{"-message"}, []string{"-journald.pid"})
	f(exported+"MESSAGE=x\n\n\n"+exported+"_PID=7\nMESSAGE=y", []string{at, "message=x"},
		[]string{at, "message=y", "journald.pid=7", "process.pid=7"})
	f(exported+sized("MESSAGE", "a\n\nb=c\x00\xff")+sized("X", strings.Repeat("x", 5000))+"\n\n", []string{
		"message=a\n\nb=c\x00\uFFFD", "journald.custom.x=" + strings.Repeat("x", 4096), "tags=invalid_utf8|journal_fields_cut"})
	f(exported+"MESSAGE="+strings.Repeat("m", maxLine+9)+"\n\n", []string{"tags=truncated"})
	f(exported+"PRIORITY=9\nSYSLOG_FACILITY=x\nMESSAGE=\nMESSAGE=z\n\n", []string{"tags=journal_fields_cut", "log.level=info"})
	f(exported+strings.Repeat("X=y\n", 40)+"\n", []string{"tags=journal_fields_cut", "journald.custom.x=" + strings.Repeat("|y", 32)[1:]})
	f(object+`[120,255],"X":[[121],"z"],"_PID":"7"}`, []string{at, "message=x\uFFFD", "journald.custom.x=y|z", "journald.pid=7"})
	f("data: "+object+`"x"}`+"\n\n\x1e"+object+`null}`, []string{at, "message=x"}, []string{"-message"}, []string{at, "tags=journal_fields_cut"})
	// What only looks like one is what it looks like.
	for _, in := range []string{object + `7}`, object + `"x","a":"b"}`, object + `[[[1]]]}`, object + `"x"} y`,
		`{"__REALTIME_TIMESTAMP":7,"MESSAGE":"x"}`, `{"__REALTIME_TIMESTAMP":"x"}`, "__CURSOR", "CURSOR=1"} {
		f(in, []string{"event.original=" + in, "-journald.pid"})
	}
}

// An export that is damaged is read as far as it goes.
func TestJournalDamaged(t *testing.T) {
	f := func(in, want string, entries int) {
		t.Helper()
		all, err := events(t, strings.NewReader(exported+"MESSAGE=x\n\n"+in), Options{})
		if err == nil || !strings.Contains(err.Error(), want) || len(all) != entries {
			t.Errorf("%q: %d events, %v", in, len(all), err)
		}
	}
	f(exported+"lower\n", `"lower" is no name of a field`, 2)
	f(exported+"MESSAGE\n\x09\x00", "MESSAGE ends too early", 2)
	f(exported+"MESSAGE\n\x03\x00\x00\x00\x00\x00\x00\x00abcd", "no line end behind the 3 bytes", 2)
	f(exported+"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff", "bytes long", 2)
}

func FuzzJournal(f *testing.F) {
	f.Add(exported + sized("MESSAGE", "a\nb") + "_PID=7\n\nline\n")
	f.Add(`{"__REALTIME_TIMESTAMP":"1795456471123456","MESSAGE":[1,2],"X":["a",[3]],"Y":null}` + "\n")
	f.Fuzz(func(t *testing.T, in string) {
		all, _ := events(t, strings.NewReader(in), Options{})
		for _, e := range all {
			if e.Get("event.kind") == "pipeline_error" || e.Get("@timestamp") == "" {
				t.Errorf("%q: %v", in, e.Fields)
			}
		}
	})
}
