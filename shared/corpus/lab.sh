# lab.sh is read by the make.sh of a folder: it runs a script in a Debian of its own and brings its log home.
#
#	. ../lab.sh
#	lab bookworm scene.sh .      # scene.sh runs in there as root, and the programs that it starts log
#
# A lab is a copy that is thrown away, with process ids, network (loopback alone), host name and mounts of its own: all
# that was started in it ends with it. Its rsyslogd writes what comes to /dev/log as Debian's does, the host is "vm" and
# the time is UTC. A scene says "take NAME" for what was logged since the last time, and may leave its own account of what it
# did in /out, by the same name. Debian itself is fetched once into $LAB, by debootstrap.

LAB=${LAB:-/var/tmp/belfry-lab}
LAB_PACKAGES=openssh-server,openssh-client,rsyslog,passwd,login,adduser,cron,anacron,libpam-pwquality,\
libpam-google-authenticator,python3,iproute2,systemd-sysv,libpam-systemd,dbus,dropbear-bin,vsftpd

# lab_base SUITE[+PACKAGE] makes the file system that labs of a release are copies of, with one more package if need be.
lab_base() {
	[ ! -e "$LAB/$1.done" ] || return 0
	command -v debootstrap >/dev/null || apt-get install -qq -y debootstrap >/dev/null
	mkdir -p "$LAB"
	rm -rf "${LAB:?}/$1"
	case $1 in
	*+*)
		lab_base "${1%%+*}"
		cp -a "$LAB/${1%%+*}" "$LAB/$1"
		cp /etc/resolv.conf "$LAB/$1/etc/" 2>/dev/null || true
		DEBIAN_FRONTEND=noninteractive chroot "$LAB/$1" apt-get install -qq -y "${1#*+}" >"$LAB/$1.txt" 2>&1
		;;
	*) debootstrap --variant=minbase --include="$LAB_PACKAGES" "$1" "$LAB/$1" >"$LAB/$1.txt" ;;
	esac
	touch "$LAB/$1.done"
}

# lab SUITE SCENE FOLDER runs a scene, and takes what it left in /out to a folder.
lab() {
	lab_base "$1"
	local out
	out=$(mktemp -d)
	LAB_ROOT=$LAB/$1 LAB_SCENE=$(realpath "$2") LAB_OUT=$out \
		unshare --mount --pid --net --uts --ipc --fork --kill-child --mount-proc bash -eu -c "$LAB_INSIDE"
	rm -f "$out/all.log"
	mv "$out"/* "$3/"
	rmdir "$out"
}

LAB_INSIDE='
hostname vm
ip link set lo up
top=$(mktemp -d)
mount -t tmpfs lab "$top"
mkdir "$top/up" "$top/work" "$top/root"
mount -t overlay lab -o "lowerdir=$LAB_ROOT,upperdir=$top/up,workdir=$top/work" "$top/root"
cd "$top/root"
mount -t proc proc proc
mount -t tmpfs dev dev
for d in null zero full random urandom tty; do touch dev/$d; mount --bind /dev/$d dev/$d; done
mkdir dev/pts dev/shm out
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount --bind "$LAB_OUT" out
mount -t tmpfs run run
mkdir -p run/sshd run/lock
cat - "$LAB_SCENE" >scene <<"END"
# take NAME takes what was logged by now. With "take -" it is thrown away.
take() {
	sleep 0.5
	touch /out/all.log
	mv /out/all.log "/out/$1.log"
	kill -HUP "$(cat /run/rsyslogd.pid)"
	sleep 0.5
	if [ "$1" = - ]; then rm /out/-.log; fi
	logger -t lab take; sleep 0.2; : >/out/all.log
}
END
echo UTC >etc/timezone; rm -f etc/localtime
echo "127.0.0.1 vm localhost" >etc/hosts
cat >etc/rsyslog.conf <<END
module(load="imuxsock" SysSock.RateLimit.Interval="0" SysSock.UsePIDFromSystem="off")
\$ActionFileDefaultTemplate RSYSLOG_TraditionalFileFormat
:programname, isequal, "lab" /dev/null
*.*;syslog.none /out/all.log
END
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C TZ=UTC HOME=/root
chroot . rsyslogd
until [ -S dev/log ]; do sleep 0.1; done
chroot . bash -eu /scene
sleep 0.5
chroot . bash -c "kill \$(cat /run/rsyslogd.pid)"
sleep 0.5
'

# lab_boot SUITE SCENE FOLDER boots Debian's systemd in a lab, with journald, logind and D-Bus; the scene runs as a
# service, and ends by shutting the machine down. What it left in /out, and the log, SUITE.log, go to the folder.
#
# Its control groups are below one of this machine's unified hierarchy, which is taken away again.
lab_boot() (
	lab_base "$1"
	out=$(mktemp -d)
	groups=/sys/fs/cgroup
	[ ! -d $groups/unified ] || groups=$groups/unified
	group=$groups/belfry-lab-$$
	mkdir "$group"
	trap 'echo 1 >"$group/cgroup.kill" || true; sleep 0.5; find "$group" -depth -type d -exec rmdir {} \; || true' EXIT
	LAB_ROOT=$LAB/$1 LAB_SCENE=$(realpath "$2") LAB_OUT=$out LAB_GROUP=$group bash -eu -c '
		echo $$ >"$LAB_GROUP/cgroup.procs"
		exec timeout -k 5 300 unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child --mount-proc \
			bash -eu -c "$0"' "$LAB_BOOT" || true
	mv "$out/all.log" "$3/$1.log"
	cat "$out/err" >&2
	rm -f "$out/err" "$out/console"
	for f in "$out"/*; do [ ! -e "$f" ] || mv "$f" "$3/"; done
	rmdir "$out"
)

# The part of a lab's making that both kinds share.
LAB_MOUNT=${LAB_INSIDE%%mount --bind \"\$LAB_OUT\" out*}

LAB_BOOT=$LAB_MOUNT'
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
touch dev/console
mount --bind /dev/null dev/console
mount --bind "$LAB_OUT" out
mount -t tmpfs run run
cp "$LAB_SCENE" scene
echo UTC >etc/timezone; rm -f etc/localtime etc/machine-id
echo vm >etc/hostname
echo b08dfa6083e7567a1921a715000001fb >etc/machine-id
cat >etc/rsyslog.conf <<END
module(load="imuxsock" SysSock.RateLimit.Interval="0")
\$ActionFileDefaultTemplate RSYSLOG_TraditionalFileFormat
*.*;syslog.none /out/all.log
END
mkdir -p etc/systemd/journald.conf.d etc/systemd/system/timers.target.wants
printf "[Journal]\nForwardToSyslog=yes\nRateLimitBurst=0\n" >etc/systemd/journald.conf.d/lab.conf
printf "[Service]\nType=oneshot\nExecStart=/bin/bash /scene\nStandardOutput=null\nStandardError=file:/out/err\n" >etc/systemd/system/scene.service
printf "[Timer]\nOnBootSec=3\nAccuracySec=100ms\n" >etc/systemd/system/scene.timer
ln -s ../scene.timer etc/systemd/system/timers.target.wants/scene.timer
ln -sf /usr/lib/systemd/system/multi-user.target etc/systemd/system/default.target
for u in systemd-resolved systemd-networkd systemd-timesyncd ssh vsftpd dropbear console-getty; do
	ln -sf /dev/null etc/systemd/system/$u.service
done
ln -sf /dev/null etc/systemd/system/ssh.socket
exec env -i container=lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_LOG_TARGET=journal \
	chroot . /lib/systemd/systemd --show-status=false >"$LAB_OUT/console" 2>&1
'
