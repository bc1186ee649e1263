#!/bin/bash
# make.sh runs the tools of the shadow suite, and adduser's, of Debian 12 (4.13) and 13 (4.17), and takes what they log.
# See ../lab.sh for what it needs.
set -eu
cd "$(dirname "$0")"
. ../lab.sh
lab bookworm scene.sh .
lab trixie scene.sh .
