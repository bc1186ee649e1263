#!/bin/bash
# make.sh runs cron, crontab and anacron of Debian 13, and cronie, and takes what they log; it lasts five minutes, for jobs
# wait for their minute. See ../lab.sh for what it needs.
set -eu
cd "$(dirname "$0")"
. ../lab.sh
lab trixie scene.sh .
lab trixie+cronie scene.sh .
