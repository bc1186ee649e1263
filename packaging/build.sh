#!/usr/bin/env bash
# Makes the packages of agent and aggregator, deb and rpm, and prints their paths. Of the same commit, version and
# toolchain they are the same, bit by bit, wherever they are made.
#
#	packaging/build.sh [--arch amd64,arm64] [--package belfry-agent,belfry-aggregator] [--version 1.2.3] [--release 1]
#	    [--compression gzip] OUTDIR
set -euo pipefail
cd "$(dirname "$0")/.."

arches=amd64,arm64 packages=belfry-agent,belfry-aggregator version='' release=1 compression=''
while [ $# -gt 1 ]; do
  case $1 in
  --arch) arches=$2 ;;
  --package) packages=$2 ;;
  --version) version=$2 ;;
  --compression) compression=$2 ;;
  --release) release=$2 ;;
  *) break ;;
  esac
  shift 2
done
[ $# = 1 ] && [ "${1#-}" = "$1" ] || { sed -n '2,7s/^# \?//p' "$0" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)

GO=${GO:-go}
nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0
export CGO_ENABLED=0
# The time of all files: that of the commit. Without one, as in a tarball, the day of the release has to be told.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
if [ -z "$version" ]; then # newer commits have higher versions, and all are lower than the release
  version="0.1.0~dev$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S)+$(git rev-parse --short=8 HEAD 2>/dev/null || echo unknown)"
fi
homepage=https://belfry.example/ maintainer='Belfry maintainers <maintainers@belfry.example>'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
zip() { gzip -9n >"$1"; }

# fill PACKAGE PROGRAM USER STATE CONFIG <TEMPLATE >FILE
fill() {
  local sockets
  sockets=$(cd systemd && find . -name "$1*.socket" -printf '%f ')
  sed -e "s|@UNITS@|$sockets$1.service|g" -e "s|@PACKAGE@|$1|g;s|@PROGRAM@|$2|g;s|@USER@|$3|g;s|@STATE@|$4|g;s|@CONFIG@|$5|g;s|@RUN@|/run/$3|g;s|@UNIT@|$1.service|g" \
    -e "s|@TITLE@|Belfry ${1#belfry-}|g" -e "/@NEXT@/{r $work/$1.next" -e 'd}'
}

cat >"$work/belfry-agent.next" <<'TEXT'
belfry-agent: name the logs in /etc/belfry/agent.yaml, and where to ship to:
  belfry-agent enroll --server https://AGGREGATOR:8443 --token TOKEN
TEXT
cat >"$work/belfry-aggregator.next" <<'TEXT'
belfry-aggregator: it takes events of this machine at 127.0.0.1:8080. For agents of other hosts, see belfry(1):
  belfry ca init; belfry ca issue belfry --host NAME-OF-THIS-HOST -o /etc/belfry
  receive.http.tls in /etc/belfry/aggregator.yaml; belfry reload; belfry ca token agent-HOST, for each host
TEXT

scripts() { # PACKAGE PROGRAM USER STATE CONFIG
  local s
  for s in postinst prerm postrm; do fill "$@" <packaging/deb/$s >"$work/$1.deb.$s"; done
  for s in pre post preun postun; do fill "$@" <packaging/rpm/$s >"$work/$1.rpm.$s"; done
  echo "enable $1.service" >"$work/$1.preset"
}
scripts belfry-agent belfry-agent belfry-agent /var/lib/belfry-agent /etc/belfry/agent.yaml
scripts belfry-aggregator belfry belfry /var/lib/belfry /etc/belfry/aggregator.yaml

build() { # PROGRAM FOLDER ARCH
  GOARCH=$3 $GO build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=$version" -o "$work/$3/$1" "./$2"
  "$work/legal" sbom "$work/$3/$1" "$1" "$version" >"$work/$3/$1.cdx.json"
  "$work/legal" licences "$work/$3/$1" | zip "$work/$3/$1.licences.gz"
}
program_of() { [ "$1" = belfry-agent ] && echo belfry-agent || echo belfry; }

all() { # ARCH
  local package
  mkdir -p "$work/$1"
  for package in ${packages//,/ }; do build "$(program_of "$package")" "${package#belfry-}" "$1"; done
}
$GO build -o "$work/legal" ./packaging/legal
GOBIN=$work $GO install "$nfpm"
for arch in ${arches//,/ }; do
  all "$arch"
done

day=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d)
# Manual pages and completions are told by the programs themselves, those for this machine.
native=$($GO env GOHOSTARCH)
[ -e "$work/$native" ] || all "$native"
for package in ${packages//,/ }; do
  program=$(program_of "$package") page=$package.yaml
  "$work/$native/$program" man --date "$day" | zip "$work/$program.1.gz"
  "$work/$native/$program" man --date "$day" --yaml "packaging/${package#belfry-}.yaml" | zip "$work/$page.5.gz"
  for shell in bash zsh fish; do "$work/$native/$program" completion $shell >"$work/$program.$shell"; done
done

sed "s|@HOMEPAGE@|$homepage|" packaging/deb/copyright >"$work/copyright"
zip "$work/upstream-changelog.gz" <CHANGELOG.md
cat >"$work/changelog.yaml" <<YAML
- semver: "$version-$release"
  date: $(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
  packager: "$maintainer"
  deb: {urgency: medium, distributions: [unstable]}
  changes:
    - note: "See changelog.gz beside this for what is new."
YAML

for arch in ${arches//,/ }; do
  for package in ${packages//,/ }; do
    sed "s|@ARCH@|$arch|g;s|@VERSION@|$version|g;s|@RELEASE@|$release|g;s|@WORK@|$work|g;s|@HOMEPAGE@|$homepage|g;s|@MAINTAINER@|$maintainer|g" \
      "packaging/nfpm/$package.yaml" >"$work/$package.$arch.rpm.yaml"
    [ -z "$compression" ] || sed -i "s|compression: .*|compression: $compression|" "$work/$package.$arch.rpm.yaml"
    sed '/^license:/d' "$work/$package.$arch.rpm.yaml" >"$work/$package.$arch.deb.yaml"
    for kind in deb rpm; do
      "$work/nfpm" package --config "$work/$package.$arch.$kind.yaml" --packager $kind --target "$out/" >"$work/said" 2>&1 ||
        { cat "$work/said" >&2; exit 1; }
      sed -n 's/^created package: //p' "$work/said"
    done
  done
done
