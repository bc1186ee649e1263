#!/bin/bash
# Makes the journal's files of the corpus: lines as programs send them go through a real systemd-journald, entries with
# fields of their own and bytes that are no text through systemd-journal-remote, and journalctl prints all of them in each
# of its forms. Run as root on Debian 12; it leaves no process and no file behind.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ "${1:-}" != inside ]; then
	missing=
	[ -x /lib/systemd/systemd-journal-remote ] || missing="$missing systemd-journal-remote"
	command -v logger >/dev/null || missing="$missing bsdutils"
	[ -z "$missing" ] || DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
	exec unshare --uts "$0" inside # a host name of its own
fi
hostname vm
name=corpus-$$
run=/run/systemd/journal.$name
work=$(mktemp -d)
mkdir -p "/run/systemd/journald@$name.conf.d"
printf '[Journal]\nStorage=persistent\nRateLimitBurst=0\n' >"/run/systemd/journald@$name.conf.d/x.conf"
/lib/systemd/systemd-journald "$name" &
journald=$!
trap 'kill $journald 2>/dev/null || true; wait $journald 2>/dev/null || true
	rm -rf "$work" "$run" /run/log/journal/*."$name" /var/log/journal/*."$name" "/run/systemd/journald@$name.conf.d"' EXIT
until [ -S "$run/dev-log" ]; do sleep 0.1; done

say() { # priority, tag, text
	logger --socket "$run/dev-log" --priority "$1" --tag "$2" --id=$((1000 + ++n)) -- "$3"
	sleep 0.01
}
n=0
say authpriv.info sshd 'Accepted password for averez from 192.0.2.7 port 36160 ssh2'
say authpriv.info sshd 'Failed password for invalid user we ird from 10.0.0.1 from 192.0.2.8 port 38222 ssh2'
say authpriv.notice su 'FAILED SU (to root) eve on pts/0'
say daemon.warning app 'level=warn msg="it is \"late\"" user=eve'
say user.info app '{"level":"info","msg":"from JSON","src":"192.0.2.9"}'
say user.info app 'plain words, one=pair'

at=$(($(date +%s) * 1000000))
entry() { # number; fields on standard input
	printf '__CURSOR=s=%s;i=%x;b=%s;m=%x;t=%x;x=1\n' aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "$1" 11111111111111111111111111111111 \
		$(($1 * 1000000)) $((at + $1 * 1000))
	printf '__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n' $((at + $1 * 1000)) $(($1 * 1000000))
	printf '_BOOT_ID=11111111111111111111111111111111\n_MACHINE_ID=22222222222222222222222222222222\n_HOSTNAME=db9\n'
	cat
	printf '\n'
}
sized() { # name, text: with its length before it, as 8 bytes
	printf '%s\n' "$1"
	local size=$(printf '%b' "$2" | wc -c)
	printf "\\x$(printf %02x $((size % 256)))\\x$(printf %02x $((size / 256)))\0\0\0\0\0\0"
	printf '%b\n' "$2"
}
{
	entry 1 <<-END
		PRIORITY=6
		SYSLOG_FACILITY=10
		SYSLOG_IDENTIFIER=sshd
		SYSLOG_PID=77
		_PID=78
		_UID=0
		_GID=0
		_COMM=sshd
		_EXE=/usr/sbin/sshd
		_CMDLINE=sshd: averez [priv]
		_TRANSPORT=syslog
		_SYSTEMD_UNIT=ssh.service
		_SYSTEMD_CGROUP=/system.slice/ssh.service
		_SYSTEMD_SLICE=system.slice
		_SELINUX_CONTEXT=unconfined
		_SOURCE_REALTIME_TIMESTAMP=$((at - 5))
		MESSAGE=Failed password for root from 192.0.2.9 port 4711 ssh2
	END
	{
		printf 'PRIORITY=3\nSYSLOG_IDENTIFIER=my app\n_PID=5\n_TRANSPORT=journal\nMESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1\n'
		printf 'CODE_FILE=a.c\nREQUEST=1\nREQUEST=2\n_LINE_BREAK=eof\n'
		sized MESSAGE 'first\nsecond\n\nfourth'
	} | entry 2
	{
		printf 'PRIORITY=4\n_TRANSPORT=kernel\n'
		sized MESSAGE 'bytes \xff\x01 here'
	} | entry 3
	entry 4 <<-END
		_COMM=daemon
		_TRANSPORT=stdout
		MESSAGE={"level":"error","msg":"from a unit","time":"2020-01-01T00:00:00Z"}
	END
} >"$work/export"
/lib/systemd/systemd-journal-remote --output="$work/remote.journal" - <"$work/export" 2>/dev/null

until journalctl --namespace="$name" -q | grep -q 'plain words'; do sleep 0.1; done
export TZ=Europe/Prague
print() { # form, name
	journalctl --namespace="$name" -q -o "$1" SYSLOG_IDENTIFIER=sshd + SYSLOG_IDENTIFIER=su + SYSLOG_IDENTIFIER=app >"$here/$2"
}
print short short.log
print short-precise short-precise.log
print short-iso short-iso.log
print short-iso-precise short-iso-precise.log
print short-full short-full.log
print with-unit with-unit.log
print short-monotonic short-monotonic.log
print json json.log
print export export.export
journalctl --file="$work/remote.journal" -q -o json >"$here/remote-json.log"
journalctl --file="$work/remote.journal" -q -o export >"$here/remote.export"
