"""Runs pkexec with a real polkitd, and notes beside the lines who ran what, where, and how that went.

It runs as root within the chroot that make.sh made: run.py OUT. A user at a terminal is asked by pkexec itself for the
password of an administrator: averez, as the only member of the group sudo. That cannot go well: without logind polkitd
does not find the session.
"""
import json, os, subprocess, sys, time

from lab import Log, call

EVIL = "/tmp/d] [COMMAND=/bin/sh"


class Run:
    environ = {}
    terminal = ""

    def __init__(self, user, args, says, command, target="root", cwd="/tmp", password="", tty=False, code=0, reason="", asks=None,
                 environ=None, ambiguous=None):
        self.user, self.args, self.says, self.command, self.target = user, ["--keep-cwd", *args], says, command, target
        self.cwd, self.password, self.tty, self.code, self.reason = cwd, password, tty, code, reason
        self.asks = asks  # how it went when polkitd asked: failed, or not at all
        self.environ, self.ambiguous = environ or {}, ambiguous


def runs():
    no = "Error executing command as another user: Not authorized"
    yield Run("root", ["/usr/bin/id", "-u"], "ran", "/usr/bin/id -u")
    yield Run("root", ["--user", "averez", "id"], "ran", "/usr/bin/id", target="averez")
    yield Run("root", ["sh", "-c", "exit 3"], "ran", "/usr/bin/sh -c exit 3", code=3)
    yield Run("root", ["id", "a b", "c"], "ran", "/usr/bin/id a b c", code=1)
    yield Run("root", ["id"], "ran", "/usr/bin/id", tty=True)
    yield Run("root", ["id"], "ran", None, cwd=EVIL, ambiguous={
        "process.working_directory": ["/tmp/d", EVIL], "process.command_line": ["/bin/sh] [COMMAND=/usr/bin/id", "/usr/bin/id"]})
    yield Run("averez", ["id"], "nothing", None, code=127)  # no agent asks for a password: pkexec logs that not
    yield Run("jdoe", ["--user", "averez", "id"], "nothing", None, target="averez", code=127)
    yield Run("averez", ["id"], "denied", "/usr/bin/id", tty=True, password="wrong\n", code=127, reason=no, asks="failed")
    yield Run("averez", ["id"], "denied", "/usr/bin/id", code=127, environ={"SHELL": "/bin/nosuchshell"},
              reason="The value for the SHELL variable was not found in the /etc/shells file")
    yield Run("averez", ["id"], "denied", "/usr/bin/id", code=127, environ={"LANG": "../x"},
              reason="The value for environment variable LANG contains suspicious content")


def main():
    os.makedirs(EVIL, exist_ok=True)
    os.makedirs("/run/dbus", exist_ok=True)
    if os.path.exists("/run/dbus/pid"):
        os.unlink("/run/dbus/pid")
    log = Log()
    subprocess.run(["dbus-daemon", "--system", "--fork"], check=True)
    subprocess.Popen(["/usr/lib/polkit-1/polkitd", "--no-debug"])
    time.sleep(1)
    keep = r"(pkexec|polkitd|polkit-agent-helper-1)(\[\d+\])?: (?!pam_)"
    lines = log.take(keep)
    notes = [{"says": "nothing", "lines": len(lines)}]
    for run in runs():
        run.environ = {"SHELL": "/bin/bash", **run.environ}
        code, said = call(run, "pkexec")
        if code != run.code:
            sys.exit(f"{run.user} {run.args}: exit code {code}, not {run.code}: {said}")
        time.sleep(0.2)
        took = log.take(keep)
        lines += took
        notes.append({"user": run.user, "says": run.says, "command": run.command, "target": run.target, "dir": run.cwd, "reason": run.reason,
                      "asks": run.asks, "terminal": run.terminal, "ambiguous": run.ambiguous, "lines": len(took)})
    with open(f"{sys.argv[1]}/debian.log", "w") as f:
        f.write("".join(s.rstrip("\n") + "\n" for s in lines))
    with open(f"{sys.argv[1]}/debian.json", "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(n) for n in notes) + "\n]\n")


main()
