#!/bin/bash
# Makes audit logs by a real kernel, auditd, and the programs that write records of their own: sshd, su, sudo, and the
# tools for accounts. What was done, in which order and with what outcome, stands here.
#
#	make.sh [DIR]      writes enriched.log, raw.log, syslog.log and kernel.log into DIR (default: here)
#
# It needs root and a kernel whose audit nobody uses: rules are made for two users' numbers and one folder, and audit is
# off again at the end. Accounts are made in a copy of /etc that nobody else sees. Only loopback is used.
set -eu
dir=$(cd "${1:-$(dirname "$0")}" && pwd)
export PATH=$PATH:/usr/sbin:/sbin
if ! command -v auditd sshd ssh sudo python3 setpriv sshpass iptables >/dev/null; then
	RUNLEVEL=1 apt-get install -qq -y --no-install-recommends auditd audispd-plugins openssh-server openssh-client sudo \
		python3 util-linux sshpass iptables >/dev/null
fi
[ "$(auditctl -s | sed -n 's/^pid //p')" = 0 ] || { echo "audit is in use" >&2; exit 1; }

work=$(mktemp -d)
chmod 755 "$work"
auditd='' taker='' limit=''
# shellcheck disable=SC2329
clean() {
	auditctl -D >/dev/null 2>&1 || true
	[ -z "$limit" ] || sysctl -qw kernel.printk_ratelimit="$limit"
	for pid in $auditd $taker; do kill "$pid" 2>/dev/null || true; done
	auditctl -e 0 >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap clean EXIT

quiet() { "$@" >/dev/null; }

# Whatever this script starts has a login id of its own, so that what others do meanwhile can be left out.
echo 54399 >/proc/self/loginuid

# ours FILE prints the events that the script's processes made.
ours() {
	awk 'match($0, /audit\([0-9.]+:[0-9]+\)/) { event = substr($0, RSTART, RLENGTH) }
		NR == FNR { if (/auid=54399|auid=54322|comm="iptables"/) keep[event] = 1; next }
		keep[event]' "$1" "$1"
}

# daemon FORMAT [CONFIGURATION] starts auditd, which writes $work/FORMAT.log.
daemon() {
	mkdir -p "$work/$1.d/plugins.d"
	cat >"$work/$1.d/auditd.conf" <<CONF
local_events = yes
write_logs = yes
log_file = $work/$1.log
log_format = $1
flush = INCREMENTAL_ASYNC
freq = 50
num_logs = 5
max_log_file = 8
max_log_file_action = IGNORE
space_left = 75
space_left_action = IGNORE
admin_space_left = 50
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
plugin_dir = $work/$1.d/plugins.d
${2:-}
CONF
	chmod 640 "$work/$1.d/auditd.conf"
	auditd -n -c "$work/$1.d" &
	auditd=$!
	for _ in $(seq 50); do
		[ "$(auditctl -s | sed -n 's/^pid //p')" = "$auditd" ] && break
		sleep 0.1
	done
}

# stop ends auditd when it has written what the kernel has said.
stop() {
	sleep 2
	kill "$auditd"
	wait "$auditd" || true
	auditd=
}

rules() {
	quiet auditctl -a always,exit -F arch=b64 -S execve -F uid=54321 -k exec
	quiet auditctl -a always,exit -F arch=b64 -S connect -F uid=54321 -k net -k out
	quiet auditctl -w "$work/watched" -p wa -k watched
	quiet auditctl -a always,exit -F arch=b64 -S ptrace -S setuid -F uid=54321
	quiet auditctl -a always,exit -F arch=b64 -S open -S openat -F uid=54321 -F exit=-EACCES -k denied
}

as() { setpriv --reuid 54321 --regid 54321 --clear-groups "$@"; }

# deeds does what is to be seen.
deeds() {
	mkdir -p "$work/watched"
	cd /
	as /bin/true
	as /bin/echo 'two words' '' 'a"quote' 'plain' $'new\nline' 'größe'
	cp /bin/true "$work/a b"
	as "$work/a b"
	cp /bin/true "$work/x\"y"
	as "$work/x\"y" 1
	as /bin/cat /etc/shadow 2>/dev/null || true # openat: EACCES
	as /nowhere 2>/dev/null || true # execve by setpriv that fails
	as /bin/true "$(printf '%9000s' | tr ' ' a)" end
	echo one >"$work/watched/file one"
	(cd "$work/watched" && echo two >relative && mv relative renamed && chmod 600 renamed && rm renamed)
	rm "$work/watched/file one"
	as /usr/bin/python3 - <<'PY'
import socket
for family, where in (socket.AF_INET, ("127.0.0.1", 9)), (socket.AF_INET6, ("::1", 9)), (socket.AF_UNIX, "/nowhere/so cket"):
    try:
        socket.socket(family, socket.SOCK_STREAM).connect(where)
    except OSError:
        pass
PY
	/usr/bin/python3 -c 'import ctypes; ctypes.string_at(0)' 2>/dev/null || true # ANOM_ABEND
	/usr/bin/python3 -c '
import ctypes
ctypes.CDLL(None).prctl(22, 1, 0, 0, 0)
open("/dev/null")' 2>/dev/null || true # SECCOMP
	unshare -n ip link set lo promisc on
}

# accounts runs in a copy of /etc.
accounts() {
	groupadd -g 54400 belfrygroup
	useradd -m -d "$work/home" -u 54322 -g belfrygroup -s /bin/sh averez
	useradd -u 54322 twice 2>/dev/null || true
	echo 'averez:right-4' | chpasswd
	usermod -aG sudo averez
	usermod -c 'A. V.' averez
	gpasswd -d averez sudo >/dev/null
	usermod -L averez
	usermod -U averez
	echo 'averez ALL=(root) NOPASSWD: /bin/true, /bin/echo' >"/etc/sudoers.d/belfry"
	printf 'auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_unix.so\n' >/etc/pam.d/su
	su averez -c true </dev/null 2>/dev/null || true # root needs a password here, and has none
	echo right-4 | setpriv --reuid 54322 --regid 54400 --clear-groups su averez -c true 2>/dev/null || true
	echo wrong | setpriv --reuid 54322 --regid 54400 --clear-groups su averez -c true 2>/dev/null || true
	setpriv --reuid 54322 --regid 54400 --clear-groups sudo /bin/echo 'two words' >/dev/null
	setpriv --reuid 54322 --regid 54400 --clear-groups sudo -n /bin/false 2>/dev/null || true
	mkdir -p /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f "$work/key"
	cat >"$work/sshd_config" <<CONF
Port 22022
ListenAddress 127.0.0.1
HostKey $work/key
UsePAM yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
PidFile $work/sshd.pid
CONF
	/usr/sbin/sshd -D -f "$work/sshd_config" &
	sshd=$!
	sleep 1
	enter() { # USER PASSWORD
		sshpass -p "$2" ssh -q -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
			-o PreferredAuthentications=password -o NumberOfPasswordPrompts=1 -p 22022 "$1@127.0.0.1" true || true
	}
	enter averez right-4
	enter averez wrong
	enter nobodyhere wrong
	enter 'no body' wrong
	kill "$sshd"
	wait "$sshd" || true
	userdel averez
	groupdel belfrygroup
}

quiet auditctl -e 1
daemon ENRICHED
rules
deeds
export -f accounts
export work
unshare -m bash -eu -c 'cp -a /etc "$work/etc"; mount --bind "$work/etc" /etc; accounts' || echo "accounts: $?" >&2
quiet auditctl -D
unshare -n iptables -N BELFRY
stop
ours "$work/ENRICHED.log" >"$dir/enriched.log"

rm -rf "$work/watched" "$work/a b"
daemon RAW 'name_format = USER
name = node1'
rules
deeds
quiet auditctl -D
stop
ours "$work/RAW.log" >"$dir/raw.log"

# What audisp-syslog makes of them: it reads records, and calls syslog(3).
/usr/bin/python3 - "$work/log" "$work/syslog" <<'PY' &
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
with open(sys.argv[2], "wb", buffering=0) as out:
    while True:
        out.write(s.recv(1 << 16).rstrip(b"\n\0") + b"\n")
PY
taker=$!
sleep 1
export dir
unshare -m bash -eu -c '
	mount -t tmpfs tmpfs /dev
	mknod -m 666 /dev/null c 1 3
	ln -s "$work/log" /dev/log
	grep -v aaaaaaaaa "$dir/enriched.log" | grep -e USER_ -e CRED -e ADD_ -e :6[0-9][05] | audisp-syslog LOG_LOCAL1'
sleep 1
kill "$taker"
wait "$taker" || true
taker=
cp "$work/syslog" "$dir/syslog.log"

# Without a daemon, the kernel says the records itself.
limit=$(sysctl -n kernel.printk_ratelimit)
sysctl -qw kernel.printk_ratelimit=0
echo "belfry: begin $work" >/dev/kmsg
rules
deeds
sleep 1
sysctl -qw kernel.printk_ratelimit="$limit"
quiet auditctl -D
stamp=$(LC_ALL=C date '+%b %e %H:%M:%S')
dmesg | sed -n "/belfry: begin ${work//\//.}/,\$p" | sed 1d | grep audit: >"$work/kernel"
ours "$work/kernel" | sed "s/^/$stamp vm kernel: /" >"$dir/kernel.log"
