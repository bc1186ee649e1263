#!/bin/bash
# make.sh runs su, passwd and vsftpd with PAM's modules, of Debian 12 (1.5) and 13 (1.7), and takes what they log.
# See ../lab.sh for what it needs.
set -eu
cd "$(dirname "$0")"
. ../lab.sh
lab bookworm scene.sh .
lab trixie scene.sh .
