package parse

import (
	"strconv"
	"strings"
	"time"
)

// sudoRecord is one event of sudo as JSON (format_json and eventlog_store_json in lib/eventlog/eventlog.c). Its strings
// are parts of the line, with their escapes.
type sudoRecord struct {
	kind                                       string // accept, reject, alert, exit
	uuid, reason                               string
	user, command, runUser, runGroup           string
	runUID, runGID, chroot, cwd, source, tty   string
	host, submitCwd, peer, iolog, signal, exit string
	core                                       string
	args, env                                  string // lists
	at, ran                                    moment
	size                                       int // of the line
}

// moment is a time or a duration as sudo writes it.
type moment struct{ seconds, nanoseconds string }

// sudoKinds holds the names of events, and which of their times is when it happened.
var sudoKinds = map[string]string{
	"accept": "submit_time", "reject": "submit_time", "alert": "alert_time", "exit": "exit_time",
}

// sudoJSON reads {"sudo":{"accept":{…}}}, as syslog has it, or what a file has: {"accept":{…}}. It is authoritative: no
// user can write into it. Where the text was cut, what was read whole is right; sudo writes the chief values first.
func (p *Parser) sudoJSON(l *line, text string) bool {
	j := jsonScan{text: text}
	if !j.enter('{') || !j.more('}') {
		return false
	}
	var r sudoRecord
	r.kind, _ = j.key()
	if r.kind == "sudo" && j.enter('{') && j.more('}') {
		r.kind, _ = j.key()
	}
	at, ok := sudoKinds[r.kind]
	if !ok || !j.enter('{') {
		return false
	}
	r.size = len(l.raw)
	r.scan(&j, at)
	if j.bad || r.uuid == "" && r.user == "" && r.reason == "" {
		return false
	}
	if !p.sudoRecord(l, &r) {
		return false
	}
	if j.cut {
		l.tag("truncated_json")
	}
	return true
}

// scan reads the members of an event. Of one that sudo writes twice, the first counts.
func (r *sudoRecord) scan(j *jsonScan, at string) {
	for j.more('}') {
		name, ok := j.key()
		if !ok {
			return
		}
		field, kind := r.field(name), byte('"')
		switch name {
		case at, "run_time", "server_time":
			kind = '{'
		case "runargv", "runenv":
			kind = '['
		case "runuid", "rungid", "exit_value":
			kind = '0'
		case "dumped_core":
			kind = 't'
		}
		raw, got, ok := j.value()
		if !ok {
			return
		}
		switch {
		case kind == '{' && got == '{':
			r.time(name, at, raw)
		case field == nil || *field != "" || got != kind && (kind == '"' || kind == '['):
		default:
			*field = raw
		}
	}
}

// field returns where a member goes, nil if it is not wanted. "submitenv" holds the user's whole environment, with
// whatever secrets, and nothing that sudo used.
func (r *sudoRecord) field(name string) *string {
	switch name {
	case "uuid":
		return &r.uuid
	case "reason":
		return &r.reason
	case "submituser":
		return &r.user
	case "command":
		return &r.command
	case "runuser":
		return &r.runUser
	case "rungroup":
		return &r.runGroup
	case "runuid":
		return &r.runUID
	case "rungid":
		return &r.runGID
	case "runchroot":
		return &r.chroot
	case "runcwd":
		return &r.cwd
	case "source":
		return &r.source
	case "ttyname":
		return &r.tty
	case "submithost":
		return &r.host
	case "submitcwd":
		return &r.submitCwd
	case "peeraddr":
		return &r.peer
	case "iolog_path":
		return &r.iolog
	case "signal":
		return &r.signal
	case "exit_value":
		return &r.exit
	case "dumped_core":
		return &r.core
	case "runargv":
		return &r.args
	case "runenv":
		return &r.env
	}
	return nil
}

// time reads {"seconds":1795892414,"nanoseconds":117247742,…}. The server's time is for events that have no other.
func (r *sudoRecord) time(name, at, raw string) {
	var m moment
	j := jsonScan{text: raw}
	for j.enter('{'); j.more('}'); {
		key, _ := j.key()
		value, _, _ := j.value()
		switch {
		case key == "seconds" && isNumber(value):
			m.seconds = value
		case key == "nanoseconds" && isNumber(value) && len(value) <= 9:
			m.nanoseconds = value
		}
	}
	switch {
	case m.seconds == "" || m.nanoseconds == "":
	case name == "run_time":
		r.ran = m
	case name == at || r.at.seconds == "":
		r.at = m
	}
}

// sudoRecord writes what an event says, and joins an exit with its command. Counting commands counts those accepted.
func (p *Parser) sudoRecord(l *line, r *sudoRecord) bool {
	reason := decoded(r.reason)
	switch r.kind {
	case "accept":
		l.is("sudo-command", "process", "start")
		l.outcome(true)
		p.commands.remember(l, r)
	case "exit":
		l.is("sudo-exit", "process", "end")
		if begun, ok := p.acceptedAs(l, r.uuid); ok {
			r.join(&begun)
		}
	case "reject":
		action := reasonAction(reason)
		if action != "sudo-auth-failed" { // an administrator's own words for a wrong password look like a plugin's for a denial
			action = "sudo-denied"
		}
		l.because(action, reason)
	default:
		action := reasonAction(reason)
		if action == "" {
			action = "sudo-warning"
		}
		l.because(action, reason)
	}
	p.datedBy(l, r.at)
	r.write(l)
	return true
}

// acceptedAs returns the command of a uuid, which may have been accepted before this process began. One that is not found
// is not looked for again.
func (p *Parser) acceptedAs(l *line, uuid string) (sudoRecord, bool) {
	r, known := p.commands.recall(l, uuid)
	if !known && p.past != nil && uuid != "" {
		p.commands.remember(l, &sudoRecord{uuid: uuid})
		p.lookUpBy(l, "sudo.uuid", uuid)
		r, _ = p.commands.recall(l, uuid)
	}
	return r, r.kind == "accept"
}

// join takes from the accepted command what its exit does not repeat.
func (r *sudoRecord) join(begun *sudoRecord) {
	kind, exit, signal, core, at, ran, peer := r.kind, r.exit, r.signal, r.core, r.at, r.ran, r.peer
	*r = *begun
	r.kind, r.exit, r.signal, r.core, r.at, r.ran, r.reason, r.env = kind, exit, signal, core, at, ran, "", ""
	if peer != "" {
		r.peer = peer
	}
}

// datedBy gives the event the time that stands in its JSON, where no header has one.
func (p *Parser) datedBy(l *line, m moment) {
	seconds, ok := number(m.seconds)
	if l.timed || !ok {
		return
	}
	nanoseconds, _ := number(m.nanoseconds)
	t := time.Unix(int64(seconds), int64(nanoseconds)).UTC()
	h := header{stamp: stamp{
		year: t.Year(), month: int(t.Month()), day: t.Day(), hour: t.Hour(), min: t.Minute(), sec: t.Second(),
		nsec: t.Nanosecond(), zoned: true,
	}}
	if t.Year() <= 9999 {
		p.setTime(l, &h)
	}
}

func (r *sudoRecord) write(l *line) {
	l.put("sudo.uuid", r.uuid)
	l.user(decoded(r.user))
	l.put("user.effective.name", decoded(r.runUser))
	l.target(decoded(r.runUser))
	if isNumber(r.runUID) {
		l.put("user.effective.id", r.runUID)
		l.put("user.target.id", r.runUID)
	}
	l.put("group.name", decoded(r.runGroup))
	if isNumber(r.runGID) && r.runGroup != "" {
		l.put("group.id", r.runGID)
	}
	l.put("process.tty", strings.TrimPrefix(decoded(r.tty), "/dev/"))
	l.put("process.working_directory", decoded(r.cwd))
	if r.submitCwd != r.cwd {
		l.put("sudo.submitcwd", decoded(r.submitCwd))
	}
	host := decoded(r.host)
	l.put("sudo.host", host)
	l.put("sudo.submithost", host)
	l.also("related.hosts", host)
	l.source(canonical(r.peer), "")
	l.put("sudo.chroot", decoded(r.chroot))
	l.put("sudo.source", decoded(r.source))
	l.put("sudo.iolog_path", decoded(r.iolog))
	l.put("sudo.tsid", sessionOf(decoded(r.iolog)))
	l.put("sudo.signal", decoded(r.signal))
	if r.core == "true" || r.core == "false" {
		l.put("sudo.dumped_core", r.core)
	}
	l.number("process.exit_code", r.exit)
	r.writeRun(l)
	r.writeCommand(l)
}

// writeRun writes how long a command ran.
func (r *sudoRecord) writeRun(l *line) {
	seconds, ok := number(r.ran.seconds)
	nanoseconds, _ := number(r.ran.nanoseconds)
	if !ok || seconds >= 1e9 {
		return
	}
	whole := strconv.Itoa(1e9 + nanoseconds)
	l.put("sudo.run_time", r.ran.seconds+"."+whole[1:])
	l.put("event.duration", strconv.Itoa(seconds*1e9+nanoseconds))
}

// writeCommand writes the command as sudo's text has it: the program's path takes the place of the name by which the
// user called it.
func (r *sudoRecord) writeCommand(l *line) {
	command := decoded(r.command)
	if command == "" {
		return
	}
	if l.merge {
		l.event.Delete("process.args")
		l.event.Delete("process.env_vars")
	}
	var text strings.Builder
	quoteSudo(&text, command, " ")
	if r.args != "" {
		l.event.Append("process.args", command)
		j := jsonScan{text: r.args}
		for n := 0; ; n++ {
			arg, ok := j.item()
			if !ok {
				break
			}
			if n > 0 {
				text.WriteByte(' ')
				writeArgument(&text, decoded(arg))
			}
			if n > 0 && n < maxArguments {
				l.event.Append("process.args", decoded(arg))
			}
		}
		l.put("process.command_line", strings.TrimRight(text.String(), " "))
	}
	if strings.IndexByte(command, '/') >= 0 {
		l.put("process.executable", text.String()[:pathEnd(text.String())])
	}
	j := jsonScan{text: r.env}
	for n := 0; r.env != "" && n < maxArguments; n++ {
		variable, ok := j.item()
		if !ok {
			break
		}
		l.event.Append("process.env_vars", decoded(variable))
	}
}

// pathEnd returns where the path ends in a command of sudo's text: it has no blank.
func pathEnd(command string) int {
	if i := strings.IndexByte(command, ' '); i >= 0 {
		return i
	}
	return len(command)
}

// item reads the next string of a list.
func (j *jsonScan) item() (string, bool) {
	if j.at == 0 && !j.enter('[') || !j.more(']') {
		return "", false
	}
	return j.str()
}

// writeArgument writes an argument as sudo does: in quotes if it has a blank.
func writeArgument(text *strings.Builder, arg string) {
	if strings.IndexByte(arg, ' ') < 0 {
		quoteSudo(text, arg, `'\`)
		return
	}
	text.WriteByte('\'')
	quoteSudo(text, arg, `'\`)
	text.WriteByte('\'')
}

// quoteSudo writes control characters as "#012" (escape in lib/util/lbuf.c); of the special ones, a blank in that way as
// well, and the others behind a backslash.
func quoteSudo(text *strings.Builder, s, special string) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ' || c == 0x7f || c == ' ' && special == " ":
			text.WriteString("#0")
			text.WriteString(strconv.FormatUint(uint64(c), 8))
		case strings.IndexByte(special, c) >= 0:
			text.WriteByte('\\')
			text.WriteByte(c)
		default:
			text.WriteByte(c)
		}
	}
}

// sessionOf returns what sudo's text calls TSID: of ".../00/00/2G", "00002G".
func sessionOf(path string) string {
	n := len(path) - len("00/00/2G")
	if n < 1 || path[n-1] != '/' || path[n+2] != '/' || path[n+5] != '/' {
		return ""
	}
	id := path[n:n+2] + path[n+3:n+5] + path[n+6:]
	for i := range len(id) {
		if c := id[i]; c-'0' > 9 && (c|0x20)-'a' >= 26 {
			return ""
		}
	}
	return id
}
