package parse

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"belfry/shared/event"
)

// eventOf makes the events of a relay: of lines whose hosts are claimed.
type eventOf struct{}

func (*eventOf) relayed(line string) *event.Event {
	e := new(event.Event)
	e.Append("event.original", line)
	e.Append("event.created", readAt.Format(time.RFC3339Nano))
	e.Append("event.timezone", "UTC")
	e.Append("observer.name", "relay1")
	e.Append("source.ip", "192.0.2.9")
	New(Config{Retention: century}, nil).Parse(e, readAt)
	return e
}

// TestDialects has lines as gear and programs write them, by vendor.
func TestDialects(t *testing.T) {
	f := func(line, at, host, program, pid, text string) {
		t.Helper()
		e := new(eventOf).relayed(line)
		got := []string{
			e.Get("@timestamp"), e.Get("log.syslog.hostname"), e.Get("process.name"), e.Get("log.syslog.procid"), e.Get("message"),
		}
		if d := cmp.Diff([]string{at, host, program, pid, text}, got); d != "" {
			t.Errorf("%q: %s", line, d)
		}
		if want := program; e.Get("log.syslog.appname") != want {
			t.Errorf("%q: appname %q, want %q", line, e.Get("log.syslog.appname"), want)
		}
	}
	const at, created = "2026-11-23T17:53:29Z", "2026-11-23T18:54:31Z"
	// Times.
	f("<13>2026-11-23T18:53:29.123456+01:00 vm app[7]: x", "2026-11-23T17:53:29.123456Z", "vm", "app", "7", "x") // rsyslog
	f("<13>2026-11-23T17:53:29+00:00 vm app[7]: x", at, "vm", "app", "7", "x")                                   // syslog-ng
	f("<13>2026-11-23T17:53:29,5 vm app[7]: x", "2026-11-23T17:53:29.5Z", "vm", "app", "7", "x")
	f("<13>2026-11-23 17:53:29 vm app[7]: x", at, "vm", "app", "7", "x")
	f("<13>2026-11-23 18:53:29 +0100 vm app[7]: x", at, "vm", "app", "7", "x")
	f("<13>2026-11-23 17:53:29 UTC vm app[7]: x", at, "vm", "app", "7", "x")
	f("<13>Nov 23 2026 17:53:29 vm app[7]: x", at, "vm", "app", "7", "x")
	f("<13>Nov 23 17:53:29.003 vm app[7]: x", "2026-11-23T17:53:29.003Z", "vm", "app", "7", "x")
	f("<13>Nov 03 17:53:29 vm app[7]: x", "2026-11-03T17:53:29Z", "vm", "app", "7", "x")
	f("<13>Nov  3 17:53:29 vm app[7]: x", "2026-11-03T17:53:29Z", "vm", "app", "7", "x")
	f("<13>Nov 23 18:53:29 CET vm app[7]: x", at, "vm", "app", "7", "x")
	f("<13>Nov 23 12:53:29 EST vm app[7]: x", at, "vm", "app", "7", "x")
	f("<13>Nov 23 17:53:29 VM app[7]: x", at, "VM", "app", "7", "x")
	f("<13>November 23 17:53:29 vm app[7]: x", at, "vm", "app", "7", "x")
	f("<13> Nov 23 17:53:29  vm app[7]: x", at, "vm", "app", "7", "x")
	f("<13>1795456409 vm app[7]: x", at, "vm", "app", "7", "x")
	f("<13>1795456409.25 vm app[7]: x", "2026-11-23T17:53:29.25Z", "vm", "app", "7", "x")
	f("1795456409.25 vm app[7]: x", created, "", "", "", "1795456409.25 vm app[7]: x")
	f("<187>Nov 23 17:53:29 2026 aruba authmgr[4130]: <124198> <4130> <ERRS> x", at, "aruba", "authmgr", "4130", "<124198> <4130> <ERRS> x")
	// Hosts.
	f("<13>Nov 23 17:53:29 10.0.0.1 app: x", at, "10.0.0.1", "app", "", "x")
	f("<13>Nov 23 17:53:29 2001:db8::7 app: x", at, "2001:db8::7", "app", "", "x")
	f("<13>Nov 23 17:53:29 [2001:db8::7] app: x", at, "2001:db8::7", "app", "", "x")
	f("<13>Nov 23 17:53:29 fe80::1%eth0 app: x", at, "fe80::1%eth0", "app", "", "x")
	f("<13>Nov 23 17:53:29 src@relay/vm app: x", at, "src@relay/vm", "app", "", "x")
	f("<13>Nov 23 17:53:29 (none) app: x", at, "", "app", "", "x")
	f("<13>Nov 23 17:53:29 vm\tapp: x", at, "vm", "app", "", "x")
	f("<13>Nov 23 17:53:29\tvm app: x", at, "vm", "app", "", "x")
	f("<13>Nov 23 17:53:29 app[7]: x", at, "", "app", "7", "x")
	f("<13>app[7]: x", created, "", "app", "7", "x")
	f("<13>x", created, "", "", "", "x")
	f("\uFEFF<13>Nov 23 17:53:29 vm app: x\r", at, "vm", "app", "", "x")
	f("37 <13>Nov 23 17:53:29 vm app: x y z w", at, "vm", "app", "", "x y z w")
	// Tags.
	f("<13>Nov 23 17:53:29 vm app[12:34]: x", at, "vm", "app", "12:34", "x")
	f("<13>Nov 23 17:53:29 vm /usr/sbin/cron[12]: (root) CMD (x)", at, "vm", "cron", "12", "(root) CMD (x)")
	f("<13>Nov 23 17:53:29 vm run-parts(/etc/cron.daily)[12]: starting x", at, "vm", "run-parts(/etc/cron.daily)", "12", "starting x")
	f("<13>Nov 23 17:53:29 vm a-very-long-name-of-a-program-of-40-letters[1]: x", at, "vm", "a-very-long-name-of-a-program-of-40-letters", "1", "x")
	f("<13>Nov 23 17:53:29 vm Google Chrome Helper[12]: x", at, "vm", "Google Chrome Helper", "12", "x")
	f("<13>Nov 23 17:53:29 vm app x", at, "vm", "", "", "app x")
	f("<13>Nov 23 17:53:29 vm", at, "", "", "", "vm")
	// macOS, Solaris, AIX, OpenWrt, busybox, haproxy, Docker.
	f("<13>Nov 23 17:53:29 mac com.apple.xpc.launchd[1] (com.apple.x[123]) <Notice>: Service exited", at, "mac",
		"com.apple.xpc.launchd", "1", "(com.apple.x[123]) <Notice>: Service exited")
	f("<38>Nov 23 17:53:29 sol sshd[12]: [ID 702911 auth.notice] hello", at, "sol", "sshd", "12", "[ID 702911 auth.notice] hello")
	f("<38>Nov 23 17:53:29 Message forwarded from aix1: sshd[12]: hello", at, "aix1", "sshd", "12", "hello")
	f("<30>Nov 23 17:53:29 OpenWrt dnsmasq-dhcp[1]: DHCPACK(br-lan) 192.168.1.2", at, "OpenWrt", "dnsmasq-dhcp", "1", "DHCPACK(br-lan) 192.168.1.2")
	f("<134>Nov 23 17:53:29 haproxy[12]: 10.0.0.1:3 [23/Nov/2026] x", at, "", "haproxy", "12", "10.0.0.1:3 [23/Nov/2026] x")
	f("<30>Nov 23 17:53:29 vm 7c4d5f6a8b9c[1234]: x", at, "vm", "7c4d5f6a8b9c", "1234", "x")
	f("<30>1 2026-11-23T18:53:29.123456+01:00 vm 7c4d5f6a8b9c 1234 7c4d5f6a8b9c - x", "2026-11-23T17:53:29.123456Z", "vm", "7c4d5f6a8b9c", "1234", "x")
	// VMware, Juniper, Palo Alto, Fortinet, Check Point, MikroTik, HP, Synology, UniFi, Windows agents.
	f("<166>2026-11-23T17:53:29.123Z esx1.lab Hostd: info hostd[2099] [Originator@6876 sub=Vimsvc] x", "2026-11-23T17:53:29.123Z",
		"esx1.lab", "Hostd", "", "info hostd[2099] [Originator@6876 sub=Vimsvc] x")
	f("<181>2026-11-23T17:53:29Z esx1 vmkernel: cpu3:2097)x", at, "esx1", "vmkernel", "", "cpu3:2097)x")
	f("<23> Nov 23 17:53:29  srx RT_FLOW: RT_FLOW_SESSION_CREATE: session created", at, "srx", "RT_FLOW", "", "RT_FLOW_SESSION_CREATE: session created")
	f("<28>Nov 23 17:53:29 mx1 mgd[4711]: UI_CMDLINE_READ_LINE: User 'a'", at, "mx1", "mgd", "4711", "UI_CMDLINE_READ_LINE: User 'a'")
	f("<14>Nov 23 17:53:29 PA-VM 1,2026/11/23 17:53:29,0070,TRAFFIC,end", at, "PA-VM", "", "", "1,2026/11/23 17:53:29,0070,TRAFFIC,end")
	const forti = `date=2026-11-23 time=17:53:29 devname="FG100" msg="a: b"`
	f("<190>"+forti, at, "", "", "", "a: b") // its time and message are among its pairs
	f("<190>Nov 23 17:53:29 "+forti, at, "", "", "", "a: b")
	f("<134>Nov 23 17:53:29 cp1 Action=\"Accept\" x: y", at, "cp1", "", "", "Action=\"Accept\" x: y")
	f("<134>CEF:0|Check Point|VPN-1|x|y: z", created, "", "", "", "CEF:0|Check Point|VPN-1|x|y: z")
	f("<134>Nov 23 17:53:29 CEF:0|Vendor|x|y", at, "", "", "", "CEF:0|Vendor|x|y")
	f("<134>Nov 23 17:53:29 gw CEF:0|Vendor|x|y", at, "gw", "", "", "CEF:0|Vendor|x|y")
	f("<30>system,info,account user admin logged in via winbox", created, "", "system,info,account", "", "user admin logged in via winbox")
	f("<30>Nov 23 17:53:29 MikroTik firewall,info forward: in:ether1", at, "MikroTik", "firewall,info", "", "forward: in:ether1")
	f("<30>Nov 23 17:53:29 system,info router rebooted", at, "", "system,info", "", "router rebooted")
	f("<132>Nov 23 17:53:29 ros forward: in:ether1 out:bridge", at, "ros", "forward", "", "in:ether1 out:bridge")
	f("<14>Nov 23 17:53:29 10.0.0.9 00076 ports: port 1 is now on-line", at, "10.0.0.9", "", "", "00076 ports: port 1 is now on-line")
	f("<14>Nov 23 17:53:29 nas WinFileService: Event: write, Path: /x", at, "nas", "WinFileService", "", "Event: write, Path: /x")
	f("<14>1 2026-11-23T17:53:29Z nas Connection - - - User [a] logged in", at, "nas", "Connection", "", "User [a] logged in")
	f("<30>Nov 23 17:53:29 U7PG2,788a2056b181,v4.0.66.10832: logread[5495]: Logread connected", at, "U7PG2,788a2056b181", "logread", "5495", "Logread connected")
	f("<27>Nov 23 17:53:29 US8P60,18e8294876c3,v4.0.66.10832 switch: DOT1S: x", at, "US8P60,18e8294876c3", "switch", "", "DOT1S: x")
	f("<27>Nov 23 17:53:29 788a2056b183,v4.0.66.10832: logread[5495]: x", at, "788a2056b183", "logread", "5495", "x")
	f("<4>Nov 23 17:53:29 USG kernel: [LAN_LOCAL-default-A]IN=eth0 OUT=", at, "USG", "kernel", "", "[LAN_LOCAL-default-A]IN=eth0 OUT=")
	f("<14>Nov 23 17:53:29 win1 MSWinEventLog\t1\tSecurity\t42", at, "win1", "MSWinEventLog", "", "1\tSecurity\t42")
	f("<14>Nov 23 17:53:29 win1 Microsoft-Windows-Security-Auditing[744]: x", at, "win1", "Microsoft-Windows-Security-Auditing", "744", "x")
	f("<6>kernel: sd 2:0:0:0: SCSI error", created, "", "kernel", "", "sd 2:0:0:0: SCSI error")
	// JSON behind a header, and behind none.
	f(`<13>Nov 23 17:53:29 vm sudo: @cee:{"a":1}`, at, "vm", "sudo", "", `@cee:{"a":1}`)
	f(`<13>Nov 23 17:53:29 vm @cee: {"a": 1}`, at, "vm", "", "", `@cee: {"a": 1}`)
	f(`<13>Nov 23 17:53:29 @cee: {"a": 1}`, at, "", "", "", `@cee: {"a": 1}`)
	f(`<13>{"a": 1}`, created, "", "", "", `{"a": 1}`)
	f(`<13>Nov 23 17:53:29 vm {"a": 1}`, at, "vm", "", "", `{"a": 1}`)
	f(`<13>1 2026-11-23T17:53:29Z vm app - - - @cee:{"a":1}`, at, "vm", "app", "", `@cee:{"a":1}`)
}

// RFC 5424, and what is written in its name.
func TestDialects5424(t *testing.T) {
	f := func(line, at, msgid, data, text string) {
		t.Helper()
		e := new(eventOf).relayed(line)
		got := []string{e.Get("@timestamp"), e.Get("log.syslog.msgid"), e.Get("log.syslog.structured_data"), e.Get("message")}
		if d := cmp.Diff([]string{at, msgid, data, text}, got); d != "" {
			t.Errorf("%q: %s", line, d)
		}
		check(t, e, "log.syslog.version=1", "log.syslog.hostname=vm", "process.name=app")
	}
	const at, created = "2026-11-23T17:53:29Z", "2026-11-23T18:54:31Z"
	f("<13>1 2026-11-23T17:53:29Z vm app - - - x", at, "", "", "x")
	f("<13>1 2026-11-23t17:53:29z vm app - - - x", at, "", "", "x")
	f("<13>1 2026-11-23T17:53:29.123456789Z vm app - - - x", "2026-11-23T17:53:29.123456789Z", "", "", "x")
	f("<13>1 2026-11-23T17:53:60Z vm app - - - x", "2026-11-23T17:54:00Z", "", "", "x")
	f("<13>1 - vm app - ID1 - x", created, "ID1", "", "x")
	f(`<13>1 2026-11-23T17:53:29Z vm app - - [timeQuality tzKnown="1" isSynced="1" syncAccuracy="5"] x`, at, "",
		`[timeQuality tzKnown="1" isSynced="1" syncAccuracy="5"]`, "x")
	f(`<13>1 2026-11-23T17:53:29Z vm app - - [a b="\"\\\]"][c d="e"]x`, at, "", `[a b="\"\\\]"][c d="e"]`, "x")
	f(`<13>1 2026-11-23T17:53:29Z vm app - - [Originator@6876 sub=Vimsvc user=root] x`, at, "", `[Originator@6876 sub=Vimsvc user=root]`, "x")
	f(`<13>1 2026-11-23T17:53:29Z vm app - - [action:"Accept"; flags:"4"]`, at, "", "", `[action:"Accept"; flags:"4"]`)
	f("<13>1 2026-11-23T17:53:29Z vm app - - [] x", at, "", "", "[] x")
	f("<13>1 2026-11-23T17:53:29Z vm app - - \uFEFFx", at, "", "", "x")
	f("<13>1 2026-11-23T17:53:29Z vm app - - [a]\uFEFFx", at, "", "[a]", "x")
	f("<13>1 2026-11-23T17:53:29Z vm app - -  x", at, "", "", "x") // RSYSLOG_SyslogProtocol23Format: no data at all
	f("<13>1 2026-11-23T17:53:29Z vm app - - -  x", at, "", "", " x")
	f("<13>1 2026-11-23T17:53:29Z vm app - - [a]  \uFEFFx", at, "", "[a]", " \uFEFFx")
	f("<13>1 2026-11-23T17:53:29Z vm app - - no data", at, "", "", "no data")
	f("80 <13>1 2026-11-23T17:53:29Z vm app - - - x", at, "", "", "x")
	f("\uFEFF<13>1 2026-11-23T17:53:29Z vm app - - - x\r", at, "", "", "x")
}

// A zone's word means what the host's own zone means by it; what nobody knows is told.
func TestZoneWords(t *testing.T) {
	f := func(stamp, zone, want string, more ...string) {
		t.Helper()
		now := at("2026-11-23T18:00:00Z")
		check(t, read("<13>"+stamp+": %SYS-5-X: x", zone, "", "", now, century), append(more, "@timestamp="+want)...)
	}
	f("29: Nov 23 17:53:29 CST", "", "2026-11-23T23:53:29Z", "-tags")
	f("29: Nov 23 17:53:29 CST", "Asia/Shanghai", "2026-11-23T09:53:29Z", "-tags")
	f("29: Nov 23 17:53:29 IST", "Asia/Kolkata", "2026-11-23T12:23:29Z", "-tags")
	f("29: Nov 23 17:53:29 IST", "Europe/Prague", "2026-11-23T16:53:29Z", "tags=timezone_unknown")
	f("29: Oct 25 02:30:00 CET", "Europe/Prague", "2026-10-25T01:30:00Z", "-tags")
	f("29: Oct 25 02:30:00 CEST", "Europe/Prague", "2026-10-25T00:30:00Z", "-tags")
	f("29: Jul 23 17:53:29 CET", "Europe/Prague", "2026-07-23T16:53:29Z", "-tags")
	f("29: Nov 23 17:53:29 UTC", "Nowhere/At_All", "2026-11-23T17:53:29Z", "-tags")
	f("29: Nov 23 17:53:29 XYZ", "Nowhere/At_All", "2026-11-23T17:53:29Z", "tags=timezone_unknown")
}

// It is New Year elsewhere.
func TestZoneYear(t *testing.T) {
	f := func(stamp, created, want string) {
		t.Helper()
		e := read("<13>29: "+stamp+": %SYS-5-X: x", "UTC", created, "", at(created), century)
		check(t, e, "@timestamp="+want, "-tags")
	}
	f("Jan  1 08:30:00 JST", "2026-12-31T23:30:00Z", "2026-12-31T23:30:00Z")
	f("Jan  1 23:30:00 JST", "2026-12-31T15:00:00Z", "2027-01-01T14:30:00Z")
	f("Dec 31 23:30:00 PST", "2027-01-01T07:31:00Z", "2027-01-01T07:30:00Z")
	f("Jan  1 09:30:00 JST", "2026-12-30T23:30:00Z", "2026-01-01T00:30:00Z")
}

// What a program said must not become the host or the program of the line.
func TestForgedHeader(t *testing.T) {
	for _, head := range heads {
		want := scanHeader(head + "x")
		for _, text := range []string{
			"<85>Nov 23 17:53:29 web01 sudo: x", "Nov 23 17:53:29 web01 sudo: x", "web01 sudo[1]: x", "sudo[1]: x", "sudo: x",
			"12: Nov 22 17:53:29: %SYS-5-CONFIG_I: x", "*Nov 22 17:53:29: %SYS-5-CONFIG_I: x", "%SYS-5-CONFIG_I: x",
			"Message forwarded from web01: sudo: x", "U7PG2,788a2056b181,v4.0: sudo: x", "RP/0/RP0/CPU0:Nov 22 17:53:29: %SYS-5-X: x",
			": 2026 Nov 22 17:53:29 UTC: x", "1 2026-11-22T17:53:29Z web01 sudo - - - x", "Google Chrome[1]: x", "system,info x",
			"[x y=\"z\"] x", "\uFEFFsudo: x", "CET: %SYS-5-X: x", "sudo\t1\t2", "2026: x", "EST sudo: x", "2026 sudo: x",
		} {
			same(t, want, head, text)
		}
	}
}

// heads are headers after which all is the program's.
var heads = []string{
	"<13>Nov 23 17:53:29 vm app[7]: ", "Nov 23 17:53:29 vm app: ", "Nov 23 17:53:29 app[7]: ", "<13>app[7]: ",
	"<13>1 2026-11-23T17:53:29Z vm app 7 - - ", `<13>1 2026-11-23T17:53:29Z vm app 7 - [a b="c"] `,
	"<189>29: Nov 23 17:53:29: %SYS-5-CONFIG_I: ", "Nov 23 17:53:29 vm app[7] ", "<38>Nov 23 17:53:29 vm app[7]: [ID 1 auth.info] ",
	"<13>2026-11-23T17:53:29+01:00 vm app: ", "Nov 23 17:53:29 10.0.0.1 82: ", "<14>Nov 23 17:53:29 vm MSWinEventLog\t",
	"<30>Nov 23 17:53:29 U7PG2,788a2056b181,v4.0: app[7]: ",
}

// same compares the header of a text with another's.
func same(t *testing.T, want header, head, text string) {
	t.Helper()
	got := scanHeader(head + text)
	if strings.Contains(head, "82: ") { // Cisco's number, with Cisco's own time and code behind it
		got.stamp, got.code, want.code = want.stamp, code{}, code{}
		got.sequence, got.program, got.pid = want.sequence, want.program, want.pid
	}
	got.text, got.message, got.msgid, got.data = want.text, want.message, want.msgid, want.data
	if got != want {
		t.Errorf("%q: %+v, want %+v", head+text, got, want)
	}
}

// FuzzForged says whatever a program may say.
func FuzzForged(f *testing.F) {
	f.Add("sudo[1]: x")
	f.Add("12: Nov 22 17:53:29: %SYS-5-CONFIG_I: x")
	f.Add("[a b=\"c\"]")
	f.Fuzz(func(t *testing.T, text string) {
		for _, head := range heads {
			same(t, scanHeader(head+"x"), head, "x"+text)
			if text != "" && text[0] > ' ' {
				same(t, scanHeader(head+"x"), head, text)
			}
		}
	})
}

// FuzzHeader reads whatever a host may send.
func FuzzHeader(f *testing.F) {
	for _, line := range []string{
		"<189>29: sw01: 000042: *Mar  1 18:46:11.123 UTC+07:30: %SYS-5-CONFIG_I: x", "<187>: 2026 Nov 23 12:55:19 UTC: x",
		"<190>Nov 23 15:21:27 r1 RP/0/RP0/CPU0:Nov 23 15:20:43.630 UTC: nfsvr[310]: %ACL-IPV4_ACL-6-X : y",
		"<189>30: 2y10w: %$ VDC-1 %$ %VSHD-5-X: x", "37 <13>Nov 23 17:53:29 2026 [::1] app[12:34]: x", "<134>1 1795440000.7 MX84 flows",
		"\uFEFF<38>Nov 23 17:53:29 CET Message forwarded from a: b[1]: [ID 7 auth.info] x", "<30>Nov 23 17:53:29 a,788a2056b181,v4: b: x",
		"<14>2026-11-23 17:53:29 +0100 win1 MSWinEventLog\t1", "<13>Nov 23 17:53:29 (none) Google Chrome[12]: x", "<30>a,b c",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		h := scanHeader(line)
		for _, part := range []string{
			h.priority, h.host, h.program, h.pid, h.msgid, h.data, h.sequence, h.code.whole, h.code.mnemonic, h.message, h.text,
		} {
			if !strings.Contains(line, part) {
				t.Errorf("%q has no %q", line, part)
			}
		}
		if len(h.host) > maxHost || h.version == "" && len(h.program) > maxProgram || h.version == "" && len(h.pid) > maxPID {
			t.Errorf("%q: %+v", line, h)
		}
		if line != "" {
			e := new(eventOf).relayed(line)
			typed(t, e, line)
			if e.Get("event.kind") != "event" || e.Get("message") == "" {
				t.Errorf("%q: %s", line, e.AppendJSON(nil))
			}
		}
	})
}
