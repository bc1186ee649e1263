package journal

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"belfry/shared/event"
)

func encoded(t *testing.T, text string, change func(*encoder, *entry)) string {
	t.Helper()
	var e entry
	if err := newDecoder(strings.NewReader(text), 20).next(&e); err != nil {
		t.Fatal(err)
	}
	c := newEncoder(Source{Version: "1.2", Host: "web1", Zone: "Europe/Berlin"}, event.HashKey("x"), false)
	c.machine = "3d1219c7c4c5404aaa1f6d2a48adfda4"
	if change != nil {
		change(c, &e)
	}
	line := string(c.encode(&e, 5, time.Unix(1790000000, 0), false))
	if !json.Valid([]byte(line)) {
		t.Errorf("not JSON: %s", line)
	}
	return line
}

func TestEncode(t *testing.T) {
	got := encoded(t, export(seriesA, 7, "PRIORITY=5", "SYSLOG_FACILITY=10", "SYSLOG_IDENTIFIER=sudo", "SYSLOG_PID=42", "_HOSTNAME=web1",
		"MESSAGE=alice : ok", "_PID=43", "_UID=0", "_COMM=sudo", "_EXE=/usr/bin/sudo", "_CMDLINE=sudo -i", "_AUDIT_LOGINUID=1000",
		"_SYSTEMD_UNIT=ssh.service", "_TRANSPORT=syslog", "_SOURCE_REALTIME_TIMESTAMP=1790000000123456", "MESSAGE_ID=ab\"c", "X=1", "Y=y", "X=2",
		"_UDEV_SYSNAME=sda"), nil)
	want := `{"@timestamp":"2026-09-21T14:13:20.123456Z","agent":{"id":"00000000000000000000000000000000","version":"1.2"},` +
		`"event":{"created":"2026-09-21T14:13:20.000000Z","id":"` + event.ID(event.Key{}, event.HashKey("x"), 5, 7).String() + `",` +
		`"original":"<85>1 2026-09-21T14:13:20.123456Z web1 sudo 42 - - alice : ok","timezone":"Europe/Berlin"},` +
		`"host":{"name":"web1"},"journald":{"boot_id":"11111111111111111111111111111111","pid":"43","uid":"0",` +
		`"audit":{"login_uid":"1000"},"process":{"name":"sudo","executable":"/usr/bin/sudo","command_line":"sudo -i"},` +
		`"custom":{"message_id":"ab\"c","x":["1","2"],"y":"y"},"trusted":{"udev_sysname":"sda"}},` +
		`"log":{"offset":7},"systemd":{"transport":"syslog","unit":"ssh.service"}}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What stands in the line, and what else the event says of it.
func TestLine(t *testing.T) {
	f := func(line, rest string, fields ...string) {
		t.Helper()
		got := encoded(t, export(seriesA, 7, fields...), nil)
		original := string(event.AppendString(nil, line))
		if !strings.Contains(got, `"original":`+original+`,`) || !strings.Contains(got, rest) {
			t.Errorf("%q:\ngot  %s\nwant %s, and %s", fields, got, original, rest)
		}
	}
	const at = "1 2026-09-21T14:13:27.000000Z "
	f(`<30>`+at+`web1 - - - - `, `"host":{"name":"web1"}`)
	f(`<30>`+at+`web1 cat 7 - - x`, ``, "_COMM=cat", "_PID=7", "MESSAGE=x")
	f(`<6>`+at+`web1 kernel - - - x`, ``, "_TRANSPORT=kernel", "MESSAGE=x")
	f(`<28>`+at+`web1 systemd - - - x`, ``, "_TRANSPORT=kernel", "SYSLOG_FACILITY=3", "PRIORITY=4", "SYSLOG_IDENTIFIER=systemd", "MESSAGE=x")
	f(`<30>`+at+`web1 a_b_c 1_2 - - x`, `"identifier":"a b\nc"`, "SYSLOG_IDENTIFIER=a b\nc", "SYSLOG_PID=1 2", "MESSAGE=x")
	f(`<30>`+at+`web1 `+strings.Repeat("i", 128)+` - - - x`, `"identifier":"`+strings.Repeat("i", 129), "SYSLOG_IDENTIFIER="+strings.Repeat("i", 129), "MESSAGE=x")
	f(`<30>`+at+`web1 - - - - x`, `"tags":["journal_fields_cut"]`, "PRIORITY=9", "SYSLOG_FACILITY=-1", "MESSAGE=x")
	f(`<30>`+at+`web1 - - - - x`, `"tags":["journal_fields_cut"]`, "_EXE=\xff", "MESSAGE=x")
	// a time that is none
	f(`<30>`+at+`web1 - - - - x`, ``, "_SOURCE_REALTIME_TIMESTAMP=9999999999999999999", "MESSAGE=x")
	f(`<30>`+at+`web1 - - - - x`, ``, "_SOURCE_REALTIME_TIMESTAMP=yesterday", "MESSAGE=x")
	// messages
	f(`<30>`+at+"web1 - - - - a\nb", ``, "MESSAGE=a\nb")
	f(`<30>`+at+"web1 - - - - [x] a", ``, "MESSAGE=[x] a")
	f(`<30>`+at+"web1 - - - - a\xff", `"labels":{"raw_base64":"PDMwPjEgMjAyNi0wOS0yMVQxNDoxMzoyNy4wMDAwMDBaIHdlYjEgLSAtIC0gLSBh/w=="}`, "MESSAGE=a\xff")
	f(`<30>`+at+"web1 - - - - a\xff", `"tags":["invalid_utf8"]`, "MESSAGE=a\xff")
	f(`<30>`+at+"web1 - - - - "+strings.Repeat("x", 20), `"original_length":68},"tags":["truncated"]`, "MESSAGE="+strings.Repeat("x", 21))
	f(`<30>`+at+"web1 - - - - "+strings.Repeat("x", 19), `"original_length":69},"tags":["truncated"]`, "MESSAGE="+strings.Repeat("x", 19)+"€")
	// of another machine
	f(`<30>`+at+`db9 - - - - x`, `"observer":{"name":"web1"},`, "_HOSTNAME=db9", "MESSAGE=x")
	f(`<30>`+at+`old - - - - x`, `"host":{"name":"web1"},`, "_HOSTNAME=old", "_MACHINE_ID=3d1219c7c4c5404aaa1f6d2a48adfda4", "MESSAGE=x")
}

// In a folder of others' journals nobody's claim to be this host is believed.
func TestForeignFolder(t *testing.T) {
	got := encoded(t, export(seriesA, 7, "_HOSTNAME=web1", "MESSAGE=x"), func(c *encoder, _ *entry) { c.foreign = true })
	if !strings.Contains(got, `"observer":{"name":"web1"}`) || strings.Contains(got, `"host"`) {
		t.Error(got)
	}
}

func TestMarks(t *testing.T) {
	got := encoded(t, export(seriesA, 7, "MESSAGE=x"), func(_ *encoder, e *entry) { e.damaged = true })
	if !strings.Contains(got, `"tags":["journal_entry_damaged"]`) {
		t.Error(got)
	}
}
