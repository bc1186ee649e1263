# scene.sh logs in at a terminal in a lab, with Debian's login: that of the shadow suite before Debian 13, of util-linux
# since. /out/attempts.tsv tells of each try who it was and what came of it.
if login --version 2>/dev/null | grep -q util-linux; then VERSION=util-linux; else VERSION=shadow; fi
for u in averez jdoe late; do useradd -m -s /bin/sh $u; echo "$u:right-enough" | chpasswd 2>/dev/null; done
echo root:right-enough | chpasswd 2>/dev/null
chage -E 1 late
sed -i 's/pam_unix.so nullok/& nodelay/' /etc/pam.d/common-auth
sed -i 's/pam_faildelay.so.*/pam_faildelay.so delay=0/' /etc/pam.d/login
cat >>/etc/login.defs <<END
LOG_OK_LOGINS yes
FAIL_DELAY 0
END
set +e
take -
cat >/terminal.py <<'END'
# terminal.py [login's options] -- USER PASSWORD … answers login's questions at a terminal of its own.
import os, pty, select, sys, time
cut = sys.argv.index("--")
options, answers = sys.argv[1:cut], sys.argv[cut + 1:]
pid, fd = pty.fork()
if pid == 0:
    os.execv("/bin/login", ["login"] + options)
text, seen, end = b"", 0, time.time() + 20
while time.time() < end:
    if not select.select([fd], [], [], 0.5)[0]:
        continue
    try:
        part = os.read(fd, 1000)
    except OSError:  # login hangs the terminal up, and opens it again
        part = b""
    if not part:
        if os.waitpid(pid, os.WNOHANG)[0]:
            break
        time.sleep(0.1)
        continue
    text += part
    tail = text[seen:]
    if tail.rstrip().endswith((b"login:", b"assword:")):
        if not answers:
            break
        seen = len(text)
        os.write(fd, answers.pop(0).encode() + b"\r")
    elif tail.rstrip().endswith((b"$", b"#")):
        seen = len(text)
        os.write(fd, b"exit\r")
os.close(fd)
time.sleep(0.2)
END
at() { timeout 30 python3 /terminal.py "$@" || true; }
# tried ADDRESS USER OUTCOMES tells what came of the tries; a host's name is no address.
tried() { printf '%s\t%s\t0\t%s\n' "$@" >>"/out/console-$VERSION.tsv"; }
# The shadow suite's login does not name whom it does not know.
named() { if [ $VERSION = shadow ]; then echo; else echo "$1"; fi; }
at -- averez right-enough
tried - averez success
at -- averez wrong averez right-enough
tried - averez failure
tried - averez success
at -- nosuch wrong jdoe wrong averez wrong root wrong averez wrong averez wrong
tried - "$(named nosuch)" failure
tried - jdoe failure
tried - averez failure
tried - root failure
tried - averez failure
at -- root right-enough
tried - root success
at -- root wrong root right-enough
tried - root failure
tried - root success
at -h client.example.com -- averez right-enough
tried - averez success
at -h 192.0.2.7 -- averez wrong nosuch wrong jdoe right-enough
at -h 192.0.2.7 -- root right-enough
tried 192.0.2.7 - 'failure failure success success'
at -- late right-enough
tried - '' failure
at -- 'x FOR root, y' wrong
tried - "$(named 'x FOR root, y')" failure
at -f averez --
tried - averez success
take "console-$VERSION"
