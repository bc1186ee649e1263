#!/bin/bash
# Makes debian.log: runs pkexec and polkitd of Debian 12 (polkit 122). As root on Debian 12; needs the network for
# debootstrap, the runs have none. LAB12 may name a chroot that an earlier run left (KEEP=1).
set -eu
cd "$(dirname "$0")"
. ../sudo/room.sh

root=${LAB12:-}
[ -n "$root" ] || root=$(lab bookworm python3,dbus)
[ -n "${KEEP:-}" ] || trap 'rm -rf --one-file-system "$root"' EXIT
chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends pkexec polkitd libpam-systemd >&2
chroot "$root" usermod -aG sudo averez
cp run.py ../sudo/lab.py "$root/root"
room "$root" python3 /root/run.py /root
cp "$root/root/debian.log" "$root/root/debian.json" .
