#!/usr/bin/env bash
# Fetches what a real Elasticsearch or OpenSearch node of the tests consists of, by Maven, and compiles its launcher.
# All of it goes into a cache outside the tree, as a whole or not at all; two that ask at once do it once.
#
#   fetch.sh elasticsearch|opensearch         fetch it, unless it is there
#   fetch.sh where elasticsearch|opensearch   print its folder
#
# The folder is named after the version, and after what is read here: a change of pom or launcher makes another one.
#   lib/       jars for the class path, and launcher.jar
#   modules/   the transport, which Elasticsearch loads by itself
#   classes.jsa   what java has read of the jars, ready to be mapped: a node starts with half of the work
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
caches=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
cache=${caches:-/var/cache}/belfry/elastic

fail() {
  echo "elastic: $*" >&2
  exit 1
}

# The first <version> of a pom is its own, which is the server's.
version() { sed -n '/<version>/{s:.*<version>\(.*\)</version>.*:\1:p;q}' "$here/$1/pom.xml"; }

folder() {
  local sum
  sum=$(cat "$here/fetch.sh" "$here/$1/pom.xml" "$here/$1/Launcher.java" | sha256sum)
  echo "$cache/$1-$(version "$1")-${sum:0:8}"
}

# Elasticsearch finds its transport in a folder of modules, and nowhere else.
module() {
  local into=modules/transport-netty4
  mkdir -p "$into"
  mv lib/transport-netty4-*.jar lib/netty-*.jar "$into"
  cat >"$into/plugin-descriptor.properties" <<END
name=transport-netty4
description=transport
version=$1
elasticsearch.version=$1
java.version=17
classname=org.elasticsearch.transport.netty4.Netty4Plugin
has.native.controller=false
END
}

build() {
  local kind=$1
  echo "elastic: fetching $kind $(version "$kind") into $into"
  cd "$work"
  mvn -q -B -f "$here/$kind/pom.xml" dependency:copy-dependencies -DoutputDirectory="$work/lib" >mvn.out 2>&1 ||
    fail "mvn cannot fetch $kind: $(tail -n 5 mvn.out)"
  rm mvn.out
  javac -Xlint:none -cp 'lib/*' -d classes "$here/$kind/Launcher.java" || fail "the launcher of $kind cannot be compiled"
  jar cf launcher.jar -C classes .
  rm -r classes
  mkdir -p modules
  if [ "$kind" = elasticsearch ]; then module "$(version "$kind")"; fi
  chmod -R a+rX .
}

# A node that starts and stops leaves the archive of its classes. It is of use only where the jars stay as they are.
archive() {
  local home
  home=$(mktemp -d)
  mkdir "$home/config" "$home/plugins" "$home/tmp"
  touch "$home/config/$1.yml" "$home/config/log4j2.properties"
  java -Xmx512m "-Djava.io.tmpdir=$home/tmp" -Dbelfry.once=true -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \
    "-XX:ArchiveClassesAtExit=$into/.classes.jsa" -cp "$into/launcher.jar:$into/lib/*" Launcher "$home" "$into/modules" \
    discovery.type=single-node network.host=127.0.0.1 http.port=0 transport.port=0 >"$home/out" 2>&1 &&
    mv "$into/.classes.jsa" "$into/classes.jsa" || echo "elastic: no archive of classes, $1 starts slower: $(tail -n 3 "$home/out")" >&2
  rm -rf "$home"
}

where=
if [ "${1-}" = where ]; then where=yes; shift; fi
[ $# = 1 ] && [ -e "$here/$1/pom.xml" ] || fail "usage: fetch.sh [where] elasticsearch|opensearch"
into=$(folder "$1")
if [ -n "$where" ]; then
  echo "$into"
  exit
fi
[ ! -d "$into" ] || exit 0
for program in mvn javac jar java; do
  command -v $program >/dev/null || fail "$program is missing: install a JDK 17 and Maven (on Debian: apt-get install default-jdk-headless maven)"
done

mkdir -p "$cache"
exec 9>"$cache/.$1.lock"
if command -v flock >/dev/null; then flock 9; fi
[ ! -d "$into" ] || exit 0 # somebody else was faster
work=$(mktemp -d "$cache/.new.XXXXXX")
trap 'rm -rf "$work"' EXIT
build "$1"
mv -T "$work" "$into"
archive "$1"
