# A room for servers: what a make.sh begins with, as
#
#	. "$(dirname "$0")/../room.sh" PACKAGE…
#
# It installs the packages of Debian that are missing, none of which starts, and runs the script anew in namespaces of
# its own: /etc, /var and /run are written to a copy in memory, there is no network but the loopback, and when the script
# ends, every process that it started has ended. In the room, $out is the folder of the script, the host is called mx1,
# and 192.0.2.0/24 and 2001:db8::/64 are addresses of it. syslog FILE starts rsyslog, which writes FILE as Debian's does.
# Needs root and bash.

out=$(cd "$(dirname "$0")" && pwd)

if [ -z "${ROOM:-}" ]; then
	missing=
	for package in rsyslog iproute2 python3 "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
	done
	if [ -n "$missing" ]; then
		policy=/usr/sbin/policy-rc.d # says whether a package may start its service
		if [ ! -e $policy ]; then
			trap 'rm -f /usr/sbin/policy-rc.d' EXIT
			printf '#!/bin/sh\nexit 101\n' >$policy
			chmod 755 $policy
		fi
		apt-get update -qq
		# shellcheck disable=SC2086
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 $missing >&2
	fi
	room=$(mktemp -d)
	ROOM=$room unshare --mount --net --pid --uts --ipc --fork --kill-child --mount-proc bash "$0"
	rmdir "$room"
	exit
fi

cd "$ROOM"
mount --make-rprivate /
mount -t tmpfs tmpfs "$ROOM"
cd "$ROOM"
for dir in etc var home; do
	mkdir $dir $dir.work
	mount -t overlay -o "lowerdir=/$dir,upperdir=$ROOM/$dir,workdir=$ROOM/$dir.work" overlay "/$dir"
done
mkdir dev dev/shm
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
mount --rbind dev /dev
mount -t tmpfs tmpfs /run
chmod 1777 /dev/shm
mkdir -p /run/lock
hostname mx1
echo '127.0.0.1 localhost mx1' >/etc/hosts
echo '192.0.2.7 client.example.net' >>/etc/hosts
ln -sf /usr/share/zoneinfo/Etc/UTC /etc/localtime
ip link set lo up
for n in 1 7 66; do
	ip address add 192.0.2.$n/24 dev lo
	ip address add 2001:db8::$n/64 dev lo nodad
done
export LC_ALL=C.UTF-8

# syslog FILE takes what comes to /dev/log.
syslog() {
	cat >rsyslog.conf <<-EOF
		module(load="imuxsock" SysSock.Name="/dev/log" SysSock.RateLimit.Interval="0")
		\$ActionFileDefaultTemplate RSYSLOG_TraditionalFileFormat
		*.* $1
	EOF
	rsyslogd -n -f "$ROOM/rsyslog.conf" -i "$ROOM/rsyslogd.pid" &
	for _ in $(seq 100); do [ -S /dev/log ] && break || sleep 0.1; done
}

# settled FILE… waits until nothing has been written to the files for a second.
settled() {
	local before=
	for _ in $(seq 60); do
		local now
		now=$(cat "$@" 2>/dev/null | wc -c)
		[ "$now" = "$before" ] && return 0
		before=$now
		sleep 1
	done
}
