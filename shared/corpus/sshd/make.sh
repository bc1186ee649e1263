#!/bin/bash
# make.sh runs OpenSSH's server of Debian 12 (9.2) and 13 (10.0, with sshd-session) and its clients, and takes what it logs.
# See ../lab.sh for what it needs.
set -eu
cd "$(dirname "$0")"
. ../lab.sh
lab bookworm scene.sh .
lab trixie scene.sh .
