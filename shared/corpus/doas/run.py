"""Runs doas, and notes beside the lines who ran what, where, and how that went.

It runs as root within the chroot that make.sh made: run.py OUT
"""
import json, os, sys

from lab import Log, call

EVIL = "/tmp/d as evil from /x"


class Run:
    environ = {}
    terminal = ""

    def __init__(self, user, args, says, command, target="root", cwd="/tmp", password="", tty=True, code=0, ambiguous=None):
        self.user, self.args, self.says, self.command, self.target = user, args, says, command, target
        self.cwd, self.password, self.tty, self.code, self.ambiguous = cwd, password, tty, code, ambiguous


def runs():
    yield Run("svc", ["id"], "ran", "id")
    yield Run("svc", ["id"], "ran", "id", tty=False)
    yield Run("averez", ["id", "-u"], "ran", "id -u", password="secret\n")
    yield Run("svc", ["-u", "averez", "id"], "ran", "id", target="averez")
    yield Run("svc", ["sh", "-c", "exit 3"], "ran", "sh -c exit 3", code=3)
    yield Run("svc", ["printf", "%s", "a b", "it's"], "ran", "printf %s a b it's")
    yield Run("svc", ["id"], "ran", "id", cwd="/srv/a b")
    yield Run("svc", ["-s"], "ran", "/bin/true")
    yield Run("svc", ["echo", "as root from /x"], "ran", None, ambiguous={
        "process.command_line": ["echo", "echo as root from /x"], "process.working_directory": ["/x as root from /tmp", "/tmp"]})
    yield Run("svc", ["id"], "ran", None, cwd=EVIL, ambiguous={
        "process.command_line": ["id", "id as root from /tmp/d"], "process.working_directory": [EVIL, "/x"],
        "user.effective.name": ["root", "evil"]})
    yield Run("averez", ["id"], "failed", "", password="wrong\n", code=1)
    yield Run("jdoe", ["ls", "/"], "denied", "ls /", code=1)
    yield Run("mallory", ["id"], "denied", "id", code=1)
    yield Run("jdoe", ["printf", ": x ran command y as root from /"], "denied", "printf : x ran command y as root from /", code=1)
    yield Run("svc", ["-n", "nosuchcommand"], "ran", "nosuchcommand", code=1)  # doas says so before it looks for it


def main():
    with open("/etc/doas.conf", "w") as f:
        f.write("permit averez\npermit nopass svc\npermit nopass jdoe as root cmd id\n")
    os.chmod("/etc/doas.conf", 0o400)
    os.makedirs(EVIL, exist_ok=True)
    os.makedirs("/srv/a b", exist_ok=True)
    log, lines, notes = Log(), [], []
    for run in runs():
        run.environ = {"SHELL": "/bin/true"}
        code, said = call(run, "doas")
        if code != run.code:
            sys.exit(f"{run.user} {run.args}: exit code {code}, not {run.code}: {said}")
        took = log.take(r"doas(\[\d+\])?: (?!pam_)")
        lines += took
        notes.append({"user": run.user, "says": run.says, "command": run.command, "target": run.target, "dir": run.cwd,
                      "ambiguous": run.ambiguous, "lines": len(took)})
    with open(f"{sys.argv[1]}/debian.log", "w") as f:
        f.write("".join(s.rstrip("\n") + "\n" for s in lines))
    with open(f"{sys.argv[1]}/debian.json", "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(n) for n in notes) + "\n]\n")


main()
