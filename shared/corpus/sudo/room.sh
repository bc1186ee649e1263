# room ROOT COMMAND...: runs a command within the chroot ROOT, in namespaces of its own: its processes end with it, and
# it has no network but loopback. Sourced by make.sh.
room() {
	local root=$1
	shift
	unshare --mount --pid --uts --net --ipc --fork --kill-child bash -eu -c '
		root=$1; shift
		mount --bind "$root" "$root"
		mount -t proc proc "$root/proc"
		mount -t tmpfs -o mode=755 dev "$root/dev"
		mkdir "$root/dev/pts" "$root/dev/shm"
		mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
		ln -s pts/ptmx "$root/dev/ptmx"
		ln -s /proc/self/fd "$root/dev/fd"
		for n in null zero full random urandom tty; do touch "$root/dev/$n"; mount --bind "/dev/$n" "$root/dev/$n"; done
		hostname vm
		ip link set lo up 2>/dev/null || true
		# Not exec: pkexec serves no child of the first process.
		chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb "$@"
		exit 0' \
		room "$root" "$@"
}

# lab SUITE PACKAGE...: makes a chroot of Debian's SUITE with users, and prints where. The caller removes it.
lab() {
	local suite=$1 root packages
	shift
	packages=$(IFS=,; echo "$*")
	command -v debootstrap >/dev/null || apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends debootstrap >&2
	root=$(mktemp -d "${TMPDIR:-/tmp}/lab.XXXXXX")
	debootstrap --variant=minbase --include="$packages" "$suite" "$root" ${MIRROR:+"$MIRROR"} >&2
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root" "$root/usr/sbin/policy-rc.d"
	people "$root" >&2
	echo "$root"
}

# people ROOT: the users of the runs. All have the password "secret"; the account of gone has expired.
people() {
	chroot "$1" bash -eu -c '
		for u in svc averez jdoe mallory bob carol gone ivy averylongusername; do useradd -m -s /bin/bash $u; done
		useradd --badname -m -s /bin/bash we.ird-1_ 2>/dev/null || useradd --badnames -m -s /bin/bash we.ird-1_
		for u in svc averez jdoe mallory bob carol gone ivy; do echo $u:secret; done | chpasswd
		chage -E 1 gone
		echo "127.0.0.1 localhost vm" >/etc/hosts
		printf "#!/bin/sh\nexit 0\n" >"/srv/my tool"
		chmod 755 "/srv/my tool"'
}
