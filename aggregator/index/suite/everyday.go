package suite

import (
	"fmt"
	"strconv"
	"time"

	"belfry/shared/event"
)

// Everyday is event number i of those that benchmarks write: what the parsers make of a line of sshd, cron, systemd or
// sudo, on one of 200 hosts, in shares as on servers that are reachable from outside. Its message ends with a word that
// no other has.
func Everyday(i int, at time.Time) *event.Event {
	r := uint64(i)*0x9e3779b97f4a7c15 + 0x9e3779b97f4a7c15
	r = (r ^ r>>30) * 0xbf58476d1ce4e5b9
	r = (r ^ r>>27) * 0x94d049bb133111eb
	r ^= r >> 31
	draw := func(n uint64) int { v := r % n; r = r/n ^ r<<51; return int(v) }
	host, user, pid := fmt.Sprintf("web%03d", draw(200)), of(draw, "averez", "bob", "carol", "dave", "jdoe", "svc"), strconv.Itoa(300+draw(30000))
	program, message := "", ""
	e := new(event.Event)
	add := func(name, value string) { e.Append(name, value) }
	switch share := draw(100); {
	case share < 45:
		program = "sshd"
		name, ip, port := of(draw, "admin", "test", "oracle", "minecraft", "root", "pi"), address(draw), strconv.Itoa(32768+draw(30000))
		outcome := "failure"
		if draw(10) == 0 {
			outcome, name = "success", user
			message = fmt.Sprintf("Accepted publickey for %s from %s port %s ssh2: ED25519 SHA256:%x", name, ip, port, r)
		} else {
			message = fmt.Sprintf("Failed password for invalid user %s from %s port %s ssh2", name, ip, port)
		}
		add("event.category", "authentication")
		add("event.action", "ssh-login")
		add("event.outcome", outcome)
		add("source.ip", ip)
		add("source.port", port)
		add("user.name", name)
		add("related.user", name)
		add("related.ip", ip)
	case share < 70:
		program, message = "CRON", fmt.Sprintf("(%s) CMD (/usr/local/bin/job%d --quiet)", user, draw(50))
		add("event.category", "process")
		add("event.action", "cron-job")
		add("user.name", user)
		add("related.user", user)
	case share < 90:
		unit := of(draw, "nginx", "postgresql", "logrotate", "man-db", "apt-daily") + ".service"
		program, message = "systemd", fmt.Sprintf("%s: Main process exited, code=exited, status=%d", unit, draw(3))
		add("event.action", "unit-exit")
		add("service.name", unit)
		if draw(50) == 0 {
			add("process.exit_code", "1")
		}
	default:
		program = "sudo"
		command := of(draw, "/usr/bin/less", "/usr/bin/id", "/usr/bin/systemctl", "/usr/bin/apt-get", "/usr/bin/vim", "/usr/bin/tail")
		if draw(100) == 0 {
			command = "/usr/bin/su"
		}
		message = fmt.Sprintf("%s : TTY=pts/%d ; PWD=/home/%s ; USER=root ; COMMAND=%s /var/log/file%d", user, draw(9), user, command, draw(1000))
		add("event.category", "process")
		add("event.action", "sudo-command")
		add("event.outcome", "success")
		add("process.executable", command)
		add("process.working_directory", "/home/"+user)
		add("user.name", user)
		add("user.effective.name", "root")
		add("related.user", user)
		add("related.user", "root")
	}
	message += " " + EverydayWord(i)
	add("@timestamp", at.UTC().Format(time.RFC3339Nano))
	add("agent.id", event.HashKey(host).String())
	add("event.created", at.Add(300*time.Millisecond).UTC().Format(time.RFC3339Nano))
	add("event.ingested", at.Add(500*time.Millisecond).UTC().Format(time.RFC3339Nano))
	add("event.id", event.HashKey("event", strconv.Itoa(i)).String())
	add("event.original", at.UTC().Format(time.Stamp)+" "+host+" "+program+"["+pid+"]: "+message)
	add("event.timezone", "UTC")
	add("event.kind", "event")
	add("host.name", host)
	add("log.file.path", "/var/log/auth.log")
	add("log.offset", strconv.Itoa(i*120))
	add("log.syslog.appname", program)
	add("message", message)
	add("process.name", program)
	add("process.pid", pid)
	return e
}

// EverydayWord is the word by which event number i can be told from all others.
func EverydayWord(i int) string { return fmt.Sprintf("session%d", i) }

func of(draw func(uint64) int, list ...string) string { return list[draw(uint64(len(list)))] }

// address is one of half a million; some come often.
func address(draw func(uint64) int) string {
	if draw(4) == 0 {
		return fmt.Sprintf("203.0.113.%d", 1+draw(20))
	}
	return fmt.Sprintf("10.%d.%d.%d", draw(8), draw(256), 1+draw(254))
}
