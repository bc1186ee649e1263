# scene.sh makes PAM's modules refuse and let in, by su, passwd, vsftpd and sshd, in a lab.
VERSION=$(dpkg-query -W -f '${Version}' libpam-modules | sed 's/-.*//')
for u in averez jdoe eve late; do useradd -m -s /bin/bash $u; echo "$u:right-enough" | chpasswd 2>/dev/null; done
chage -E 1 late
useradd -m -s /bin/bash old; echo old:right-enough | chpasswd 2>/dev/null; chage -d 0 old
useradd -m -s /bin/nosuch shellless 2>/dev/null; echo shellless:right-enough | chpasswd 2>/dev/null
useradd -m -s /bin/bash blank; passwd -qd blank
groupadd wheel; usermod -aG wheel averez
sed -i 's/pam_unix.so nullok/& nodelay/' /etc/pam.d/common-auth
cp /etc/pam.d/su /su.orig

# by USER PASSWORD TARGET runs su as a user.
by() { printf '%s\n' "$2" | setpriv --reuid="$1" --regid="$1" --init-groups su "$3" -c true >/dev/null 2>&1 || true; }
# stack puts lines before su's own.
stack() { { printf '%s\n' "$@"; cat /su.orig; } >/etc/pam.d/su; }

set +e
take -
by averez right-enough jdoe
by averez wrong jdoe
by averez right-enough late
by averez right-enough old
by averez x blank
by averez wrong nosuch
su averez -c true
su - averez -c true
stack 'auth required pam_wheel.so group=wheel'
by averez right-enough jdoe
by eve right-enough jdoe
stack 'auth required pam_wheel.so group=wheel deny debug'
by averez right-enough jdoe
stack 'auth required pam_faillock.so preauth deny=2 unlock_time=600' 'auth [success=1 default=bad] pam_unix.so nodelay' 'auth [default=die] pam_faillock.so authfail deny=2 unlock_time=600' 'auth sufficient pam_faillock.so authsucc deny=2'
by averez wrong jdoe
by averez wrong jdoe
by averez right-enough jdoe
by averez wrong nosuch
printf -- '-:jdoe:ALL\n' >/etc/security/access.conf
stack 'account required pam_access.so'
by averez right-enough jdoe
stack 'auth required pam_succeed_if.so user != jdoe' 'auth required pam_succeed_if.so uid >= 1000'
by averez right-enough jdoe
by averez wrong root
echo jdoe >/etc/refused
stack 'auth required pam_listfile.so item=user sense=deny file=/etc/refused onerr=succeed'
by averez right-enough jdoe
stack 'auth required pam_shells.so'
by averez right-enough shellless
stack 'auth required pam_securetty.so'
by averez wrong root
stack 'auth required pam_rootok.so debug'
by averez right-enough jdoe
su jdoe -c true
stack 'account required pam_time.so'
echo 'su;*;jdoe;!Al0000-2400' >>/etc/security/time.conf
by averez right-enough jdoe
printf 'jdoe hard maxlogins 0\njdoe hard nofile 999999999\nbad line\n' >/etc/security/limits.conf
stack 'session required pam_limits.so'
by averez right-enough jdoe
stack 'auth required pam_warn.so'
by averez right-enough jdoe
stack 'auth optional pam_exec.so /bin/false'
by averez right-enough jdoe
stack 'session required pam_lastlog.so inactive=0' 'auth required pam_lastlog.so inactive=1'
by averez right-enough jdoe
stack 'auth required pam_google_authenticator.so nullok'
by averez right-enough jdoe
stack 'session required pam_loginuid.so' 'session optional pam_systemd.so' 'session required pam_env.so envfile=/nosuch'
by averez right-enough jdoe
cp /su.orig /etc/pam.d/su
take "su-$VERSION"

# passwords that are refused, and changed by their owner
printf 'password requisite pam_pwquality.so retry=1 minlen=12 debug\npassword required pam_pwhistory.so remember=3 use_authtok\npassword required pam_unix.so use_authtok sha512\n' >/etc/pam.d/common-password
change() { printf '%s\n' "${@:2}" | setpriv --reuid="$1" --regid="$1" --init-groups passwd >/dev/null 2>&1 || true; }
change averez wrong
change averez right-enough short short
change averez right-enough averez12345 averez12345
change averez right-enough 'Quite-long-2-guess' 'Quite-long-2-guess'
change averez 'Quite-long-2-guess' 'right-enough-9-Times' 'right-enough-3-Times'
printf 'wrong\n' | setpriv --reuid=jdoe --regid=jdoe --init-groups chsh -s /bin/sh >/dev/null 2>&1 || true
printf 'wrong\n' | setpriv --reuid=jdoe --regid=jdoe --init-groups chfn -r 1 >/dev/null 2>&1 || true
take "passwd-$VERSION"

# a server that leaves the word to PAM alone
mkdir -p /var/run/vsftpd/empty
printf 'listen=YES\nlocal_enable=YES\nwrite_enable=YES\nsecure_chroot_dir=/var/run/vsftpd/empty\npam_service_name=vsftpd\nxferlog_enable=YES\nvsftpd_log_file=/var/log/vsftpd.log\nsession_support=YES\nbackground=NO\nsyslog_enable=YES\nseccomp_sandbox=NO\n' >/etc/vsftpd.conf
/usr/sbin/vsftpd /etc/vsftpd.conf >/dev/null 2>&1 &
ftpd=$!
sleep 1
cat >/ftp.py <<'END'
import ftplib, sys
f = ftplib.FTP()
f.connect("127.0.0.1", 21, 10, ("127.0.2.%s" % sys.argv[1], 0))
try:
    f.login(sys.argv[2], sys.argv[3])
    f.quit()
except ftplib.all_errors:
    pass
END
python3 /ftp.py 1 averez wrong
python3 /ftp.py 2 averez 'right-enough'
python3 /ftp.py 3 jdoe 'right-enough'
python3 /ftp.py 4 nosuch wrong
python3 /ftp.py 5 root wrong
python3 /ftp.py 6 shellless right-enough
kill $ftpd
take "vsftpd-$VERSION"
