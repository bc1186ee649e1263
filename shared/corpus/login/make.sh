#!/bin/bash
# make.sh runs login of Debian 12 (the shadow suite's) and 13 (util-linux's), and takes what they log.
# See ../lab.sh for what it needs.
set -eu
cd "$(dirname "$0")"
. ../lab.sh
lab bookworm scene.sh .
lab trixie scene.sh .
