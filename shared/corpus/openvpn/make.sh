#!/bin/bash
# Makes the log of a real OpenVPN server and of its clients on loopback: certificates, user names and passwords, right and
# wrong. Who came in and who did not stands here.
#
#	make.sh [DIR]      writes server.log, syslog.log, and client.log into DIR (default: here)
#
# It needs root, for a network namespace with nothing but loopback, in which the server has a tunnel device.
set -eu
dir=$(cd "${1:-$(dirname "$0")}" && pwd)
command -v openvpn openssl ip >/dev/null || apt-get install -qq -y --no-install-recommends openvpn openssl iproute2 >/dev/null
if [ "${BELFRY_NETNS:-}" != 1 ]; then
	BELFRY_NETNS=1 exec unshare -n "$0" "$dir"
fi
ip link set lo up
work=$(mktemp -d)
server=
# shellcheck disable=SC2329
clean() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	rm -rf "$work"
}
trap clean EXIT
cd "$work"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=belfry-ca 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout evil-ca.key -out evil-ca.crt -days 30 -subj /CN=evil-ca 2>/dev/null
issue() { # NAME CN CA
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$2" 2>/dev/null
	openssl x509 -req -in "$1.csr" -CA "$3.crt" -CAkey "$3.key" -CAcreateserial -out "$1.crt" -days 30 2>/dev/null
}
issue server server ca
issue averez averez ca
issue odd 'we ird, [192.0.2.66]:1' ca
issue evil averez evil-ca
cat >check <<'SH'
#!/bin/sh
[ "$username $password" = "averez right" ] || [ "$username $password" = "we ird right" ]
SH
chmod 755 check

serve() { # PROTO FORMAT-OF-TIME...
	openvpn --dev tun0 --server 10.8.0.0 255.255.255.0 --topology subnet --proto "$1" --port 11940 \
		--local 127.0.0.1 --ca ca.crt --cert server.crt --key server.key --dh none --verify-client-cert "$2" \
		--keepalive 2 6 --verb 3 --script-security 3 --cipher AES-256-GCM --duplicate-cn "${@:3}" >>"$work/$log" 2>&1 &
	server=$!
	sleep 1
}
finish() {
	kill "$server"
	wait "$server" || true
	server=
}
join() { # SECONDS PROTO ARGUMENTS
	timeout "$1" openvpn --dev null --client --nobind --proto "$2" --remote 127.0.0.1 11940 --ca ca.crt \
		--verb 3 --connect-retry-max 1 --script-security 2 --auth-nocache --auth-retry none "${@:3}" >>"$work/client.log" 2>&1 || true
}
login() { printf '%s\n%s\n' "$1" "$2" >"$work/auth"; }

log=server.log
# Certificates alone, over UDP.
serve udp4 require
join 4 udp4 --cert averez.crt --key averez.key --explicit-exit-notify 1 # comes in, and says goodbye
join 4 udp4 --cert odd.crt --key odd.key                                # comes in, and is lost: inactivity
join 4 udp4 --cert evil.crt --key evil.key                              # another's certificate: TLS error
sleep 14
finish
# Certificates, names and passwords, over TCP.
serve tcp4-server require --auth-user-pass-verify "$work/check" via-env --username-as-common-name
login averez right
join 4 tcp4-client --cert averez.crt --key averez.key --auth-user-pass "$work/auth" # comes in
login averez wrong
join 4 tcp4-client --cert averez.crt --key averez.key --auth-user-pass "$work/auth" # AUTH_FAILED
login 'we ird' right
join 4 tcp4-client --cert averez.crt --key averez.key --auth-user-pass "$work/auth" # comes in
login nobody wrong
join 4 tcp4-client --cert averez.crt --key averez.key --auth-user-pass "$work/auth" # AUTH_FAILED
printf 'GET / HTTP/1.0\r\n\r\n' | timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/11940; cat >&3; cat <&3' >/dev/null || true # no OpenVPN at all
finish
# Names alone, and as syslog has it: a tag in front, and no time of its own.
log=syslog
serve udp4 none --auth-user-pass-verify "$work/check" via-env --username-as-common-name --suppress-timestamps
login averez right
join 4 udp4 --auth-user-pass "$work/auth" --explicit-exit-notify 1 # comes in
login averez wrong
join 4 udp4 --auth-user-pass "$work/auth" # AUTH_FAILED
sleep 1
finish
cp server.log "$dir/server.log"
stamp=$(LC_ALL=C date "+%b %e %H:%M:%S")
sed "s/^/$stamp vm ovpn-server[4711]: /" syslog >"$dir/syslog.log"
cp client.log "$dir/client.log"
