#!/usr/bin/env bash
# Looks for the programs that the tests and the demo drive; with the argument "test" also for those that only the tests need.
# As root on Debian it installs what is missing, and sees to it that no service of the distribution starts by that, now or at
# the next boot. Anywhere else it names each missing program and the command that installs it. A database of countries and the
# jars of Elasticsearch and OpenSearch are fetched once, for tests. It never fails: tests skip what is not there, the demo says
# what it needs.
set -uo pipefail

# program=package on Debian
wanted=(rabbitmq-server=rabbitmq-server ngircd=ngircd curl=curl openssl=openssl logger=bsdutils gzip=gzip
  python3=python3 taskset=util-linux logrotate=logrotate zstd=zstd xz=xz-utils bzip2=bzip2 mkfs.ext4=e2fsprogs
  mount=mount losetup=mount bindfs=bindfs prlimit=util-linux setpriv=util-linux
  slapd=slapd ldapwhoami=ldap-utils rsync=rsync journalctl=systemd systemd-socket-activate=systemd systemd-journal-remote=systemd-journal-remote
  javac=default-jdk-headless mvn=maven nginx=nginx)
# What only the tests need: it judges what is made, or is installed into.
judges=(mandoc=mandoc zsh=zsh fish=fish promtool=prometheus lintian=lintian rpmlint=rpmlint rpm=rpm mmdebstrap=mmdebstrap
  qemu-aarch64-static=qemu-user-static ansible-playbook=ansible-core)
[ "${1-}" = test ] && wanted+=("${judges[@]}")

# Where programs lie that are not on everybody's PATH: the same as the tests' (stack.Find).
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin:/lib/systemd

absent() {
  local w
  for w in "${wanted[@]}"; do
    command -v "${w%%=*}" >/dev/null || echo "$w"
  done
}

# The command that installs a program where apt does not.
elsewhere() {
  local program=$1 name=$1
  case $program in
    logger) name=util-linux ;;
    javac) name=java-17-openjdk-devel ;;
    mvn) name=maven ;;
    promtool) name=prometheus ;;
  esac
  if command -v apt-get >/dev/null; then echo "sudo apt-get install $2"
  elif command -v dnf >/dev/null; then echo "sudo dnf install $name"
  elif command -v zypper >/dev/null; then echo "sudo zypper install $name"
  elif command -v apk >/dev/null; then echo "sudo apk add $name"
  elif command -v pacman >/dev/null; then echo "sudo pacman -S ${name/rabbitmq-server/rabbitmq}"
  elif command -v brew >/dev/null; then echo "brew install ${name/rabbitmq-server/rabbitmq}"
  else echo "install $name with the package manager of this system"
  fi
}

policy=/usr/sbin/policy-rc.d

# Forbids packages to start services while they are installed; a policy that is there already stays as it is.
hold_services() {
  [ -e "$policy" ] && return
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT TERM HUP
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
}

install() {
  local w packages=()
  for w in "$@"; do packages+=("${w#*=}"); done
  echo "deps: installing ${packages[*]}"
  hold_services
  local get=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${packages[@]}")
  "${get[@]}" >/dev/null 2>&1 || { apt-get -qq update && "${get[@]}" >/dev/null; }
  for w in "${packages[@]}"; do
    case $w in rabbitmq-server | ngircd | slapd | nginx | prometheus) update-rc.d "$w" disable >/dev/null 2>&1 ;; esac
  done
}

mapfile -t missing < <(absent)
if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ] && command -v apt-get >/dev/null; then
  install "${missing[@]}"
  mapfile -t missing < <(absent)
fi
for w in "${missing[@]}"; do
  echo "deps: ${w%%=*} is missing: $(elsewhere "${w%%=*}" "${w#*=}")"
done
"$(dirname "$0")/stack/senders.sh"
"$(dirname "$0")/../../aggregator/enrich/geoip/fetch.sh" country
for server in elasticsearch opensearch; do "$(dirname "$0")/elastic/fetch.sh" $server; done
exit 0
