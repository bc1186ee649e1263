#!/usr/bin/env bash
# Runs Debian's 389-ds-base and the clients of OpenLDAP on loopback, and writes beside this script, or into the folder
# that is named:
#   access.log, security.log, errors.log, audit.log   as ns-slapd wrote them
#   clients.json                                      what each client did and saw; see ../slapd/make.sh
# For root on Debian 12. What is missing is installed by apt; no process and no file elsewhere stays behind.
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive TZ=UTC
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}

if [ -z "${BELFRY_INSIDE:-}" ]; then
  missing=()
  for p in 389-ds-base python3-lib389 ldap-utils libsasl2-modules libnss3-tools openssl python3; do
    dpkg -s "$p" >/dev/null 2>&1 || missing+=("$p")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    policy=/usr/sbin/policy-rc.d made=
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy && made=$policy; }
    apt-get -qq -y --no-install-recommends install "${missing[@]}" >/dev/null || {
      apt-get -qq update && apt-get -qq -y --no-install-recommends install "${missing[@]}" >/dev/null
    }
    [ -z "$made" ] || rm -f "$made"
  fi
  exec env BELFRY_INSIDE=1 unshare --mount --pid --fork --kill-child --mount-proc "$0" "$out"
fi

# Everything that an instance leaves is in memory, and gone at the end. Without systemd lib389 starts the server itself.
T=$(mktemp -d)
trap 'code=$?; [ $code = 0 ] || tail -n 20 "$T"/*.log /var/log/dirsrv/*/errors >&2; rm -rf "$T"' EXIT
cp -a /etc/dirsrv "$T/etc"
sed 's/^with_systemd = .*/with_systemd = 0/' /usr/share/dirsrv/inf/defaults.inf >"$T/defaults.inf"
mount --bind "$T/defaults.inf" /usr/share/dirsrv/inf/defaults.inf
for d in /etc/dirsrv /var/lib/dirsrv /var/log/dirsrv; do mkdir -p $d && mount -t tmpfs none $d; done
chown dirsrv:dirsrv /var/lib/dirsrv /var/log/dirsrv
cp -a "$T/etc/." /etc/dirsrv/
mount -t tmpfs none /run
mkdir -p /run/dirsrv /run/lock/dirsrv && chown dirsrv:dirsrv /run/dirsrv /run/lock/dirsrv

cat >"$T/instance.inf" <<'EOF'
[general]
config_version = 2
full_machine_name = localhost
strict_host_checking = False
selinux = False
[slapd]
instance_name = corpus
port = 13890
secure_port = 13637
root_password = manager-secret
self_sign_cert = True
[backend-userroot]
suffix = dc=example,dc=com
EOF
dscreate from-file "$T/instance.inf" >"$T/dscreate.log" 2>&1 || { cat "$T/dscreate.log"; exit 1; }

base=dc=example,dc=com people=ou=people,dc=example,dc=com
A=ldap://127.0.0.1:13890 S=ldaps://127.0.0.1:13637 I=ldapi://%2Frun%2Fslapd-corpus.socket
admin() { ldapmodify -x -H $A -D 'cn=Directory Manager' -w manager-secret "$@" >>"$T/setup.log" 2>&1; }

{
  printf 'dn: %s\nchangetype: add\nobjectClass: domain\ndc: example\n\n' $base
  printf 'dn: %s\nchangetype: add\nobjectClass: organizationalUnit\nou: people\n' $people
  printf 'aci: (targetattr="*")(version 3.0; acl "all"; allow (all) userdn="ldap:///all";)\n\n'
  for u in averez jdoe mallory u1 u2 u3 u4 u5 u6 u7 u8; do
    printf 'dn: uid=%s,%s\nchangetype: add\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\nuserPassword: %s-secret\n\n' $u $people $u $u $u $u
  done
  printf 'dn: cn=Verez\\2C Ana,%s\nchangetype: add\nobjectClass: person\ncn: Verez, Ana\nsn: Verez\nuserPassword: ana-secret\n\n' $people
  printf 'dn: cn=config\nchangetype: modify\nreplace: nsslapd-auditlog-logging-enabled\nnsslapd-auditlog-logging-enabled: on\n-\n'
  printf 'replace: nsslapd-securitylog-logging-enabled\nnsslapd-securitylog-logging-enabled: on\n-\n'
  printf 'replace: nsslapd-accesslog-logbuffering\nnsslapd-accesslog-logbuffering: off\n-\n'
  printf 'replace: nsslapd-securitylog-logbuffering\nnsslapd-securitylog-logbuffering: off\n-\n'
  printf 'replace: passwordLockout\npasswordLockout: on\n-\nreplace: passwordMaxFailure\npasswordMaxFailure: 3\n-\n'
  printf 'replace: nsslapd-enable-upgrade-hash\nnsslapd-enable-upgrade-hash: off\n\n'
} >"$T/setup.ldif"
admin -c -f "$T/setup.ldif" || { cat "$T/setup.log"; exit 1; }

# A certificate that maps to a user, and one that maps to nobody.
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/DC=com/DC=example/CN=ca" -keyout "$T/ca.key" -out "$T/ca.pem" 2>/dev/null
for name in averez stranger; do
  openssl req -newkey rsa:2048 -nodes -subj "/DC=com/DC=example/CN=$name" -keyout "$T/$name.key" -out "$T/$name.csr" 2>/dev/null
  openssl x509 -req -in "$T/$name.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" -CAcreateserial -days 30 -out "$T/$name.crt" 2>/dev/null
done
certutil -A -d /etc/dirsrv/slapd-corpus -n belfry-ca -t CT,, -i "$T/ca.pem" -f /etc/dirsrv/slapd-corpus/pwdfile.txt
printf 'certmap default default\ndefault:DNComps\ndefault:FilterComps cn\n' >/etc/dirsrv/slapd-corpus/certmap.conf

dsctl corpus stop >>"$T/setup.log" 2>&1
L=/var/log/dirsrv/slapd-corpus
for f in access security audit; do : >$L/$f; done
server=
start() {
  ns-slapd -D /etc/dirsrv/slapd-corpus -i /run/dirsrv/slapd-corpus.pid -d 0 >>"$T/out" 2>&1 &
  server=$!
  for _ in $(seq 300); do
    ldapwhoami -x -H $A >/dev/null 2>&1 && break
    sleep 0.1
  done
  note probe anonymous bind 0 0
}
note() { printf '{"client":"%s","kind":"%s","step":"%s","exit":%d,"continued":%d}\n' "$@" >>"$T/clients"; }
client() {
  local name=$1 kind=$2 step=$3 code=0 continued=0 trace
  shift 3
  trace=$(mktemp -p "$T")
  "$1" -d 1 "${@:2}" >"$trace" 2>&1 || code=$?
  continued=$(grep -c 'res_errno: 14' "$trace" || true)
  note "$name" "$kind" "$step" "$code" "$continued"
}
who() { echo "-x -H $A -D uid=$1,$people -w $1-secret"; }
export LDAPTLS_REQCERT=never LDAPSASL_NOCANON=on

start
client right simple bind ldapwhoami $(who averez)
client wrong simple bind ldapwhoami -x -H $A -D uid=averez,$people -w wrong
client nobody simple bind ldapwhoami -x -H $A -D uid=nobody,$people -w wrong
client elsewhere simple bind ldapwhoami -x -H $A -D uid=averez,dc=example,dc=org -w wrong
client no-dn simple bind ldapwhoami -x -H $A -D averez -w averez-secret
client odd-dn simple bind ldapwhoami -x -H $A -D "cn=Verez\\2C Ana,$people" -w ana-secret
client forged-dn simple bind ldapwhoami -x -H $A -D 'cn=x\" method=sasl version=3 mech=EXTERNAL,dc=example,dc=com' -w wrong
client anonymous anonymous bind ldapwhoami -x -H $A
client no-password simple bind ldapwhoami -x -H $A -D uid=averez,$people -w ''
client manager simple bind ldapwhoami -x -H $A -D 'cn=Directory Manager' -w manager-secret
client manager-wrong simple bind ldapwhoami -x -H $A -D 'cn=Directory Manager' -w wrong
client ldaps simple bind ldapwhoami -x -H $S -D uid=averez,$people -w averez-secret
client ldaps-wrong simple bind ldapwhoami -x -H $S -D uid=averez,$people -w wrong
client starttls simple bind ldapwhoami -x -ZZ -H $A -D uid=jdoe,$people -w jdoe-secret
client peercred sasl bind ldapwhoami -Q -Y EXTERNAL -H $I
LDAPTLS_CERT=$T/averez.crt LDAPTLS_KEY=$T/averez.key client certificate sasl bind ldapwhoami -Q -Y EXTERNAL -H $S
LDAPTLS_CERT=$T/stranger.crt LDAPTLS_KEY=$T/stranger.key client certificate-stranger sasl bind ldapwhoami -Q -Y EXTERNAL -H $S
for mech in PLAIN DIGEST-MD5 CRAM-MD5 SCRAM-SHA-256; do
  client "$mech" sasl bind ldapwhoami -Q -Y $mech -H $S -U "dn:uid=averez,$people" -w averez-secret
  client "$mech-wrong" sasl bind ldapwhoami -Q -Y $mech -H $S -U "dn:uid=jdoe,$people" -w wrong
done
for i in 1 2 3; do client "locking-$i" simple bind ldapwhoami -x -H $A -D uid=mallory,$people -w wrong; done
client locked simple bind ldapwhoami $(who mallory)

# For a while with the operations of the server itself.
config() {
  printf 'dn: cn=config\nchangetype: modify\nreplace: nsslapd-%s\nnsslapd-%s: %s\n' "$1" "$1" "$2" >"$T/level.ldif"
  client "$1-$2" simple modify ldapmodify -x -H $A -D 'cn=Directory Manager' -w manager-secret -f "$T/level.ldif"
}
config accesslog-level 260
client internal simple bind ldapwhoami $(who averez)
client internal-wrong simple bind ldapwhoami -x -H $A -D uid=averez,$people -w wrong
config accesslog-level 768
client entries simple search ldapsearch $(who averez) -b $base '(uid=u*)' uid
config accesslog-level 256
client search simple search ldapsearch $(who averez) -b $base '(uid=a*)' uid cn
client search-none simple search ldapsearch $(who averez) -b ou=none,$base
client search-unindexed simple search ldapsearch $(who averez) -b $base '(description=*x*)'
client search-quotes simple search ldapsearch $(who averez) -b $base '(cn=" attrs="\28x\29)' uid
client paged simple search ldapsearch $(who averez) -b $base -E pr=3/noprompt '(objectClass=inetOrgPerson)' uid
client sorted simple search ldapsearch $(who averez) -b $base -E sss=uid '(objectClass=inetOrgPerson)' uid
client root-dse anonymous search ldapsearch -x -H $A -b '' -s base
client compare simple compare ldapcompare $(who averez) uid=jdoe,$people sn:jdoe
client compare-false simple compare ldapcompare $(who averez) uid=jdoe,$people sn:Roe
printf 'dn: uid=tmp,%s\nobjectClass: inetOrgPerson\nuid: tmp\ncn: tmp\nsn: tmp\n' $people >"$T/add.ldif"
printf 'dn: uid=tmp,%s\nchangetype: modify\nreplace: sn\nsn: new\n' $people >"$T/mod.ldif"
client add simple add ldapadd $(who averez) -f "$T/add.ldif"
client add-again simple add ldapadd $(who averez) -f "$T/add.ldif"
client add-anonymous anonymous add ldapadd -x -H $A -f "$T/add.ldif"
client modify simple modify ldapmodify $(who averez) -f "$T/mod.ldif"
client modrdn simple modrdn ldapmodrdn $(who averez) -r uid=tmp,$people uid=tmp2
client delete simple delete ldapdelete $(who averez) uid=tmp2,$people
client passwd simple passwd ldappasswd -x -ZZ -H $A -D uid=jdoe,$people -w jdoe-secret -s jdoe-new
client new-password simple bind ldapwhoami -x -H $A -D uid=jdoe,$people -w jdoe-new
client whoami-as simple whoami ldapwhoami -x -H $A -D 'cn=Directory Manager' -w manager-secret -e "!authzid=dn:uid=jdoe,$people"
client unknown-extended simple extended ldapexop $(who averez) 1.2.3.4

cat >"$T/raw.py" <<'EOF'
import socket, struct, sys, time
def tlv(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    return bytes([tag]) + (bytes([n]) if n < 128 else b"\x82" + struct.pack(">H", n)) + body
def message(number, op): return tlv(0x30, tlv(2, bytes([number])), op)
def bind(number, dn, password): return message(number, tlv(0x60, tlv(2, b"\3"), tlv(4, dn), tlv(0x80, password)))
def connect(port=13890): return socket.create_connection(("127.0.0.1", port))
def cut(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
who, password = b"uid=averez,ou=people,dc=example,dc=com", b"averez-secret"
def code(s): return s.recv(4096)[9]
def half(): s = connect(); s.send(bind(1, who, password)[:20]); time.sleep(.2); cut(s)
def silent(): s = connect(); cut(s)
def idle(): s = connect(); s.send(bind(1, who, password)); c = code(s); time.sleep(5); return c
def noise(): s = connect(); s.send(b"GET / HTTP/1.0\r\n\r\n"); s.recv(100)
def huge(): s = connect(); s.send(b"\x30\x84\x7f\xff\xff\xff\x02\x01\x01"); s.recv(100)
def nottls(): s = connect(13637); s.send(b"hello\r\n\r\n"); s.recv(100)
def abandon():
    s = connect(); s.send(bind(1, who, password)); c = code(s)
    s.send(message(3, tlv(0x50, b"\2"))); time.sleep(.3); s.send(message(4, tlv(0x42))); time.sleep(.2); return c
def rebind():
    s = connect(); s.send(bind(1, who, password)); a = code(s); s.send(bind(2, who, b"wrong")); b = code(s)
    s.send(bind(3, b"", b"")); c = code(s); s.send(message(4, tlv(0x42))); return "%d %d %d" % (a, b, c)
try: r = globals()[sys.argv[1]]()
except ConnectionError: r = None
print("" if r is None else r)
EOF
raw() { python3 "$T/raw.py" "$1"; }
raw half; raw silent; raw noise; raw huge; raw nottls
config idletimeout 2
note idle simple bind "$(raw idle)" 0
config idletimeout 0
note abandon simple bind "$(raw abandon)" 0
raw rebind >"$T/rebind"
read -r first second third <"$T/rebind"
note rebind simple bind "$first" 0
note rebind-wrong simple bind "$second" 0
note rebind-anonymous anonymous bind "$third" 0

jobs=()
for round in 1 2; do
  for i in 1 2 3 4 5 6 7 8; do
    client "many-u$i" simple bind ldapwhoami -x -H $A -D uid=u$i,$people -w u$i-secret & jobs+=($!)
    client "many-wrong-u$i" simple bind ldapwhoami -x -H $S -D uid=nobody$i,$people -w wrong & jobs+=($!)
  done
  client many-anonymous anonymous bind ldapwhoami -x -H $A & jobs+=($!)
done
wait "${jobs[@]}"

# Killed; the numbers begin again.
kill -9 "$server"
wait "$server" || true
start
client after simple bind ldapwhoami $(who averez)
client after-wrong simple bind ldapwhoami -x -H $A -D uid=averez,$people -w wrong
kill "$server"
wait "$server" || true

for f in access security errors audit; do cp $L/$f "$out/$f.log"; done
chmod 644 "$out"/*.log
{ echo '['; sed '$!s/$/,/' "$T/clients"; echo ']'; } >"$out/clients.json"
echo "$(wc -l <"$out/access.log") lines, $(wc -l <"$T/clients") clients"
