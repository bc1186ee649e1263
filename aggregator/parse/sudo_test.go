package parse

import (
	"strings"
	"testing"
)

const (
	sudoOK     = "event.action=sudo-command event.outcome=success event.category=process event.type=start"
	sudoDenied = "event.action=sudo-denied event.outcome=failure event.category=process event.type=denied"
	sudoFailed = "event.action=sudo-auth-failed event.outcome=failure event.category=authentication event.type=start"
	sudoExit   = "event.action=sudo-exit -event.outcome event.category=process event.type=end"
	sudoConfig = "event.action=sudoers-error -event.outcome event.category=configuration event.type=error"
	sudoWarned = "event.action=sudo-warning -event.outcome event.category=process event.type=info"
	sudoMore   = "event.action=sudo-command-continued -event.outcome event.category=process event.type=info"
)

// asRootID is the end of most lines of TestSudo.
const asRootID = " ; PWD=/tmp ; USER=root ; COMMAND=/usr/bin/id"

func TestSudo(t *testing.T) {
	f := func(text, kind string, want ...string) {
		t.Helper()
		e := newReader().says("sudo", text)
		check(t, e, append(strings.Fields(kind), want...)...)
		if text, ok := strings.CutSuffix(text, asRootID); ok {
			user, reason, _ := strings.Cut(text, " : ")
			check(t, e, "user.name="+strings.TrimSpace(user), "event.reason="+reason, "user.effective.name=root",
				"user.target.name=root", "process.command_line=/usr/bin/id", "process.args=/usr/bin/id",
				"process.executable=/usr/bin/id", "process.working_directory=/tmp", "-tags")
		}
	}
	// Accepted.
	f("  averez : PWD=/tmp ; USER=root ; COMMAND=/usr/bin/id", sudoOK, "user.name=averez", "user.effective.name=root",
		"user.target.name=root", "related.user=averez|root", "process.command_line=/usr/bin/id", "-process.tty",
		"process.working_directory=/tmp", "process.executable=/usr/bin/id", "-event.reason", "-tags",
		"process.name=sudo")
	f("averez : TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAND=/bin/su", sudoOK, "process.tty=pts/0",
		"process.command_line=/bin/su")
	f("averez : TTY=unknown ; PWD=/tmp ; USER=root ; COMMAND=/bin/su", sudoOK, "-process.tty")
	f("averez : HOST=db1 ; TTY=pts/0 ; CHROOT=/srv/c ; CWD=/root ; USER=jdoe ; GROUP=games ; TSID=00/00/01@1.5 ; "+
		"ENV=FOO=bar BAZ=a b ; COMMAND=/bin/ls -l", sudoOK, "sudo.host=db1", "related.hosts=db1", "process.tty=pts/0",
		"sudo.chroot=/srv/c", "process.working_directory=/root", "user.effective.name=jdoe", "group.name=games",
		"sudo.tsid=00/00/01@1.5", "process.env_vars=FOO=bar|BAZ=a b", "process.args=/bin/ls|-l", "-tags")
	f("averez : PWD=/tmp ; USER=averez ; GROUP=games ; COMMAND=/usr/bin/id", sudoOK, "group.name=games",
		"related.user=averez")
	f("averez : PWD=/tmp ; USER=root ; COMMAND=sudoedit /etc/hosts", sudoOK, "process.args=sudoedit|/etc/hosts",
		"-process.executable")
	f("averez : PWD=/tmp ; USER=root ; COMMAND=list", sudoOK, "process.command_line=list", "-process.executable")
	f("averez : PWD=/tmp ; USER=root ; COMMAND=list /bin/ls", sudoOK, "process.args=list|/bin/ls")
	f("we ird : PWD=/tmp ; USER=root ; COMMAND=/usr/bin/id", sudoOK, "user.name=we ird")
	// Not allowed.
	f("mallory : user NOT in sudoers"+asRootID, sudoDenied)
	f("    bob : user NOT authorized on host"+asRootID, sudoDenied)
	f("jdoe : command not allowed"+asRootID, sudoDenied)
	f("jdoe : setid command rejected in intercept mode"+asRootID, sudoDenied)
	f("averez : no tty"+asRootID, sudoDenied)
	f("jdoe : user not allowed to preserve the environment"+asRootID, sudoDenied)
	f("jdoe : user not allowed to override closefrom limit"+asRootID, sudoDenied)
	f("jdoe : user not allowed to set a command timeout"+asRootID, sudoDenied)
	f("jdoe : user not allowed to set remote host for command"+asRootID, sudoDenied)
	f("jdoe : user not allowed to change directory to /root"+asRootID, sudoDenied)
	f("jdoe : user not allowed to change root directory to /"+asRootID, sudoDenied)
	f("jdoe : sorry, you are not allowed to set the following environment variables: LD_X"+asRootID, sudoDenied)
	f("averez : unknown user nosuch ; PWD=/tmp ; USER=nosuch ; ", sudoDenied, "user.effective.name=nosuch",
		"event.reason=unknown user nosuch", "-process.command_line", "-process.args", "-tags",
		"process.working_directory=/tmp")
	f("averez : unknown group nosuch ; PWD=/tmp ; GROUP=nosuch ; ", sudoDenied, "group.name=nosuch",
		"-user.effective.name")
	f("averez : unknown user #99999 ; PWD=/tmp ; USER=#99999 ; COMMAND=/usr/bin/id", sudoDenied,
		"user.effective.name=#99999")
	f("averez : unknown uid 99999: who are you?", sudoDenied, "event.reason=unknown uid 99999: who are you?")
	// Not who they say.
	f("averez : 1 incorrect password attempt"+asRootID, sudoFailed, "sudo.attempts=1")
	f("averez : 3 incorrect password attempts"+asRootID, sudoFailed, "sudo.attempts=3")
	f("jdoe : a password is required"+asRootID, sudoFailed, "-sudo.attempts")
	f("jdoe : account validation failure, is your account locked?"+asRootID, sudoFailed)
	f("jdoe : PAM account management error: Permission denied"+asRootID, sudoFailed)
	// Sudo itself.
	f("averez : /etc/sudoers:25:9: syntax error", sudoConfig, "event.reason=/etc/sudoers:25:9: syntax error",
		"user.name=averez")
	f("averez : parse error in /etc/sudoers near line 25"+asRootID, sudoConfig)
	f("averez : /etc/sudoers is world writable ; PWD=/srv/lab ; USER=root ; ", sudoConfig,
		"event.reason=/etc/sudoers is world writable", "process.working_directory=/srv/lab", "user.effective.name=root")
	f("averez : /etc/sudoers is owned by uid 1001, should be 0 ; PWD=/srv/lab ; USER=root ; ", sudoConfig)
	f("averez : problem with defaults entries ; PWD=/tmp ; USER=root ; ", sudoConfig)
	f("averez : /etc/sudoers:9:22: unknown defaults entry \"x\"", sudoConfig)
	f("averez : /etc/sudoers.d/x:3:1 timestampowner: unknown user nosuch", sudoConfig)
	f("averez : unable to open /etc/sudoers : Permission denied ; PWD=/tmp ; USER=root ; ", sudoConfig,
		"event.reason=unable to open /etc/sudoers : Permission denied")
	f("jdoe : user not allowed to set remote host for command"+asRootID, sudoDenied)
	f("jdoe : invalid shell for user averez: /bin/x"+asRootID, sudoDenied)
	f("jdoe : PAM authentication error: Authentication failure"+asRootID, sudoFailed)
	f("jdoe : Password expired, contact your system administrator"+asRootID, sudoFailed)
	f("jdoe : kerb5: Cannot verify TGT! Possible attack!: x"+asRootID, sudoFailed)
	f("jdoe : unable to write to I/O log file: No space left on device"+asRootID, sudoWarned)
	f("jdoe : unable to resolve host vm : Name or service not known"+asRootID, sudoWarned)
	// A reason that is not known is no success.
	f("averez : the moon is full"+asRootID, sudoWarned)
	// What the user asked for may look like another reason.
	f("averez : unknown user 3 incorrect password attempts ; PWD=/tmp ; USER=x ; ", sudoDenied, "-sudo.attempts")
	f("averez : sorry, you are not allowed to set the following environment variables: syntax error"+asRootID,
		sudoDenied)
	f("averez : unknown user timestampowner: x ; PWD=/tmp ; USER=x ; ", sudoDenied)
	// sudo-rs
	f("averez :  PWD=/tmp ; USER=root ; COMMAND=/usr/bin/id ", sudoOK, "process.command_line=/usr/bin/id", "-event.reason",
		"process.working_directory=/tmp", "-tags")
	// Sudo 1.9.13 forgot what separates the environment from the command.
	f("averez : PWD=/tmp ; USER=root ; ENV=A=1 B=2COMMAND=/usr/bin/id -u", sudoOK, "process.env_vars=A=1|B=2",
		"process.command_line=/usr/bin/id -u", "user.effective.name=root", "-tags")
	f("averez : PWD=/tmp ; USER=root ; ENV=A=1COMMAND=/usr/bin/printf '%s ; COMMAND=/bin/sh'", sudoOK,
		"process.command_line=/usr/bin/printf '%s ; COMMAND=/bin/sh'", "-tags")
	f("averez : USER=root ; ENV=A=xCOMMAND=/bin/sh ; COMMAND=/usr/bin/id", sudoOK, "tags=ambiguous",
		"process.command_line=/usr/bin/id|/bin/sh ; COMMAND=/usr/bin/id")
	f("averez : USER=root ; ENV=A=COMMAND=xCOMMAND=/usr/bin/id", sudoOK, "tags=ambiguous")
}

// A line that ends before its command was cut on its way: it may as well have been refused.
func TestSudoTruncated(t *testing.T) {
	for _, text := range []string{"averez : PWD=/tmp ; USER=ro", "averez : TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAN", "averez : TTY=pts/0"} {
		check(t, newReader().says("sudo", text), "event.action=sudo-command", "-event.outcome", "tags=truncated", "user.name=averez")
	}
}

func TestSudoQuotes(t *testing.T) {
	f := func(command string, args ...string) {
		t.Helper()
		e := newReader().says("sudo", "averez : PWD=/tmp ; USER=root ; COMMAND="+command)
		check(t, e, "event.action=sudo-command", "event.outcome=success", "process.command_line="+command, "-tags",
			"process.args="+strings.Join(args, "|"), "user.effective.name=root")
	}
	f(`/bin/ls '/home/jdoe/a b;c'`, "/bin/ls", "/home/jdoe/a b;c")
	f(`/usr/bin/printf %s it\'s 'a b'  back\\slash`, "/usr/bin/printf", "%s", "it's", "a b", `back\slash`)
	f(`/usr/bin/printf 'it\'s a \\ b' x`, "/usr/bin/printf", `it's a \ b`, "x")
	f(`/usr/bin/printf tab#011new#012line`, "/usr/bin/printf", "tab#011new#012line")
	f(`/tmp/my#040tool x`, "/tmp/my#040tool", "x")
	f(`/usr/bin/printf '%s ; USER=evil ; COMMAND=/bin/sh'`, "/usr/bin/printf", "%s ; USER=evil ; COMMAND=/bin/sh")
	f(`/usr/bin/printf 'a\' ; COMMAND=/bin/sh'`, "/usr/bin/printf", "a' ; COMMAND=/bin/sh")
	f(`/usr/bin/printf '\\' 'x ; COMMAND=/bin/sh'`, "/usr/bin/printf", `\`, "x ; COMMAND=/bin/sh")
	f(`/usr/bin/printf ' ; SIGNAL=TERM ; EXIT=143'`, "/usr/bin/printf", " ; SIGNAL=TERM ; EXIT=143")
	// As many arguments as an event may have.
	many := strings.Repeat(" x", 1000)
	e := newReader().says("sudo", "averez : PWD=/tmp ; USER=root ; COMMAND=/bin/echo"+many)
	if n := len(e.All("process.args")); n != maxArguments || e.Get("process.command_line") != "/bin/echo"+many {
		t.Errorf("%d arguments, want %d", n, maxArguments)
	}
}

// What can be read in two ways is tagged, and holds both readings.
func TestSudoForged(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		e := newReader().says("sudo", "averez : "+text)
		check(t, e, append(want, "tags=ambiguous", "user.name=averez")...)
	}
	// A directory of that name, which sudo does not quote.
	f("PWD=/tmp/d ; USER=evil ; COMMAND=x ; USER=root ; COMMAND=/usr/bin/id", "event.action=sudo-command",
		"user.effective.name=evil|root", "process.working_directory=/tmp/d|/tmp/d ; USER=evil ; COMMAND=x",
		"process.command_line=x ; USER=root ; COMMAND=/usr/bin/id|/usr/bin/id", "related.user=averez|evil|root")
	f("TTY=pts/0 ; PWD=/tmp/d ; USER=evil ; USER=root ; COMMAND=/usr/bin/id", "event.action=sudo-command",
		"process.tty=pts/0",
		"user.effective.name=root|evil ; USER=root", "process.working_directory=/tmp/d ; USER=evil|/tmp/d")
	// Fields that come before it are sudo's own: no reading takes them from the directory, nor makes it a reason.
	f("PWD=/tmp/e ; TTY=pts/9 ; PWD=/x ; USER=root ; COMMAND=/usr/bin/id", "event.action=sudo-command",
		"event.outcome=success",
		"process.working_directory=/tmp/e ; TTY=pts/9 ; PWD=/x", "-process.tty", "user.effective.name=root",
		"-event.reason")
	f("HOST=h ; TTY=pts/0 ; PWD=/tmp ; HOST=x ; TTY=pts/9 ; USER=root ; COMMAND=/usr/bin/id", "sudo.host=h",
		"process.tty=pts/0",
		"process.working_directory=/tmp ; HOST=x ; TTY=pts/9", "event.outcome=success")
	f("command not allowed ; PWD=/tmp ; TTY=x ; USER=root ; COMMAND=/usr/bin/id", "event.action=sudo-denied",
		"event.reason=command not allowed", "process.working_directory=/tmp ; TTY=x", "-process.tty")
	f("user NOT in sudoers ; PWD=/tmp/d ; PWD=/x ; USER=root ; COMMAND=/bin/su", "event.action=sudo-denied",
		"event.outcome=failure", "process.command_line=/bin/su", "user.effective.name=root")
	// An environment that holds a command.
	f("PWD=/tmp ; USER=root ; ENV=A=1 ; COMMAND=/bin/ls ; COMMAND=/bin/sh", "event.action=sudo-command",
		"process.command_line=/bin/ls ; COMMAND=/bin/sh|/bin/sh", "process.executable=/bin/ls|/bin/sh",
		"user.effective.name=root")
	// Arguments that sudo has no reason to quote: each holds no blank.
	f("PWD=/tmp ; USER=root ; COMMAND=/usr/bin/printf %s ; USER=evil ; COMMAND=/bin/sh x", "event.action=sudo-command",
		"process.command_line=/usr/bin/printf %s ; USER=evil ; COMMAND=/bin/sh x|/bin/sh x",
		"user.effective.name=root|evil")
	// Quotes that sudo did not write tell nothing.
	f("PWD=/tmp ; USER=root ; COMMAND=/bin/echo a'b ; COMMAND=/bin/sh'", "event.action=sudo-command",
		"process.executable=/bin/echo|/bin/sh'")
	f("unknown user x ; USER=root ; COMMAND=/bin/id ; PWD=/tmp ; USER=x ; USER=root ; COMMAND=/bin/id ; ",
		"event.action=sudo-denied", "event.outcome=failure")
}

// A line end that a file has and a datagram has not makes no other command, nor does what follows a control character.
func TestSudoLineEnds(t *testing.T) {
	const text = "averez : PWD=/srv ; USER=root ; COMMAND=/usr/bin/su"
	for _, end := range []string{"", "\r"} {
		e := newReader().says("sudo", text+end)
		check(t, e, "event.action=sudo-command", "process.executable=/usr/bin/su", "process.command_line=/usr/bin/su", "process.args=/usr/bin/su",
			"message="+text)
		if raw := e.Get("event.original"); !strings.HasSuffix(raw, text+end) {
			t.Errorf("the line became %q", raw)
		}
	}
	check(t, newReader().says("sudo", text+"\r\nPRIVMSG #x :y"), "event.action=sudo-command", "process.executable=/usr/bin/su")
}

// Reasons of lines that name no command, and of sudo before 1.8.
func TestSudoOldReasons(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		check(t, newReader().line("Nov 23 17:53:29 vm sudo:    alice : "+text), append(want, "user.name=alice")...)
	}
	f("sorry, you must have a tty to run sudo ; TTY=unknown ; PWD=/ ; USER=root ; COMMAND=/bin/ls", "event.action=sudo-denied",
		"event.outcome=failure", "process.command_line=/bin/ls", "event.reason=sorry, you must have a tty to run sudo")
	f("unable to resolve host vm: Name or service not known", "event.action=sudo-warning", "-event.outcome",
		"event.reason=unable to resolve host vm: Name or service not known")
}
