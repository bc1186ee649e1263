package syslog

// The names of RFC 5424, section 6.2.1, as syslog(3) and syslog.conf(5) write them.
var (
	facilities = [...]string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
		"audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
	severities = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
)

// The facilities of what is about who may do what.
const (
	Auth     = 4
	AuthPriv = 10
)

// Facility returns the name of a facility, 0 to 23; "" for any other.
func Facility(code int) string {
	if code < 0 || code >= len(facilities) {
		return ""
	}
	return facilities[code]
}

// Severity returns the name of a severity, 0 to 7; "" for any other.
func Severity(code int) string {
	if code < 0 || code >= len(severities) {
		return ""
	}
	return severities[code]
}

// PriorityOf returns the priority that a message begins with, NoPriority if it has none.
func PriorityOf(message []byte) int {
	size, _ := priority(message)
	if size == 0 {
		return NoPriority
	}
	value := 0
	for _, c := range message[1 : size-1] {
		value = value*10 + int(c-'0')
	}
	return value
}
