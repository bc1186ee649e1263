#!/usr/bin/env bash
# Unpacks senders of other projects, which the tests drive against the doors and the benchmark compares with, from
# Debian's packages into a folder of the user's: syslog-ng and rsyslog cannot both be installed, and nothing that is
# only unpacked ever starts a service. What is there stays as it is, unless the list of its packages has changed since.
#
#   senders.sh          unpack what is missing, and name what could not be had
#   senders.sh where    print the folder: it holds one root for each sender, and has this one place where it is named
set -uo pipefail

caches=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
folder=${caches:-/var/cache}/belfry/senders

# sender, and the packages that it takes besides what they depend on. The root that they are unpacked into keeps the list.
list=packages
wanted=("syslog-ng=syslog-ng-core syslog-ng-mod-amqp" "rsyslog=rsyslog rsyslog-elasticsearch rsyslog-gnutls rsyslog-relp" "pika=python3-pika")

if [ "${1-}" = where ]; then
  echo "$folder"
  exit 0
fi

# Downloads packages, and what they need that is not installed here. It installs nothing, and so needs no rights.
download() {
  local into=$1
  shift
  mkdir -p "$into/partial"
  apt-get -qq -y --no-install-recommends --reinstall --download-only \
    -o Dir::Cache::archives="$into" -o Debug::NoLocking=1 install "$@" >/dev/null 2>&1
}

extract() {
  local deb
  for deb in "$1"/*.deb; do dpkg -x "$deb" "$2" || return; done
}

unpack() {
  local root=$1 work result
  shift
  echo "deps: unpacking $* into $root"
  work=$(mktemp -d "$folder/.unpack.XXXXXX") || return
  # Old lists name packages that the mirror does not have any more.
  download "$work/debs" "$@" || { apt-get -qq update >/dev/null 2>&1; download "$work/debs" "$@"; }
  extract "$work/debs" "$work/root" && echo "$*" >"$work/root/$list" && rm -rf "$root" &&
    mv -T "$work/root" "$root" # whole, or not at all
  result=$?
  rm -rf "$work"
  return $result
}

mkdir -p "$folder" || exit 0
for w in "${wanted[@]}"; do
  root=$folder/${w%%=*}
  [ "$(cat "$root/$list" 2>/dev/null)" = "${w#*=}" ] && continue
  read -ra packages <<<"${w#*=}"
  if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    echo "deps: ${w%%=*} is missing: its tests need Debian's packages (${packages[*]})"
  elif ! unpack "$root" "${packages[@]}"; then
    echo "deps: ${w%%=*} is missing: apt-get cannot download ${packages[*]} (as root, apt-get update may help)"
  fi
done
exit 0
