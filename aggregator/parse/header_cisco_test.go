package parse

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cisco are messages as the devices and their relays write them: IOS, IOS XE, IOS XR, NX-OS, ASA, FTD, and a wireless
// controller, most of them from the tests of those who read them.
func TestCisco(t *testing.T) {
	f := func(line, host, sequence, code, at, text string) {
		t.Helper()
		e := new(eventOf).relayed(line)
		got := []string{
			e.Get("log.syslog.hostname"), e.Get("event.sequence"), e.Get("log.syslog.msgid"), e.Get("@timestamp"), e.Get("message"),
		}
		if d := cmp.Diff([]string{host, sequence, code, at, text}, got); d != "" {
			t.Errorf("%q: %s", line, d)
		}
	}
	const config, created = "%SYS-5-CONFIG_I: Configured from console", "2026-11-23T18:54:31Z"
	// IOS: with and without numbers, marks, years, zones, hosts.
	f("<189>29: Nov 23 17:46:11.123 UTC: "+config, "", "29", "SYS-5-CONFIG_I", "2026-11-23T17:46:11.123Z", config)
	f("<189>29: .Nov 23 17:46:11.123: "+config, "", "29", "SYS-5-CONFIG_I", "2026-11-23T17:46:11.123Z", config)
	f("<189>29: *Nov 23 17:46:11.123: "+config, "", "29", "SYS-5-CONFIG_I", "2026-11-23T17:46:11.123Z", config)
	f("<189>29: *Mar  1 18:46:11.123 UTC: "+config, "", "29", "SYS-5-CONFIG_I", created, config)
	f("<189>*Nov 23 17:46:11: "+config, "", "", "SYS-5-CONFIG_I", "2026-11-23T17:46:11Z", config)
	f("<189>Nov 23 17:46:11 EST: "+config, "", "", "SYS-5-CONFIG_I", "2026-11-23T22:46:11Z", config)
	f("<189>29: Nov 23 2026 17:46:11: "+config, "", "29", "SYS-5-CONFIG_I", "2026-11-23T17:46:11Z", config)
	f("<189>29: 000042: Nov 23 17:46:11: "+config, "", "000042", "SYS-5-CONFIG_I", "2026-11-23T17:46:11Z", config)
	f("<189>: Nov 23 17:46:11: "+config, "", "", "SYS-5-CONFIG_I", "2026-11-23T17:46:11Z", config)
	f("<189>: sw01: Nov 23 17:46:11: "+config, "sw01", "", "SYS-5-CONFIG_I", "2026-11-23T17:46:11Z", config)
	f("<189>sw01: Nov 23 17:46:11: "+config, "sw01", "", "SYS-5-CONFIG_I", "2026-11-23T17:46:11Z", config)
	f("<189>29: sw_1: Nov 23 17:46:11 CET: "+config, "sw_1", "29", "SYS-5-CONFIG_I", "2026-11-23T16:46:11Z", config)
	f("<189>29: sw01: Nov 23 17:46:11 UTC+1: "+config, "sw01", "29", "SYS-5-CONFIG_I", "2026-11-23T16:46:11Z", config)
	f("<189>29: sw01: Nov 23 17:46:11 UTC+07:30: "+config, "sw01", "29", "SYS-5-CONFIG_I", "2026-11-23T10:16:11Z", config)
	f("<190>29: Nov 23 2026 10:46:11.412 mdt: "+config, "", "29", "SYS-5-CONFIG_I", "2026-11-23T16:46:11.412Z", config)
	f("<189>29: 10.0.0.2 4711: Nov 23 17:46:11: "+config, "10.0.0.2", "4711", "SYS-5-CONFIG_I", "2026-11-23T17:46:11Z", config)
	f("<190>29: 2001:db8::: 4711: Nov 23 17:46:11: "+config, "2001:db8::", "4711", "SYS-5-CONFIG_I", "2026-11-23T17:46:11Z", config)
	f("<182>: host-1: 4711: Nov 23 17:46:11 GMT: "+config, "host-1", "4711", "SYS-5-CONFIG_I", "2026-11-23T17:46:11Z", config)
	// The time since the start, which is none.
	f("<189>29: 00:00:46: "+config, "", "29", "SYS-5-CONFIG_I", created, config)
	f("<189>00:00:46: "+config, "", "", "SYS-5-CONFIG_I", created, config)
	f("<190>29: sw01: 30: 2y10w: "+config, "sw01", "30", "SYS-5-CONFIG_I", created, config)
	f("<189>29: "+config, "", "29", "SYS-5-CONFIG_I", created, config)
	f("<189>"+config, "", "", "SYS-5-CONFIG_I", created, config)
	// What IOS debugs, and repeats, has no code.
	f("<191>2637085: rt401: Nov 23 17:15:04.461 UTC: NTP Core (NOTICE): Clock synchronization lost.", "rt401", "2637085", "",
		"2026-11-23T17:15:04.461Z", "NTP Core (NOTICE): Clock synchronization lost.")
	f("<191>93: SSH2 0: Unexpected message received", "", "93", "", created, "SSH2 0: Unexpected message received")
	// NX-OS.
	f("<187>: 2026 Nov 23 12:55:19 UTC: last message repeated 1 times", "", "", "", "2026-11-23T12:55:19Z", "last message repeated 1 times")
	f("<189>10.100.0.32: 2026 Nov 23 09:38:56 UTC: %ETHPORT-5-IF_ADMIN_UP: up", "10.100.0.32", "", "ETHPORT-5-IF_ADMIN_UP",
		"2026-11-23T09:38:56Z", "%ETHPORT-5-IF_ADMIN_UP: up")
	f("<187>switchname: 2026 Nov 23 09:08:48.7 UTC: last message repeated 3 time", "switchname", "", "",
		"2026-11-23T09:08:48.7Z", "last message repeated 3 time")
	f("<189>: 2026 Nov 23 09:08:48 UTC: %$ VDC-1 %$ %VSHD-5-VSHD_SYSLOG_CONFIG_I: x", "", "", "VSHD-5-VSHD_SYSLOG_CONFIG_I",
		"2026-11-23T09:08:48Z", "%$ VDC-1 %$ %VSHD-5-VSHD_SYSLOG_CONFIG_I: x")
	f("2026 Nov 23 12:58:09 sw1 %LLDP-3-DETECT_MULTIPLE_PEERS: Multiple peers", "sw1", "", "LLDP-3-DETECT_MULTIPLE_PEERS",
		"2026-11-23T12:58:09Z", "%LLDP-3-DETECT_MULTIPLE_PEERS: Multiple peers")
	// Through a relay, that wrote a time and a host in front: the device's time counts, if its clock was set.
	f("<189>Nov 23 15:21:27 10.0.0.3 : 2026 Nov 23 15:20:00.206 UTC: "+config, "10.0.0.3", "", "SYS-5-CONFIG_I", "2026-11-23T15:20:00.206Z", config)
	f("<189>Nov 23 15:21:27 10.0.0.3 2026 Nov 23 15:20:00.206 UTC: "+config, "10.0.0.3", "", "SYS-5-CONFIG_I", "2026-11-23T15:20:00.206Z", config)
	f("<189>Nov 23 15:21:27 sr1 6031594: Nov 23 15:20:00.739 AEST: "+config, "sr1", "6031594", "SYS-5-CONFIG_I", "2026-11-23T05:20:00.739Z", config)
	f("Nov 23 15:21:27 sr1 82: .Nov 23 15:20:00.739: "+config, "sr1", "82", "SYS-5-CONFIG_I", "2026-11-23T15:20:00.739Z", config)
	f("Nov 23 15:21:27 sr1 82: *Mar  1 00:20:00.739: "+config, "sr1", "82", "SYS-5-CONFIG_I", "2026-11-23T15:21:27Z", config)
	f("Nov 23 15:21:27 sr1 82: "+config, "sr1", "82", "SYS-5-CONFIG_I", "2026-11-23T15:21:27Z", config)
	f("Nov 23 15:21:27 sr1 82: SSH2 0: Unexpected", "sr1", "82", "", "2026-11-23T15:21:27Z", "SSH2 0: Unexpected")
	f("<189>Nov 23 15:21:27 sr1 AEST: "+config, "sr1", "", "SYS-5-CONFIG_I", "2026-11-23T05:21:27Z", config)
	f("<189>Nov 23 15:21:27 10.0.0.3 %ILPOWER-5-IEEE_DISCONNECT: x", "10.0.0.3", "", "ILPOWER-5-IEEE_DISCONNECT",
		"2026-11-23T15:21:27Z", "%ILPOWER-5-IEEE_DISCONNECT: x")
	f("<189>2026-11-23T15:21:27.2-05:00 dev %LINEPROTO-5-UPDOWN: x", "dev", "", "LINEPROTO-5-UPDOWN", "2026-11-23T20:21:27.2Z", "%LINEPROTO-5-UPDOWN: x")
	// IOS XR.
	f("<190>Nov 23 15:21:27 r1 RP/0/RP0/CPU0:Nov 23 15:20:43.630 UTC: ipv4_acl_mgr[310]: %ACL-IPV4_ACL-6-IPACCESSLOGP : deny",
		"r1", "", "ACL-IPV4_ACL-6-IPACCESSLOGP", "2026-11-23T15:20:43.63Z", "%ACL-IPV4_ACL-6-IPACCESSLOGP : deny")
	f("<190>: RP/0/RP0/CPU0:Nov 23 15:20:43.630 UTC: SSHD_[65708]: %SECURITY-SSHD-6-INFO_SUCCESS : x", "", "",
		"SECURITY-SSHD-6-INFO_SUCCESS", "2026-11-23T15:20:43.63Z", "%SECURITY-SSHD-6-INFO_SUCCESS : x") // through no relay
	// ASA and FTD.
	f("<166>Nov 23 2026 15:21:27 asa1 : %ASA-6-302013: Built", "asa1", "", "ASA-6-302013", "2026-11-23T15:21:27Z", "%ASA-6-302013: Built")
	f("<166>Nov 23 2026 15:21:27: %ASA-6-302013: Built", "", "", "ASA-6-302013", "2026-11-23T15:21:27Z", "%ASA-6-302013: Built")
	f("<166>:Nov 23 15:21:27 UTC: %ASA-session-6-302015: Built", "", "", "ASA-session-6-302015", "2026-11-23T15:21:27Z", "%ASA-session-6-302015: Built")
	f("<166>2026-11-23T15:21:27Z asa : %ASA-3-710003: denied", "asa", "", "ASA-3-710003", "2026-11-23T15:21:27Z", "%ASA-3-710003: denied")
	f("<118>2026-11-23T15:21:27Z %FTD-6-430003: x", "", "", "FTD-6-430003", "2026-11-23T15:21:27Z", "%FTD-6-430003: x")
	f("2026-11-23T15:21:27Z ftd  %FTD-6-430003: x", "ftd", "", "FTD-6-430003", "2026-11-23T15:21:27Z", "%FTD-6-430003: x")
	f("<167>asa1 : %ASA-7-609002: x", "asa1", "", "ASA-7-609002", created, "%ASA-7-609002: x")
	// Small switches write letters, a wireless controller the task.
	f("<190>Nov 23 15:21:27 sg300 %AAA-I-CONNECT: x", "sg300", "", "AAA-I-CONNECT", "2026-11-23T15:21:27Z", "%AAA-I-CONNECT: x")
	f("<132>wlc: *spamApTask1: Nov 23 15:21:27.958: %CAPWAP-4-DISC_INTF_ERR2: x", "wlc", "", "CAPWAP-4-DISC_INTF_ERR2",
		"2026-11-23T15:21:27.958Z", "%CAPWAP-4-DISC_INTF_ERR2: x")
	f("<134>1 1795440000.774247467 MX84 flows src=10.0.0.1", "MX84", "", "", "2026-11-23T13:20:00.774247467Z", "flows src=10.0.0.1")
}

func TestCiscoFields(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		check(t, new(eventOf).relayed(line), want...)
	}
	f("<189>29: *Mar  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: Configured", "event.code=CONFIG_I", "event.severity=5", "event.sequence=29",
		"log.level=notice", "log.syslog.facility.name=local7", "-process.name", "-log.syslog.appname", "tags=clock_not_set",
		"labels.log_time=2026-03-01T18:46:11.123Z", "host.name=192.0.2.9")
	f("Nov 23 15:21:27 asa1 : %ASA-6-302013: Built", "event.code=302013", "event.severity=6", "log.level=info", "-process.name")
	f("<190>Nov 23 15:21:27 sg300 %LINK-W-Down: gi1", "event.code=Down", "event.severity=4", "log.level=info")
	f("<190>Nov 23 15:21:27 r1 RP/0/RP0/CPU0:Nov 23 15:20:43 UTC: nfsvr[244]: %MGBL-NETFLOW-6-INFO : x", "process.name=nfsvr",
		"process.pid=244", "event.code=INFO")
	f("<132>wlc: *spamApTask1: Nov 23 15:21:27: %CAPWAP-4-ERR: x", "process.name=spamApTask1")
}

// What only resembles it is somebody else's.
func TestNoCisco(t *testing.T) {
	f := func(line, host, program, text string) {
		t.Helper()
		h := scanHeader(line)
		got := []string{h.code.whole, h.sequence, h.host, h.program, h.text}
		if d := cmp.Diff([]string{"", "", host, program, text}, got); d != "" {
			t.Errorf("%q: %s", line, d)
		}
	}
	f("<13>app: Nov 23 17:53:29: text", "", "app", "Nov 23 17:53:29: text")
	f("<13>app: text", "", "app", "text")
	f("12: text", "", "", "12: text")
	f("29: Nov 23 17:53:29: text", "", "", "29: Nov 23 17:53:29: text")
	f("<13>a b c: d", "", "", "a b c: d")
	f("<13>%SYS-9-CONFIG_I: x", "", "%SYS-9-CONFIG_I", "x")
	f("<13>%-5-X: x", "", "%-5-X", "x")
	f("<13>100% done", "", "", "100% done")
	f("<13>%SYS-5-: x", "", "%SYS-5-", "x")
	f("Nov 23 17:53:29 vm app: %SYS-5-CONFIG_I: x", "vm", "app", "%SYS-5-CONFIG_I: x")
	f("Nov 23 17:53:29 vm app: 12: Nov 22 17:53:29: %SYS-5-CONFIG_I: x", "vm", "app", "12: Nov 22 17:53:29: %SYS-5-CONFIG_I: x")
	f("Nov 23 17:53:29 app[1]: 12: Nov 22 17:53:29: %SYS-5-CONFIG_I: x", "", "app", "12: Nov 22 17:53:29: %SYS-5-CONFIG_I: x")
	f("<13>app[1]: 12: Nov 22 17:53:29: %SYS-5-CONFIG_I: x", "", "app", "12: Nov 22 17:53:29: %SYS-5-CONFIG_I: x")
	f("Nov 23 17:53:29 vm 2026-11-22 17:53:29,123 INFO x", "vm", "", "2026-11-22 17:53:29,123 INFO x")
}
