package parse

import "testing"

// Elements end where they end, whatever is in their values (RFC 5424, section 6.3.3).
func TestStructuredData(t *testing.T) {
	f := func(in, data, rest string) {
		t.Helper()
		if d, r := structuredData(in); d != data || r != rest {
			t.Errorf("%q: %q and %q, want %q and %q", in, d, r, data, rest)
		}
	}
	f("- text", "", " text")
	f("-", "", "")
	f("-text", "", "-text")
	f("[a] text", "[a]", " text")
	f(`[a b="c"][d e="f" g=""] [h] text`, `[a b="c"][d e="f" g=""]`, " [h] text")
	f(`[a b="\"\\\]"] x`, `[a b="\"\\\]"]`, " x")
	f(`[a b="]"] x`, `[a b="]"]`, " x") // it should be escaped; the quotes say what is meant
	f(`[a b="[c d=\"e\"]"] x`, `[a b="[c d=\"e\"]"]`, " x")
	f(`[a b="c\n\ud"] x`, `[a b="c\n\ud"]`, " x")
	f(`[a b="é ]"] x`, `[a b="é ]"]`, " x")
	f(`[a@32473 b=c d="e"] x`, `[a@32473 b=c d="e"]`, " x") // VMware
	f(`[a b="c"]x`, `[a b="c"]`, "x")
	for _, text := range []string{`[a b="c] x`, `[a b="c\"] x`, `[a b="c" x`, `[a  b="c"] x`, `[] x`, `[a b] x`, `[a b="c"d="e"] x`, `[a ="b"] x`,
		`[a b="c"`, "[", `[a b="c\`, `["a"] x`, "text", ""} {
		f(text, "", text)
	}
	f(`[a b="c"][d e="f] x`, "", `[a b="c"][d e="f] x`)
}

// What an element says of its sender is its own word.
func TestStructuredDataClaims(t *testing.T) {
	const line = `<165>1 2026-11-23T17:14:15.003Z h a 7 m [origin ip="192.0.2.1" software="x" host="evil"][meta sequenceId="7"] t`
	e := newReader().line(line)
	check(t, e, `log.syslog.structured_data=[origin ip="192.0.2.1" software="x" host="evil"][meta sequenceId="7"]`, "message=t", "host.name=vm",
		"-source.ip", "-related.ip", "-host.ip", "-event.sequence")
}

// The headers of journalctl's short forms: a weekday stands only before a year, and seconds since the start are no time.
func TestShortForms(t *testing.T) {
	f := func(line, at, host, program string) {
		t.Helper()
		e := newReader().line(line)
		check(t, e, "@timestamp="+at, "log.syslog.hostname="+host, "log.syslog.appname="+program)
	}
	const read = "2026-11-23T18:54:31Z"
	f("Mon 2026-11-23 17:53:29 UTC vm app[1]: x", "2026-11-23T17:53:29Z", "vm", "app")
	f("Mon 2026-11-23 17:53:29.123456 CET vm app[1]: x", "2026-11-23T16:53:29.123456Z", "vm", "app")
	f("Mon 2026-11-23 17:53:29 +0530 vm app[1]: x", "2026-11-23T12:23:29Z", "vm", "app")
	f("Mon 2026-11-23 17:53:29 CET vm user@1000.service/app.service[1]: x", "2026-11-23T16:53:29Z", "vm", "user@1000.service/app.service")
	f("Mon 23 x: y", read, "", "")
	f("Men 2026-11-23 17:53:29 UTC vm app[1]: x", read, "", "")
	f("[    5.123456] vm app[1]: x", read, "vm", "app")
	f("[35944.688510] vm kernel: x", read, "vm", "kernel")
	f("[    5.123456] usb 1-1: new device", read, "", "")
	f("[    5.123456] systemd[1]: Inserted module", read, "", "")
	f("[    5.123456] traps: app[1] trap", read, "", "")
	f("[    5.123456] x app[y]: z", read, "", "")
	f("[    5.12345] vm app[1]: x", read, "", "")
	f("[x] vm app[1]: x", read, "", "")
}
