#!/bin/bash
# Makes debian.log: runs su and runuser of Debian 12 (util-linux 2.38.1). As root on Debian 12; needs the network for
# debootstrap, the runs have none. LAB12 may name a chroot that an earlier run left (KEEP=1).
set -eu
cd "$(dirname "$0")"
. ../sudo/room.sh

root=${LAB12:-}
[ -n "$root" ] || root=$(lab bookworm python3)
[ -n "${KEEP:-}" ] || trap 'rm -rf --one-file-system "$root"' EXIT
echo root:toor | chroot "$root" chpasswd
cp run.py ../sudo/lab.py "$root/root"
room "$root" python3 /root/run.py /root
cp "$root/root/debian.log" "$root/root/debian.json" .
