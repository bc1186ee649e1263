"""Runs su and runuser with the right and the wrong password, and notes beside the lines who became whom, and whether.

It runs as root within the chroot that make.sh made: run.py OUT
"""
import json, sys

from lab import Log, call


class Run:
    environ = {}
    terminal = ""

    def __init__(self, program, user, args, target, ok, password="", tty=False, cwd="/"):
        self.program, self.user, self.args, self.target, self.ok = program, user, args, target, ok
        self.password, self.tty, self.cwd = password, tty, cwd


def runs():
    run = ["-c", "true"]
    for tty in (False, True):
        yield Run("su", "averez", run, "root", True, "toor\n", tty)
        yield Run("su", "averez", run, "root", False, "wrong\n", tty)
        yield Run("su", "averez", ["jdoe", *run], "jdoe", True, "secret\n", tty)
        yield Run("su", "averez", ["-", "jdoe", *run], "jdoe", False, "wrong\n", tty)
        yield Run("su", "averez", ["-l", "jdoe", *run], "jdoe", True, "secret\n", tty)
        yield Run("su", "root", ["jdoe", *run], "jdoe", True, "", tty)
        yield Run("su", "averez", ["gone", *run], "gone", False, "secret\n", tty)
        yield Run("su", "we.ird-1_", ["averylongusername", *run], "averylongusername", False, "x\n", tty)
    yield Run("su", "averez", ["nosuch", *run], None, False, "x\n")
    yield Run("runuser", "root", ["-u", "jdoe", "true"], None, True)
    yield Run("runuser", "root", ["jdoe", *run], None, True)


def main():
    log, lines, notes = Log(), [], []
    for run in runs():
        code, said = call(run, run.program)
        if (code == 0) != run.ok:
            sys.exit(f"{run.user} {run.program} {run.args}: exit code {code}: {said}")
        took = log.take(r"(su|su-l|runuser|runuser-l)(\[\d+\])?: (?!pam_)")
        lines += took
        notes.append({"program": run.program, "user": run.user, "target": run.target, "ok": run.ok, "terminal": run.terminal, "lines": len(took)})
    with open(f"{sys.argv[1]}/debian.log", "w") as f:
        f.write("".join(s.rstrip("\n") + "\n" for s in lines))
    with open(f"{sys.argv[1]}/debian.json", "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(n) for n in notes) + "\n]\n")


main()
