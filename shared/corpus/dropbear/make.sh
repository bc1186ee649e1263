#!/bin/bash
# make.sh runs dropbear of Debian 12 (2022.83) and 13 (2025.89), with OpenSSH's clients, and takes what they log.
# See ../lab.sh for what it needs.
set -eu
cd "$(dirname "$0")"
. ../lab.sh
lab bookworm scene.sh .
lab trixie scene.sh .
