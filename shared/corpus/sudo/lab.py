"""What the runs of the corpus have in common: the log, and how a user calls a program. For use within a chroot."""
import fcntl, os, pwd, re, select, socket, subprocess, termios, time


class Log:
    """What is sent to /dev/log."""

    def __init__(self):
        if os.path.exists("/dev/log"):
            os.unlink("/dev/log")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("/dev/log")
        os.chmod("/dev/log", 0o666)

    def take(self, keep):
        """Returns the lines that came since, of those programs. What PAM says for them is in the corpus of PAM."""
        lines = []
        while select.select([self.socket], [], [], 0.02)[0]:
            lines.append(self.socket.recv(1 << 20).decode())
        return [s for s in lines if re.match(r"<\d+>... .\d \d\d:\d\d:\d\d " + keep, s)]


def call(run, program="sudo"):
    """Runs it, and returns how it ended and where it ran."""
    who = pwd.getpwnam(run.user)
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": who.pw_dir, "USER": run.user, "LANG": "C.UTF-8", "TERM": "dumb"}
    env.update(run.environ)
    kw = dict(user=who.pw_uid, group=who.pw_gid, extra_groups=os.getgrouplist(run.user, who.pw_gid), cwd=run.cwd, env=env)
    argv = [program, *run.args]
    if not run.tty:
        done = subprocess.run(argv, input=(run.password or "").encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              start_new_session=True, **kw)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")
    main, other = os.openpty()
    run.terminal = os.ttyname(other).removeprefix("/dev/")
    os.fchown(other, who.pw_uid, -1)

    def own():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    child = subprocess.Popen(argv, stdin=other, stdout=other, stderr=other, preexec_fn=own, **kw)
    os.close(other)
    seen, passwords = "", (run.password or "").splitlines()
    while child.poll() is None or select.select([main], [], [], 0)[0]:
        if not select.select([main], [], [], 0.05)[0]:
            continue
        try:
            got = os.read(main, 4096).decode(errors="replace")
        except OSError:
            break
        seen += got
        if "assword" in got and passwords:
            time.sleep(0.2)
            os.write(main, (passwords.pop(0) + "\n").encode())
    code = child.wait()
    os.close(main)
    return code, seen
