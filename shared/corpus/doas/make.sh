#!/bin/bash
# Makes debian.log: runs Debian 12's doas (opendoas 6.8.2). As root on Debian 12; needs the network for debootstrap, the
# runs have none. LAB12 may name a chroot that an earlier run left (KEEP=1).
set -eu
cd "$(dirname "$0")"
. ../sudo/room.sh

root=${LAB12:-}
[ -n "$root" ] || root=$(lab bookworm python3,opendoas)
[ -n "${KEEP:-}" ] || trap 'rm -rf --one-file-system "$root"' EXIT
cp run.py ../sudo/lab.py "$root/root"
room "$root" python3 /root/run.py /root
cp "$root/root/debian.log" "$root/root/debian.json" .
