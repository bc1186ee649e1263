package main

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// The question, in both languages. Lines that only look like an answer are among those that are written: su itself,
// sudo with another command that begins so, or with su as an argument.
const (
	pattern  = `COMMAND=[^ ]*/su( |$)`
	question = `process.name:sudo AND process.executable:*/su`
)

// suEvery is how many files there are for each in which sudo runs su. The first of all is one of them.
const suEvery = 20

// day draws the lines of one host's file of one day.
type day struct {
	rnd   *rand.Rand
	host  string
	at    time.Time
	step  time.Duration // between two lines, at most twice so long
	su    map[int]bool  // lines in which sudo runs su
	line  []byte
	chain []string // lines that follow from the last one
}

// newDay begins a day of n lines. The same seed, host and day make the same lines.
func newDay(seed uint64, host, number int, begin time.Time, n int) *day {
	rnd := rand.New(rand.NewPCG(seed, uint64(host)<<32|uint64(number)))
	d := &day{rnd: rnd, host: hostName(host), at: begin, step: 24 * time.Hour / time.Duration(n+1), su: make(map[int]bool)}
	if rnd.IntN(suEvery) == 0 || host+number == 0 {
		for range 1 + rnd.IntN(3) {
			d.su[rnd.IntN(n)] = true
		}
	}
	return d
}

func hostName(n int) string { return fmt.Sprintf("%s%03d", pick(roles, n), n) }

// next is line i, with its line end. It is good until the next call.
func (d *day) next(i int) []byte {
	d.at = d.at.Add(d.step/2 + time.Duration(d.rnd.Int64N(int64(d.step)/2+1)))
	var text string
	switch {
	case d.su[i]:
		text = d.sudo(pick(suCommands, d.rnd.IntN(len(suCommands))))
	case len(d.chain) > 0:
		text, d.chain = d.chain[0], d.chain[1:]
	default:
		text = d.draw()
	}
	d.line = d.at.AppendFormat(d.line[:0], time.Stamp)
	d.line = append(d.line, ' ')
	d.line = append(d.line, d.host...)
	d.line = append(d.line, ' ')
	d.line = append(d.line, text...)
	return append(d.line, '\n')
}

// draw is some line, what it is about in shares as on a server that is reachable from outside.
func (d *day) draw() string {
	pid, user := 300+d.rnd.IntN(4_000_000), d.user()
	switch n := d.rnd.IntN(100); {
	case n < 40:
		return d.sshd(pid)
	case n < 65:
		d.chain = append(d.chain, fmt.Sprintf("CRON[%d]: (%s) CMD (%s)", pid, user, d.of(jobs)),
			fmt.Sprintf("CRON[%d]: pam_unix(cron:session): session closed for user %s", pid, user))
		return fmt.Sprintf("CRON[%d]: pam_unix(cron:session): session opened for user %s(uid=%d) by (uid=0)", pid, user, d.uid())
	case n < 78:
		return d.systemd()
	case n < 88:
		return fmt.Sprintf("kernel: [%d.%06d] [UFW BLOCK] IN=eth0 OUT= MAC=02:00:00:00:00:0b:02:00:00:00:00:0a:08:00 SRC=%s "+
			"DST=192.0.2.%d LEN=40 TOS=0x00 PREC=0x00 TTL=%d ID=%d PROTO=TCP SPT=%d DPT=%d WINDOW=1024 RES=0x00 SYN URGP=0",
			d.rnd.IntN(9_000_000), d.rnd.IntN(1_000_000), d.address(), 1+d.rnd.IntN(250), 30+d.rnd.IntN(200), d.rnd.IntN(65536),
			d.port(), d.of2(ports))
	case n < 97:
		return d.sudo(d.of(commands))
	default:
		d.chain = append(d.chain, fmt.Sprintf("su[%d]: pam_unix(su:session): session opened for user root(uid=0) by %s(uid=%d)", pid, user, d.uid()))
		return fmt.Sprintf("su[%d]: (to root) %s on pts/%d", pid, user, d.rnd.IntN(9))
	}
}

func (d *day) sshd(pid int) string {
	from := fmt.Sprintf("%s port %d", d.address(), d.port())
	switch n := d.rnd.IntN(10); {
	case n < 4:
		name := d.of(guesses)
		d.chain = append(d.chain, fmt.Sprintf("sshd[%d]: Failed password for invalid user %s from %s ssh2", pid, name, from),
			fmt.Sprintf("sshd[%d]: Connection closed by invalid user %s %s [preauth]", pid, name, from))
		return fmt.Sprintf("sshd[%d]: Invalid user %s from %s", pid, name, from)
	case n < 7:
		return fmt.Sprintf("sshd[%d]: Failed password for root from %s ssh2", pid, from)
	default:
		user := d.user()
		d.chain = append(d.chain, fmt.Sprintf("sshd[%d]: pam_unix(sshd:session): session opened for user %s(uid=%d) by (uid=0)", pid, user, d.uid()),
			fmt.Sprintf("systemd-logind[612]: New session %d of user %s.", d.rnd.IntN(1_000_000), user),
			fmt.Sprintf("sshd[%d]: Received disconnect from %s:11: disconnected by user", pid, from),
			fmt.Sprintf("sshd[%d]: Disconnected from user %s %s", pid, user, from))
		return fmt.Sprintf("sshd[%d]: Accepted publickey for %s from %s ssh2: ED25519 SHA256:%043d", pid, user, from, d.rnd.Uint64())
	}
}

func (d *day) systemd() string {
	unit := d.of(units)
	d.chain = append(d.chain, fmt.Sprintf("systemd[1]: %s: Deactivated successfully.", unit), "systemd[1]: Finished "+unit+".")
	return "systemd[1]: Starting " + unit + "..."
}

// sudo is a line of sudo's, as 1.9 writes it; one in ten was refused.
func (d *day) sudo(command string) string {
	user, refused := d.user(), ""
	if d.rnd.IntN(10) == 0 {
		refused = "command not allowed ; "
	}
	return fmt.Sprintf("sudo[%d]: %8s : %sTTY=pts/%d ; PWD=/home/%s ; USER=root ; COMMAND=%s", 300+d.rnd.IntN(4_000_000), user, refused,
		d.rnd.IntN(9), user, command)
}

func pick(list []string, n int) string { return list[n%len(list)] }
func (d *day) of(list []string) string { return list[d.rnd.IntN(len(list))] }
func (d *day) of2(list []int) int      { return list[d.rnd.IntN(len(list))] }
func (d *day) user() string            { return d.of(users) }
func (d *day) uid() int                { return 1000 + d.rnd.IntN(60) }
func (d *day) port() int               { return 32768 + d.rnd.IntN(28000) }
func (d *day) address() string {
	return fmt.Sprintf("%d.%d.%d.%d", d.of2([]int{192, 198, 203}), d.rnd.IntN(256), d.rnd.IntN(256), 1+d.rnd.IntN(254))
}
