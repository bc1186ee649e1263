"""Runs sudo in every way that its log can tell, and notes beside the lines who ran what, where, and how that went.

It runs as root within the chroot that make.sh made, and takes what is sent to /dev/log as it is. What a run must come
to is written down here before it runs; that it came to that is seen by the exit code.

    run.py NAME OUT PROGRAM DEFAULTS...     writes OUT/NAME.log, or what stands in the log file, and OUT/NAME.json
"""
import json, os, sys

from lab import Log, call

LONG = "x" * 3000
WORDS = " ".join(f"word{n}" for n in range(250))
EVIL = "/tmp/d ; USER=evil ; COMMAND=x"
SPACED = "/srv/with  two   blanks and quite a long name of a directory"


class Run:
    """One call of sudo, and what becomes of it."""

    def __init__(self, user, args, says="ran", reason="", command=None, target="root", group="", cwd="/tmp", dir="",
                 chroot="", env=(), password=None, tty=False, code=0, environ=None, ambiguous=None, commands=1):
        self.user, self.args, self.says, self.reason = user, args, says, reason
        self.command = command  # with its arguments, as it was given; the path is sudo's
        self.target, self.group, self.cwd, self.dir, self.chroot = target, group, cwd, dir or cwd, chroot
        self.env, self.password, self.tty, self.code = list(env), password, tty, code
        self.environ, self.ambiguous, self.commands = environ or {}, ambiguous, commands
        self.terminal = ""


def runs():
    ID = ["/usr/bin/id"]
    r = []
    add = lambda *a, **k: r.append(Run(*a, **k))
    deny = lambda user, args, reason, **k: r.append(Run(user, args, "denied", reason, code=1, **k))
    fail = lambda user, args, reason, **k: r.append(Run(user, args, "failed", reason, code=1, **k))
    # Accepted.
    add("svc", ["id"], command=ID)
    add("svc", ["id"], command=ID, tty=True)
    add("averez", ["-S", "id"], command=ID, password="secret\n")
    add("averez", ["id"], command=ID, password="secret\n", tty=True)
    add("svc", ["-u", "averez", "id"], command=ID, target="averez")
    add("svc", ["-u", "#1001", "id"], command=ID, target="averez")
    add("svc", ["-g", "games", "id"], command=ID, target="svc", group="games")
    add("svc", ["-u", "averez", "-g", "games", "id"], command=ID, target="averez", group="games")
    add("svc", ["-D", "/srv", "pwd"], command=["/usr/bin/pwd"], dir="/srv")
    add("svc", ["-R", "/", "id"], command=ID, chroot="/")
    add("svc", ["-i", "id"], command=["/bin/bash", "--login", "-c", "id"], dir="/root")
    add("svc", ["-s", "id", "-u"], command=["/bin/bash", "-c", r"id -u"], environ={"SHELL": "/bin/bash"})
    add("svc", ["FOO=bar", "BAZ=a b", "id"], command=ID, env=["FOO=bar", "BAZ=a b"])
    add("svc", ["sh", "-c", "exit 3"], command=["/usr/bin/sh", "-c", "exit 3"], code=3)
    add("svc", ["sh", "-c", "kill -TERM $$"], command=["/usr/bin/sh", "-c", "kill -TERM $$"], code=-15)
    add("svc", ["-T", "1", "sleep", "5"], command=["/usr/bin/sleep", "5"], code=-1)  # a terminal hangs up first
    add("root", ["id"], command=ID)
    add("averylongusername", ["id"], command=ID)
    add("we.ird-1_", ["id"], command=ID)
    add("svc", ["-e", "/etc/motd"], command=["/usr/bin/true", "--", "/etc/motd"], environ={"SUDO_EDITOR": "/usr/bin/true"})
    add("svc", ["/srv/my tool", "x"], command=["/srv/my tool", "x"])
    add("jdoe", ["printf", "%s", "a"], command=["/usr/bin/printf", "%s", "a"])
    # What users write.
    p = "/usr/bin/printf"
    add("svc", ["printf", "%s", "it's", 'say "x"', "back\\slash", "a  b", "é€😀"], command=[p, "%s", "it's", 'say "x"', "back\\slash", "a  b", "é€😀"])
    add("svc", ["printf", "%s", "a\nb\tc\rd\x1b[0m\x7f"], command=[p, "%s", "a\nb\tc\rd\x1b[0m\x7f"])
    add("svc", ["printf", "%s", "", "x", ""], command=[p, "%s", "", "x", ""])
    add("svc", ["echo", LONG], command=["/usr/bin/echo", LONG])
    add("svc", ["echo", *WORDS.split()], command=["/usr/bin/echo", *WORDS.split()])
    add("svc", ["echo", WORDS + "  end"], command=["/usr/bin/echo", WORDS + "  end"])
    add("svc", ["printf", "%s ; USER=evil ; COMMAND=/bin/sh"], command=[p, "%s ; USER=evil ; COMMAND=/bin/sh"])
    add("svc", ["printf", "' ; COMMAND=/bin/sh"], command=[p, "' ; COMMAND=/bin/sh"])
    add("svc", ["printf", " ; SIGNAL=TERM ; EXIT=143"], command=[p, " ; SIGNAL=TERM ; EXIT=143"])
    add("svc", ["printf", "%s", ";", "COMMAND=/bin/sh"], command=[p, "%s", ";", "COMMAND=/bin/sh"],
        ambiguous={"process.command_line": ["/usr/bin/printf %s ; COMMAND=/bin/sh", "/bin/sh"], "process.executable": [p, "/bin/sh"],
                   "user.effective.name": ["root", "root ; COMMAND=/usr/bin/printf %s"],
                   "user.target.name": ["root", "root ; COMMAND=/usr/bin/printf %s"]})
    add("svc", ["printf", "x", ";", "EXIT=0"], command=[p, "x", ";", "EXIT=0"],
        ambiguous={"process.command_line": [p + " x ; EXIT=0", p + " x"]})
    add("svc", ["id"], command=ID, cwd=EVIL,
        ambiguous={"user.effective.name": ["evil", "root"], "user.target.name": ["evil", "root"],
                   "related.user": ["svc", "evil", "root"], "process.working_directory": ["/tmp/d", EVIL],
                   "process.command_line": ["x ; USER=root ; COMMAND=/usr/bin/id", "/usr/bin/id"],
                   "process.executable": ["/usr/bin/id"]})
    add("svc", ["id"], command=ID, cwd=SPACED)
    add("svc", ["A=1 ; COMMAND=/bin/ls", "id"], command=ID, env=["A=1 ; COMMAND=/bin/ls"],
        ambiguous={"process.command_line": ["/bin/ls ; COMMAND=/usr/bin/id", "/usr/bin/id"],
                   "process.executable": ["/bin/ls", "/usr/bin/id"], "process.env_vars": ["A=1"]})
    # Refused.
    deny("mallory", ["-S", "id"], "user NOT in sudoers", command=ID, password="secret\n")
    deny("mallory", ["-S", "-l"], "command not allowed", command=["list"], password="secret\n")
    deny("bob", ["-S", "id"], "user NOT authorized on host", command=ID, password="secret\n")
    deny("jdoe", ["-S", "ls"], "command not allowed", command=["/usr/bin/ls"], password="secret\n")
    deny("jdoe", ["-S", "-u", "averez", "id"], "command not allowed", command=ID, target="averez", password="secret\n")
    deny("jdoe", ["-S", "printf", "x ; COMMAND=/bin/sh"], "command not allowed", command=[p, "x ; COMMAND=/bin/sh"], password="secret\n")
    deny("jdoe", ["-C", "5", "id"], "user not allowed to override closefrom limit", command=["id"])
    deny("jdoe", ["-E", "id"], "user not allowed to preserve the environment", command=ID)
    deny("jdoe", ["-T", "5", "id"], "user not allowed to set a command timeout", command=ID)
    deny("jdoe", ["-D", "/root", "id"], "user not allowed to change directory to /root", command=ID)
    deny("jdoe", ["-S", "-R", "/srv", "id"], "user not allowed to change root directory to /srv", command=["id"], password="secret\n")
    deny("jdoe", ["-h", "other", "id"], "user not allowed to set remote host for command", command=["id"])
    deny("jdoe", ["LD_PRELOAD=x", "LD_X=y z", "id"], "sorry, you are not allowed to set the following environment variables: LD_PRELOAD, LD_X",
         command=ID, env=["LD_PRELOAD=x", "LD_X=y z"])
    deny("carol", ["id"], "no tty", command=ID)
    deny("svc", ["-u", "nosuch", "id"], "unknown user nosuch", command=[], target="nosuch")
    deny("svc", ["-u", "x ; COMMAND=/bin/sh", "id"], "unknown user x ; COMMAND=/bin/sh", command=[], target="x ; COMMAND=/bin/sh",
         ambiguous={})
    deny("svc", ["-g", "nosuch", "id"], "unknown group nosuch", command=[], target="", group="nosuch")
    deny("svc", ["-u", "#99999", "id"], "unknown user #99999", command=ID, target="#99999")
    # Not who they say.
    fail("averez", ["-S", "id"], "1 incorrect password attempt", command=ID, password="wrong\n")
    fail("averez", ["-S", "id"], "2 incorrect password attempts", command=ID, password="wrong\nwrong\n")
    fail("averez", ["id"], "3 incorrect password attempts", command=ID, password="wrong\nwrong\nwrong\n", tty=True)
    fail("averez", ["-n", "id"], "a password is required", command=ID)
    if "1.9.13" in os.popen("sudo -V").read():  # later ones say nothing
        fail("averez", ["-n", "-v"], "a password is required", command=["validate"])
    fail("gone", ["-S", "id"], "account validation failure, is your account locked?", command=ID, password="secret\n")
    # What sudo does not log.
    for args in (["-l"], ["-v"], ["nosuchcommand"], ["-V"]):
        r.append(Run("svc", args, says="nothing", code=None))
    return r


def broken():
    """Runs with a fault in sudoers: what is done to the file, what sudo says, and whether it goes on."""
    who = dict(command=["/usr/bin/id"])
    yield lambda: os.chmod("/etc/sudoers", 0o666), "/etc/sudoers is world writable", False
    yield lambda: os.chown("/etc/sudoers", 1001, 0), "/etc/sudoers is owned by uid 1001, should be 0", False
    yield lambda: append("syntax ((\n"), "syntax error", True
    yield lambda: append("Defaults nosuchoption\n"), 'unknown defaults entry "nosuchoption"', True


def append(text):
    with open("/etc/sudoers", "a") as f:
        f.write(text)


taken = 0


def written(file):
    """Returns the lines that were written to the file since; of one that is a single object, nothing."""
    global taken
    if not file or not os.path.exists(file):
        return []
    with open(file) as f:
        lines = f.read().splitlines()
    if lines[0] == "{":
        return []
    new, taken = lines[taken:], len(lines)
    return new


def sudoers(defaults):
    with open("/etc/sudoers-rs", "w") as f:
        f.write("averez ALL=(ALL:ALL) ALL\nsvc ALL=(ALL:ALL) NOPASSWD: ALL\n")
    with open("/etc/sudoers", "w") as f:
        f.write("Defaults env_reset, !lecture, user_command_timeouts, !use_pty, passwd_tries=3, timestamp_timeout=0\n")
        f.write("Defaults editor=/usr/bin/true, env_editor\nDefaults:jdoe !user_command_timeouts, env_reset\n")
        f.write("Defaults:carol requiretty\n")
        for d in defaults:
            f.write(f"Defaults {d}\n")
        f.write("root ALL=(ALL:ALL) ALL\naverez ALL=(ALL:ALL) ALL\ngone ALL=(ALL:ALL) ALL\nbob other=(ALL) ALL\n")
        f.write("svc,carol,averylongusername,we.ird-1_,ivy ALL=(ALL:ALL) CWD=* CHROOT=* NOPASSWD:SETENV: ALL\n")
        f.write("jdoe ALL=(root) NOPASSWD: /usr/bin/id, /usr/bin/printf %s *\n")
    os.chown("/etc/sudoers", 0, 0)
    os.chmod("/etc/sudoers", 0o440)


def note(run, lines):
    return {
        "user": run.user, "says": run.says, "reason": run.reason, "command": run.command or [], "target": run.target,
        "group": run.group, "dir": run.dir, "chroot": run.chroot, "env": run.env, "terminal": run.terminal,
        "code": run.code, "ambiguous": run.ambiguous, "commands": run.commands, "lines": lines,
    }


def main():
    name, out, program, defaults = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    log, lines, notes = Log(), [], []
    file = next((d.split("=")[1] for d in defaults if d.startswith("logfile=")), "")
    ours = runs() if "log_exit_status" not in defaults else exits()
    if "log_subcmds" in defaults:
        ours = inner()
    keep = r"sudo(\[\d+\])?: (?!pam_)"
    if program == "sudo-rs":
        ours, keep = rust(), r"sudo-rs(\[\d+\])?: (?!pam_)"
    for d in (EVIL, SPACED):
        os.makedirs(d, exist_ok=True)
    for run in ours:
        sudoers(defaults)
        code, said = call(run, program)
        took = log.take(keep) + written(file)
        if run.code is not None and code != run.code:
            sys.exit(f"{run.user} {run.args}: exit code {code}, not {run.code}: {said}")
        lines += took
        notes.append(note(run, len(took)))
    if program == "sudo" and "log_exit_status" not in defaults:
        for change, reason, goes_on in broken():
            sudoers(defaults)
            change()
            run = Run("svc", ["id"], says="goes on" if goes_on else "stops", reason=reason, command=["/usr/bin/id"], code=0 if goes_on else 1)
            code, said = call(run, program)
            if code != run.code:
                sys.exit(f"{reason}: exit code {code}: {said}")
            took = log.take(keep) + written(file)
            lines += took
            notes.append(note(run, len(took)))
    sudoers([])
    if file:
        with open(file) as f:
            whole = f.read()
        if whole.startswith("{\n"):
            lines = whole.splitlines()
        os.unlink(file)
    with open(f"{out}/{name}.log", "w") as f:
        f.write("".join(s.rstrip("\n") + "\n" for s in lines))
    with open(f"{out}/{name}.json", "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(n, ensure_ascii=False) for n in notes) + "\n]\n")


def exits():
    """Runs whose exit is logged: sudo repeats the command."""
    sh = lambda script, code: Run("svc", ["sh", "-c", script], command=["/usr/bin/sh", "-c", script], code=code)
    long = "true this is a command that is too long for one line of a log file; exit "
    yield Run("svc", ["id"], command=["/usr/bin/id"])
    yield Run("svc", ["id"], command=["/usr/bin/id"])
    yield sh("exit 7", 7)
    yield sh("kill -TERM $$", -15)
    yield sh("kill -KILL $$", -9)
    yield sh(long + "3", 3)
    yield sh(long + "3", 3)
    yield sh(long + "4", 4)
    yield sh(long + "4; kill -TERM $$", 4)
    yield Run("svc", ["FOO=bar", "id"], command=["/usr/bin/id"], env=["FOO=bar"])
    yield Run("svc", ["echo", WORDS], command=["/usr/bin/echo", WORDS])
    yield Run("svc", ["printf", "x", ";", "EXIT=0"], command=["/usr/bin/printf", "x", ";", "EXIT=0"],
              ambiguous={"process.command_line": ["/usr/bin/printf x ; EXIT=0", "/usr/bin/printf x"]})
    yield Run("jdoe", ["-S", "ls"], says="denied", reason="command not allowed", command=["/usr/bin/ls"], password="secret\n", code=1)


def inner():
    """Runs whose commands run commands: each is logged, and the session of all of them."""
    sh = lambda script, n, code=0: Run("svc", ["sh", "-c", script], command=["/usr/bin/sh", "-c", script], commands=n, code=code)
    yield Run("svc", ["/usr/bin/id"], command=["/usr/bin/id"])
    yield sh("/usr/bin/id; /usr/bin/ls / >/dev/null", 3)
    yield sh("/usr/bin/id; /usr/bin/id", 3)
    yield sh("/usr/bin/env FOO=bar /usr/bin/printf '%s ; COMMAND=/bin/sh' x; exit 3", 3, 3)
    yield Run("jdoe", ["-S", "ls"], says="denied", reason="command not allowed", command=["/usr/bin/ls"], password="secret\n", code=1)


def rust():
    """Runs of sudo-rs: it logs commands, and nothing else."""
    yield Run("svc", ["id"], command=["/usr/bin/id"])
    yield Run("svc", ["id"], command=["/usr/bin/id"], tty=True)
    yield Run("averez", ["-S", "id"], command=["/usr/bin/id"], password="secret\n")
    yield Run("svc", ["-u", "averez", "id", "-u"], command=["/usr/bin/id", "-u"], target="averez")
    yield Run("svc", ["printf", "%s", "it's", "a\\b"], command=["/usr/bin/printf", "%s", "it's", "a\\b"])
    yield Run("svc", ["echo", LONG], command=["/usr/bin/echo", LONG])
    yield Run("svc", ["echo", *WORDS.split()], command=["/usr/bin/echo", *WORDS.split()])
    yield Run("averez", ["-k", "-S", "id"], says="nothing", password="wrong\nwrong\nwrong\n", code=1)
    yield Run("mallory", ["-S", "id"], says="nothing", password="secret\n", code=1)


main()
