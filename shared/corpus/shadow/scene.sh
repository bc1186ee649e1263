# scene.sh changes users and groups with each tool of the shadow suite, and adduser's, in a lab.
VERSION=$(dpkg-query -W -f '${Version}' passwd | sed 's/^1://; s/[+-].*//')
try() { "$@" >/dev/null 2>&1 </dev/null || true; }
set +e
take -

cat >/gpasswd.py <<'END'
import os, pty, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp("gpasswd", ["gpasswd", "operators"])
for _ in range(2):
    time.sleep(0.5)
    os.read(fd, 1000)
    os.write(fd, b"secret\r")
time.sleep(0.5)
END
# users
try useradd averez
try useradd -u 2001 -g users -G sudo,adm -d /srv/jdoe -s /bin/sh -c 'Jane Doe' jdoe
try useradd -r daemon2
try useradd -m -k /etc/skel -e 2030-01-31 -f 7 temp
try useradd -o -u 0 -g 0 -M toor
try useradd averez
try useradd -u 2001 other
try useradd -g nosuchgroup other
try useradd -D -s /bin/bash
try usermod -aG sudo averez
try usermod -G adm,users jdoe
try usermod -G '' jdoe
try usermod -u 2010 jdoe
try usermod -g 0 jdoe
try usermod -d /home/jd -m jdoe
try usermod -s /bin/bash jdoe
try usermod -c 'J. Doe' jdoe
try usermod -e 2031-12-31 -f 3 jdoe
try usermod -e '' -f -1 jdoe
try usermod -p '$6$x$y' jdoe
try usermod -L jdoe
try usermod -U jdoe
try usermod -aG adm jdoe
try usermod -l janedoe jdoe
try usermod -o -u 0 temp
try usermod -s /bin/sh nosuch
# passwords
echo 'averez:right' | chpasswd 2>/dev/null
echo 'janedoe:$6$x$y' | chpasswd -e
printf 'new-password\nnew-password\n' | passwd averez >/dev/null 2>&1
printf 'wrong\n' | su averez -s /bin/sh -c 'passwd' >/dev/null 2>&1 || true
try passwd -l averez
try passwd -u averez
try passwd -d janedoe
try passwd -e janedoe
try passwd -n 1 -x 90 -w 7 -i 14 averez
try chage -M 60 averez
try chage -E 2030-01-01 -d 2026-01-01 averez
try chsh -s /bin/sh averez
printf 'wrong\n' | su averez -s /bin/sh -c 'chsh -s /bin/bash' >/dev/null 2>&1 || true
try chfn -f 'Ana Verez' -r 101 averez
try chage -E -1 -d 2026-11-01 averez
# groups
try groupadd ops
try groupadd -g 3000 -r tools
try groupadd ops
try groupmod -n operators ops
try groupmod -g 3001 operators
try groupmod -n tools operators
try gpasswd -a averez operators
try gpasswd -d averez operators
try gpasswd -d averez operators
try gpasswd -M averez,janedoe operators
try gpasswd -A averez operators
python3 /gpasswd.py >/dev/null 2>&1 || true
try gpasswd -r operators
try gpasswd -R operators
try groupmems -g tools -a averez
try groupmems -g tools -d averez
echo 'tools:secret' | chgpasswd 2>/dev/null
su averez -s /bin/sh -c 'echo id | newgrp operators' >/dev/null 2>&1 || true
su averez -s /bin/sh -c 'echo wrong | newgrp tools' >/dev/null 2>&1 || true
su averez -s /bin/sh -c 'echo id | sg adm id' >/dev/null 2>&1 || true
# many at once, and by an editor
printf 'n1:pw1-long-enough:2101:2101:N One:/home/n1:/bin/sh\nn2:pw2-long-enough:2102:users:N Two:/home/n2:/bin/sh\n' | newusers >/dev/null 2>&1 || true
cat >/edit <<'END'
#!/bin/sh
echo '# touched' >>"$1"
END
chmod 755 /edit
VISUAL=/edit EDITOR=/edit vipw >/dev/null 2>&1 || true
VISUAL=/edit EDITOR=/edit vigr >/dev/null 2>&1 || true
# Debian's
try adduser --disabled-password --gecos '' deb1
try adduser deb1 sudo
try addgroup debgroup
try deluser deb1 sudo
try deluser deb1
try delgroup debgroup
# and away
try pwck -q
try grpck -q
try userdel averez
try userdel -r janedoe
try userdel -f toor
try userdel nosuch
try groupdel tools
try groupdel users
try groupdel operators
take "tools-$VERSION"
# who may not log in at all
su averez -s /usr/sbin/nologin >/dev/null 2>&1 || true
useradd -M -s /usr/sbin/nologin svc >/dev/null 2>&1
su svc -c id >/dev/null 2>&1 || true
take "nologin-$VERSION"
