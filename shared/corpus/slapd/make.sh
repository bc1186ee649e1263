#!/usr/bin/env bash
# Runs Debian's slapd and its clients on loopback, and writes beside this script, or into the folder that is named:
#   session.log  what slapd sent to /dev/log, datagram by datagram
#   debug.log    the same as slapd -d wrote it, with stamps in hexadecimal
#   clients.json what each client did and saw: its name, how it bound (kind), which step its exit code is of (bind, or
#                what came after a bind that was good), the exit code, and how often the server asked SASL to go on
# For root on Debian 12. What is missing is installed by apt; no process and no file elsewhere stays behind.
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}

if [ -z "${BELFRY_INSIDE:-}" ]; then
  missing=()
  for p in slapd ldap-utils libsasl2-modules openssl python3; do
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
  # A name space of its own: /dev/log is ours there, and hosts.deny; whatever is left running ends with it.
  exec env BELFRY_INSIDE=1 unshare --mount --pid --fork --kill-child --mount-proc "$0" "$out"
fi

T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
mount -t tmpfs none /mnt
for n in null zero full random urandom; do touch /mnt/$n && mount --bind /dev/$n /mnt/$n; done
ln -s /proc/self/fd /mnt/fd
mount --move /mnt /dev
echo "slapd: 127.0.0.9" >"$T/hosts.deny"
touch /etc/hosts.deny
mount --bind "$T/hosts.deny" /etc/hosts.deny

cat >"$T/take.py" <<'EOF'
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
s.bind("/dev/log")
os.chmod("/dev/log", 0o666)
out = open(sys.argv[1], "ab", buffering=0)
while True:
    out.write(s.recv(65536).rstrip(b"\n\0").replace(b"\n", b"#012") + b"\n")  # as rsyslog writes a line end within
EOF
python3 "$T/take.py" "$T/session.log" &
until [ -S /dev/log ]; do sleep 0.1; done

openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=localhost" -addext "subjectAltName=IP:127.0.0.1" \
  -keyout "$T/key.pem" -out "$T/cert.pem" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj "/DC=com/DC=example/CN=portal" -keyout "$T/client.key" -out "$T/client.csr" 2>/dev/null
openssl x509 -req -in "$T/client.csr" -CA "$T/cert.pem" -CAkey "$T/key.pem" -CAcreateserial -days 30 -out "$T/client.pem" 2>/dev/null

config() { # directory
  mkdir -p "$1/db"
  cat >"$1/slapd.conf" <<EOF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
moduleload retcode
pidfile $1/pid
loglevel stats
sasl-host 127.0.0.1
authz-policy to
authz-regexp "uid=([^,]*),cn=[^,]*,cn=auth" "uid=\$1,ou=people,dc=example,dc=com"
TLSCertificateFile $T/cert.pem
TLSCertificateKeyFile $T/key.pem
TLSCACertificateFile $T/cert.pem
TLSVerifyClient allow
idletimeout 8
database mdb
suffix dc=example,dc=com
rootdn cn=admin,dc=example,dc=com
rootpw admin-secret
directory $1/db
limits dn.exact="uid=jdoe,ou=people,dc=example,dc=com" size=3
access to attrs=userPassword by self write by anonymous auth by * none
access to * by users write by * read
overlay ppolicy
ppolicy_default cn=default,ou=policies,dc=example,dc=com
ppolicy_use_lockout
overlay retcode
retcode-parent ou=slow,dc=example,dc=com
retcode-item "cn=sleeps" 0x00 sleeptime=3
retcode-item "cn=busy" 0x33
EOF
}

person() { # uid sn password policy
  printf 'dn: uid=%s,ou=people,dc=example,dc=com\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\nuserPassword: %s\n' \
    "$1" "$1" "$1" "$2" "$3"
  [ -z "${4:-}" ] || printf 'pwdPolicySubentry: cn=%s,ou=policies,dc=example,dc=com\n' "$4"
  [ -z "${5:-}" ] || printf '%s\n' "$5"
  echo
}

entries() {
  printf 'dn: dc=example,dc=com\nobjectClass: domain\ndc: example\n\n'
  for ou in people policies slow; do
    printf 'dn: ou=%s,dc=example,dc=com\nobjectClass: organizationalUnit\nou: %s\n\n' $ou $ou
  done
  printf 'dn: cn=default,ou=policies,dc=example,dc=com\nobjectClass: device\nobjectClass: pwdPolicy\ncn: default\npwdAttribute: userPassword\n\n'
  printf 'dn: cn=lock,ou=policies,dc=example,dc=com\nobjectClass: device\nobjectClass: pwdPolicy\ncn: lock\npwdAttribute: userPassword\npwdLockout: TRUE\npwdMaxFailure: 3\n\n'
  printf 'dn: cn=old,ou=policies,dc=example,dc=com\nobjectClass: device\nobjectClass: pwdPolicy\ncn: old\npwdAttribute: userPassword\npwdMaxAge: 60\npwdGraceAuthNLimit: 1\n\n'
  person averez Verez averez-secret '' 'authzTo: dn.exact:uid=jdoe,ou=people,dc=example,dc=com'
  person jdoe Doe jdoe-secret
  person mallory Mallory mallory-secret lock
  person old Old old-secret old 'pwdChangedTime: 20200101000000Z'
  for i in 1 2 3 4 5 6 7 8; do person "u$i" "U$i" "u$i-secret"; done
  printf 'dn: cn=Verez\\2C Ana \\22the admin\\22,ou=people,dc=example,dc=com\nobjectClass: person\ncn: Verez, Ana "the admin"\nsn: Verez\nuserPassword: ana-secret\n\n'
}

start() { # directory urls
  slapd -h "$2" -f "$1/slapd.conf" -d stats 2>>"$1/debug.log" &
  slapd=$!
  until [ -s "$1/pid" ] && ldapwhoami -x -H "${2%% *}" >/dev/null 2>&1; do sleep 0.1; done
  note probe anonymous bind 0 0
}

count=0
note() { printf '{"client":"%s","kind":"%s","step":"%s","exit":%d,"continued":%d}\n' "$@" >>"$T/clients"; }

# client NAME KIND STEP COMMAND... runs a client and notes its exit code. With libldap's trace it counts the answers that
# SASL is to go on (saslBindInProgress, 14).
client() {
  local name=$1 kind=$2 step=$3 code=0 continued=0 trace
  shift 3
  trace=$(mktemp -p "$T")
  "$1" -d 1 "${@:2}" >"$trace" 2>&1 || code=$?
  continued=$(grep -c 'res_errno: 14' "$trace" || true)
  note "$name" "$kind" "$step" "$code" "$continued"
}

base=dc=example,dc=com people=ou=people,dc=example,dc=com
A=ldap://127.0.0.1:13389 S=ldaps://127.0.0.1:13636 I=ldapi://$(printf %s "$T/ldapi" | sed 's,/,%2F,g')

export LDAPTLS_CACERT=$T/cert.pem LDAPSASL_NOCANON=on
who() { echo "-x -H $A -D uid=$1,$people -w $1-secret"; }

config "$T/a"
entries >"$T/entries.ldif"
slapadd -q -f "$T/a/slapd.conf" -l "$T/entries.ldif"
printf 'starting\n' >>"$T/steps"
start "$T/a" "$A $S $I"

# Binds that end in every way.
client right simple bind ldapwhoami $(who averez)
client wrong simple bind ldapwhoami -x -H $A -D uid=averez,$people -w wrong
client nobody simple bind ldapwhoami -x -H $A -D uid=nobody,$people -w wrong
client elsewhere simple bind ldapwhoami -x -H $A -D uid=averez,dc=example,dc=org -w wrong
client no-dn simple bind ldapwhoami -x -H $A -D averez -w averez-secret
client odd-dn simple bind ldapwhoami -x -H $A -D 'cn=Verez\, Ana \"the admin\",ou=people,dc=example,dc=com' -w ana-secret
client forged-dn simple bind ldapwhoami -x -H $A -D 'cn=x\" method=163,dc=example,dc=com' -w wrong
client anonymous anonymous bind ldapwhoami -x -H $A
client no-password simple bind ldapwhoami -x -H $A -D uid=averez,$people -w ''
client manager simple bind ldapwhoami -x -H $A -D cn=admin,$base -w admin-secret
client ldaps simple bind ldapwhoami -x -H $S -D uid=averez,$people -w averez-secret
client ldaps-wrong simple bind ldapwhoami -x -H $S -D uid=averez,$people -w wrong
client starttls simple bind ldapwhoami -x -ZZ -H $A -D uid=jdoe,$people -w jdoe-secret
client starttls-wrong simple bind ldapwhoami -x -ZZ -H $A -D uid=jdoe,$people -w wrong
client peercred sasl bind ldapwhoami -Q -Y EXTERNAL -H "$I"
LDAPTLS_CERT=$T/client.pem LDAPTLS_KEY=$T/client.key client certificate sasl bind ldapwhoami -Q -Y EXTERNAL -H $S
for mech in DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256 CRAM-MD5 PLAIN; do
  client "$mech" sasl bind ldapwhoami -Q -Y $mech -H $S -U averez -w averez-secret
  client "$mech-wrong" sasl bind ldapwhoami -Q -Y $mech -H $S -U averez -w wrong
  client "$mech-nobody" sasl bind ldapwhoami -Q -Y $mech -H $S -U nobody -w wrong
done
client digest-as sasl bind ldapwhoami -Q -Y DIGEST-MD5 -H $S -U averez -w averez-secret -X "dn:uid=jdoe,$people"
client digest-as-refused sasl bind ldapwhoami -Q -Y DIGEST-MD5 -H $S -U jdoe -w jdoe-secret -X "dn:uid=averez,$people"
for i in 1 2 3 4; do client "locking-$i" simple bind ldapwhoami -x -H $A -D uid=mallory,$people -w wrong; done
client locked simple bind ldapwhoami $(who mallory)
client grace simple bind ldapwhoami $(who old)
client expired simple bind ldapwhoami $(who old)

# What comes after a bind.
client whoami-as simple whoami ldapwhoami $(who averez) -e '!authzid=dn:uid=jdoe,ou=people,dc=example,dc=com'
client whoami-as-refused simple whoami ldapwhoami $(who jdoe) -e '!authzid=dn:uid=averez,ou=people,dc=example,dc=com'
client search simple search ldapsearch $(who averez) -b $base '(uid=a*)' uid cn
client search-none simple search ldapsearch $(who averez) -b ou=none,$base
client search-size simple search ldapsearch $(who jdoe) -b $base '(objectClass=*)'
client search-quotes simple search ldapsearch $(who averez) -b $base '(cn=" scope=0 deref=0 filter="\28x\29)'
client search-many simple search ldapsearch $(who averez) -b $base '(uid=averez)' $(seq -f 'attributeNumber%04.0f' 300)
client paged simple search ldapsearch $(who averez) -b $base -E pr=3/noprompt '(objectClass=inetOrgPerson)' uid
client root-dse anonymous search ldapsearch -x -H $A -b '' -s base
client compare simple compare ldapcompare $(who averez) uid=jdoe,$people sn:Doe
client compare-false simple compare ldapcompare $(who averez) uid=jdoe,$people sn:Roe
printf 'dn: uid=tmp,%s\nobjectClass: inetOrgPerson\nuid: tmp\ncn: tmp\nsn: tmp\n' $people >"$T/add.ldif"
printf 'dn: uid=tmp,%s\nchangetype: modify\nreplace: sn\nsn: new\n-\nadd: description\ndescription: x\n' $people >"$T/mod.ldif"
client add simple add ldapadd $(who averez) -f "$T/add.ldif"
client add-again simple add ldapadd $(who averez) -f "$T/add.ldif"
client add-anonymous anonymous add ldapadd -x -H $A -f "$T/add.ldif"
client modify simple modify ldapmodify $(who averez) -f "$T/mod.ldif"
client modrdn simple modrdn ldapmodrdn $(who averez) -r uid=tmp,$people uid=tmp2
client delete simple delete ldapdelete $(who averez) uid=tmp2,$people
client delete-again simple delete ldapdelete $(who averez) uid=tmp2,$people
client passwd simple passwd ldappasswd $(who jdoe) -s jdoe-new
client passwd-other simple passwd ldappasswd $(who averez) -s stolen uid=jdoe,$people
client passwd-anonymous anonymous passwd ldappasswd -x -H $A -s stolen uid=jdoe,$people
client old-password simple bind ldapwhoami $(who jdoe)
client new-password simple bind ldapwhoami -x -H $A -D uid=jdoe,$people -w jdoe-new
client unknown-extended simple extended ldapexop $(who averez) 1.2.3.4
client cancel-none simple extended ldapexop $(who averez) cancel 99
client tracked simple bind ldapwhoami $(who averez) -e sessiontracking=ana
client tracked-forged simple bind ldapwhoami -x -H $A -D uid=averez,$people -w wrong -e 'sessiontracking=ana] RESULT tag=97 err=0 text='
client tracked-twice simple search ldapsearch $(who averez) -e 'sessiontracking=x] BIND dn="cn=admin" method=128' -b $base '(uid=jdoe)' uid
client busy simple search ldapsearch $(who averez) -s base -b cn=busy,ou=slow,$base

# Connections that end hard, and what is on the wire that is not LDAP.
cat >"$T/raw.py" <<'EOF'
import socket, struct, sys, time
def tlv(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    return bytes([tag]) + (bytes([n]) if n < 128 else b"\x82" + struct.pack(">H", n)) + body
def message(number, op): return tlv(0x30, tlv(2, bytes([number])), op)
def bind(number, dn, password): return message(number, tlv(0x60, tlv(2, b"\3"), tlv(4, dn), tlv(0x80, password)))
def search(number, base):
    return message(number, tlv(0x63, tlv(4, base), tlv(10, b"\0"), tlv(10, b"\0"), tlv(2, b"\0"), tlv(2, b"\0"),
                               tlv(1, b"\0"), tlv(0x87, b"objectClass"), tlv(0x30)))
def connect(port=13389, source="127.0.0.1"):
    return socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
def cut(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
who, password = b"uid=averez,ou=people,dc=example,dc=com", b"averez-secret"
def code(s): return s.recv(4096)[9]
def half(): s = connect(); s.send(bind(1, who, password)[:20]); time.sleep(.2); cut(s)
def silent(): s = connect(); cut(s)
def idle(): s = connect(); s.send(bind(1, who, password)); c = code(s); time.sleep(14); return c
def noise(): s = connect(); s.send(b"GET / HTTP/1.0\r\n\r\n"); s.recv(100)
def unknown(): s = connect(); s.send(message(1, tlv(0x7f, b"x"))); s.recv(100)
def abandon():
    s = connect(); s.send(bind(1, who, password)); c = code(s)
    s.send(search(2, b"cn=sleeps,ou=slow,dc=example,dc=com")); time.sleep(.3)
    s.send(message(3, tlv(0x50, b"\2"))); time.sleep(.3); s.send(message(4, tlv(0x42))); time.sleep(.2); return c
def quick():  # the connection ends before the answer
    s = connect(); s.send(bind(1, who, password)); c = code(s)
    s.send(search(2, b"cn=sleeps,ou=slow,dc=example,dc=com")); time.sleep(.3); cut(s); return c
def cutslow():
    s = connect(); s.send(bind(1, who, password)); c = code(s)
    s.send(search(2, b"cn=sleeps,ou=slow,dc=example,dc=com") + message(3, tlv(0x42))); time.sleep(.3); return c
def rebind():
    s = connect(); s.send(bind(1, who, password)); a = code(s); s.send(bind(2, who, b"wrong")); b = code(s)
    s.send(bind(3, b"", b"")); c = code(s); s.send(message(4, tlv(0x42))); return "%d %d %d" % (a, b, c)
def nottls(): s = connect(13636); s.send(b"hello\r\n\r\n"); s.recv(100)
def denied(): s = connect(13389, "127.0.0.9"); s.recv(10)
try: r = globals()[sys.argv[1]]()
except ConnectionError: r = None
print("" if r is None else r)
EOF
raw() { python3 "$T/raw.py" "$1"; }
raw half; raw silent; raw noise; raw unknown; raw nottls; raw denied
note idle simple bind "$(raw idle)" 0
note abandon simple bind "$(raw abandon)" 0
note cut simple bind "$(raw quick)" 0
note unbind-before-result simple bind "$(raw cutslow)" 0
read -r first second third < <(raw rebind)
note rebind simple bind "$first" 0
note rebind-wrong simple bind "$second" 0
note rebind-anonymous anonymous bind "$third" 0

# Many at once.
jobs=()
for round in 1 2 3; do
  for i in 1 2 3 4 5 6 7 8; do
    client "many-u$i" simple bind ldapwhoami -x -H $A -D uid=u$i,$people -w u$i-secret & jobs+=($!)
    client "many-wrong-u$i" simple bind ldapwhoami -x -H $S -D uid=u$i,$people -w wrong & jobs+=($!)
  done
  client many-anonymous anonymous bind ldapwhoami -x -H $A & jobs+=($!)
  client many-sasl sasl bind ldapwhoami -Q -Y SCRAM-SHA-256 -H $S -U u1 -w u1-secret & jobs+=($!)
  client many-sasl-wrong sasl bind ldapwhoami -Q -Y DIGEST-MD5 -H $S -U u2 -w wrong & jobs+=($!)
done
wait "${jobs[@]}"

# Killed in the middle; the numbers begin again, while a second server has the same.
first=$slapd
ldapsearch $(who averez) -s base -b cn=sleeps,ou=slow,$base >/dev/null 2>&1 & slow=$!
sleep 0.7
kill -9 "$first"
wait "$first" "$slow" || true
note killed simple search 0 0
rm -f "$T/a/pid"
start "$T/a" "$A $S $I"
first=$slapd
B=ldap://127.0.0.1:13390
config "$T/b"
slapadd -q -f "$T/b/slapd.conf" -l "$T/entries.ldif"
start "$T/b" "$B"
second=$slapd
jobs=()
for i in 1 2 3 4; do
  client "first-u$i" simple bind ldapwhoami -x -H $A -D uid=u$i,$people -w u$i-secret & jobs+=($!)
  client "second-u$i" simple bind ldapwhoami -x -H $B -D uid=u$i,$people -w wrong & jobs+=($!)
done
wait "${jobs[@]}"
kill "$first" "$second"
wait "$first" "$second" || true

sleep 0.5
cp "$T/session.log" "$out/session.log"
cat "$T/a/debug.log" "$T/b/debug.log" >"$out/debug.log"
{ echo '['; sed '$!s/$/,/' "$T/clients"; echo ']'; } >"$out/clients.json"
echo "$(wc -l <"$out/session.log") lines, $(wc -l <"$T/clients") clients"
