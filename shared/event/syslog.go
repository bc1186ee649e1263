package event

import "slices"

// The names of RFC 5424, section 6.2.1, as syslog(3) and syslog.conf(5) write them.
var (
	facilities = [...]string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
		"audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
	severities = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
)

// Facility returns the name of a facility of syslog, 0 to 23; "" for any other.
func Facility(code int) string {
	if code < 0 || code >= len(facilities) {
		return ""
	}
	return facilities[code]
}

// Severity returns the name of a severity of syslog, 0 to 7; "" for any other.
func Severity(code int) string {
	if code < 0 || code >= len(severities) {
		return ""
	}
	return severities[code]
}

// IsSeverity reports whether a name is that of a severity.
func IsSeverity(name string) bool { return slices.Contains(severities[:], name) }
