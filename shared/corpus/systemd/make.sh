#!/bin/bash
# make.sh boots systemd of Debian 12 (252) and 13 (257), with logind and journald, and takes what they log.
# See ../lab.sh for what it needs.
set -eu
cd "$(dirname "$0")"
. ../lab.sh
lab_boot bookworm scene.sh .
lab_boot trixie scene.sh .
