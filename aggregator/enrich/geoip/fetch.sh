#!/usr/bin/env bash
# Fetches free databases of addresses by npm, and puts each into a folder as a whole or not at all. None is part of the
# project: their data are under CC BY 4.0, and what their owners want to be named by lies beside them.
#
#   fetch.sh FOLDER       fetch country.mmdb and asn.mmdb anew, and say which keys of aggregator.yaml name them
#   fetch.sh country      fetch country.mmdb into the folder of the tests, unless it is there
#   fetch.sh where        print the folder of the tests, which has this one place where it is named
#
# COUNTRY and ASN in the environment name other packages of npm: one that holds NAME.mmdb, as @ip-location-db/NAME-mmdb
# does, and one that holds NAME-ipv4.csv and NAME-ipv6.csv.
set -uo pipefail

country_package=${COUNTRY:-@ip-location-db/geo-whois-asn-country-mmdb}
asn_package=${ASN:-@ip-location-db/asn}

caches=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
tests=${caches:-/var/cache}/belfry/geoip
here=$(cd "$(dirname "$0")" && pwd)

fail() {
  echo "geoip: $*" >&2
  return 1
}

# Unpacks a package into $work/$1.
unpack() {
  command -v npm >/dev/null || fail "npm is missing: install it (on Debian: apt-get install npm)" || return
  local archive
  archive=$(cd "$work" && npm pack --silent "$2") && [ -s "$work/$archive" ] || fail "npm cannot fetch $2" || return
  mkdir -p "$work/$1" && tar -xzf "$work/$archive" -C "$work/$1" --strip-components=1 || fail "$2 cannot be unpacked"
}

# Moves what lies in the work folder into $1 as $2.mmdb, with the licenses of its data.
put() {
  local into=$1 name=$2 made=$3
  [ -s "$made" ] || fail "$name: nothing was made" || return
  { cat "$work/$name"/*LICENSE*; grep -s '"license"' "$work/$name/package.json"; } >"$work/$name.license" 2>/dev/null
  chmod 644 "$made" "$work/$name.license"
  # By way of the same file system: a reader sees the old one or the new one.
  cp "$work/$name.license" "$into/$name.license" && cp "$made" "$into/.$name.mmdb" && mv "$into/.$name.mmdb" "$into/$name.mmdb" ||
    fail "$into/$name.mmdb cannot be written"
}

country() {
  unpack country "$country_package" || return
  local made
  made=$(find "$work/country" -name '*.mmdb' ! -name '*-ipv[46].mmdb' | head -n 1)
  put "$1" country "${made:-$work/none}"
}

# The family has autonomous systems as CSV only.
asn() {
  unpack asn "$asn_package" || return
  find "$work/asn" -name '*-ipv[46].csv' | sort | xargs cat |
    (cd "$here" && ${GO:-go} run .) >"$work/asn.mmdb" || fail "$asn_package cannot be converted" || return
  put "$1" asn "$work/asn.mmdb"
}

if [ $# != 1 ]; then
  fail "usage: fetch.sh FOLDER | country | where"
  exit 2
fi
if [ "$1" = where ]; then
  echo "$tests"
  exit 0
fi
if [ "$1" = country ] && [ -s "$tests/country.mmdb" ]; then
  exit 0
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
if [ "$1" = country ]; then
  mkdir -p "$tests" && country "$tests"
  exit
fi
mkdir -p "$1" && folder=$(cd "$1" && pwd) || exit 1
result=0
for name in country asn; do
  if $name "$folder"; then
    echo "geoip: $folder/$name.mmdb: aggregator.yaml names it by enrich.geoip.$name"
  else
    result=1
  fi
done
exit $result
