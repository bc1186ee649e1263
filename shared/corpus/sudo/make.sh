#!/bin/bash
# Makes the corpus of sudo: runs Debian 12's sudo (1.9.13p3) and Debian 13's (1.9.16p2, and sudo-rs) in every way of run.py,
# once for each format of log. As root on Debian 12; needs the network for debootstrap, the runs have none.
# LAB12 and LAB13 may name chroots that an earlier run left (KEEP=1).
set -eu
cd "$(dirname "$0")"
. ./room.sh

old=${LAB12:-} new=${LAB13:-}
[ -n "$old" ] || old=$(lab bookworm sudo,python3)
[ -n "$new" ] || new=$(lab trixie sudo,sudo-rs,python3)
[ -n "${KEEP:-}" ] || trap 'rm -rf --one-file-system "$old" "$new"' EXIT

run() { # run ROOT NAME PROGRAM DEFAULTS...
	local root=$1 name=$2
	shift 2
	cp run.py lab.py "$root/root"
	room "$root" python3 /root/run.py "$name" /root "$@"
	cp "$root/root/$name.log" "$root/root/$name.json" .
}

run "$old" text sudo
run "$old" json sudo log_format=json
run "$old" wrapped sudo '!syslog' logfile=/var/log/sudo.log
run "$old" wrapped-year sudo '!syslog' logfile=/var/log/sudo.log log_year log_host
run "$old" whole sudo '!syslog' logfile=/var/log/sudo.log loglinelen=0
run "$old" pretty sudo '!syslog' logfile=/var/log/sudo.log log_format=json
mv pretty.log pretty.txt # one object, which is no lines
run "$old" exit-text sudo log_exit_status syslog_pid
run "$old" exit-json sudo log_exit_status log_format=json
run "$old" exit-wrapped sudo log_exit_status '!syslog' logfile=/var/log/sudo.log
run "$old" inner-text sudo log_exit_status log_subcmds log_output
run "$old" inner-json sudo log_exit_status log_subcmds log_output log_format=json
run "$new" text13 sudo
run "$new" json13 sudo log_format=json
run "$new" compact sudo '!syslog' logfile=/var/log/sudo.log log_format=json_compact
run "$new" exit-compact sudo log_exit_status '!syslog' logfile=/var/log/sudo.log log_format=json_compact
run "$new" rust sudo-rs
