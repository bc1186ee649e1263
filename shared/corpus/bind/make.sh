#!/bin/bash
# Runs named and writes what it logged: named.log (to syslog), and with print-time, print-category and print-severity to
# files of its own: local.log and iso.log. queries.txt counts what dig asked and was answered: the status by name.
set -eu
. "$(dirname "$0")/../room.sh" bind9 bind9-dnsutils bind9-utils

named=$(mktemp -d -p "$ROOM")
zone() { # NAME FILE
	cat >$2 <<-EOF
		\$TTL 60
		@ IN SOA ns1.$1. hostmaster.$1. 1 60 60 60 60
		@ IN NS ns1.$1.
		ns1 IN A 192.0.2.1
		www IN A 192.0.2.80
		www IN AAAA 2001:db8::80
		@ IN MX 10 ns1
	EOF
}
zone example.org example.org.zone
zone secret.example secret.zone
zone slave.example slave.zone
sed -i 's/ns1 IN A 192.0.2.1/&\nlame IN NS ns1.lame\nns1.lame IN A 192.0.2.66/' example.org.zone
printf 'key "transfer" { algorithm hmac-sha256; secret "%s"; };\n' "$(head -c 32 /dev/zero | base64)" >key
logging() { # FILE TIME
	cat <<-EOF
		logging {
			channel own { file "$1"; severity info; print-time $2; print-category yes; print-severity yes; };
			channel sys { syslog daemon; severity info; };
			category default { own; sys; };
			category queries { own; sys; };
			category query-errors { own; sys; };
			category lame-servers { own; sys; };
			category dnssec { own; sys; };
			category security { own; sys; };
			category xfer-in { own; sys; };
			category xfer-out { own; sys; };
			category update { own; sys; };
			category update-security { own; sys; };
			category rate-limit { own; sys; };
		};
	EOF
}
run() { # FILE TIME
	{
		cat key
		logging "$named/$1" "$2"
		cat <<-EOF
			options {
				directory "$named";
				pid-file "$named/pid";
				session-keyfile "$named/session.key";
				listen-on port 5300 { 192.0.2.1; 127.0.0.1; };
				listen-on-v6 port 5300 { 2001:db8::1; };
				allow-query { any; };
				allow-query-cache { 127.0.0.0/8; };
				allow-recursion { 127.0.0.0/8; };
				querylog yes;
				dnssec-validation no;
				forward only;
				forwarders { 192.0.2.66 port 5301; };
				rate-limit { responses-per-second 5; window 2; exempt-clients { 127.0.0.1; }; };
			};
			view "inside" {
				match-clients { 127.0.0.1; };
				recursion yes;
				zone "example.org" { type primary; file "$ROOM/example.org.zone"; allow-transfer { key transfer; }; };
			};
			view "outside" {
				match-clients { any; };
				zone "example.org" {
					type primary; file "$ROOM/example.org.zone";
					allow-transfer { key transfer; }; allow-update { none; };
				};
				zone "secret.example" { type primary; file "$ROOM/secret.zone"; allow-query { 127.0.0.1; }; };
				zone "open.example" { type primary; file "$ROOM/open.zone"; allow-transfer { any; }; allow-update { any; }; };
				zone "slave.example" { type secondary; primaries { 127.0.0.1 port 5302; }; file "$named/slave"; };
			};
			key "rndc" { algorithm hmac-sha256; secret "$(head -c 32 /dev/zero | base64)"; };
			controls { inet 127.0.0.1 port 9953 allow { 127.0.0.1; } keys { rndc; }; };
		EOF
	} >named.conf
	zone open.example open.zone
	chmod 777 "$named" "$ROOM"
	rm -f "$named"/*.jnl open.zone.jnl
	named -f -c "$ROOM/named.conf" &
	server=$!
	for _ in $(seq 50); do dig -p 5300 @127.0.0.1 +tries=1 +time=1 example.org SOA >/dev/null 2>&1 && break || sleep 0.2; done
	: >statuses
	ask @192.0.2.1 -b 192.0.2.7 www.example.org A
	ask @192.0.2.1 -b 192.0.2.7 www.example.org AAAA +tcp
	ask @192.0.2.1 -b 192.0.2.7 wWw.eXample.org MX +dnssec +nocookie
	ask @2001:db8::1 -b 2001:db8::7 www.example.org A +norecurse
	ask @127.0.0.1 www.example.org A
	ask @127.0.0.1 nosuch.example.org TXT
	ask @127.0.0.1 forwarded.example.com A
	ask @127.0.0.1 example.org DNSKEY +cd
	ask @192.0.2.1 -b 192.0.2.7 www.secret.example A
	ask @192.0.2.1 -b 192.0.2.7 www.example.com A
	ask @192.0.2.1 -b 192.0.2.7 'we\032ird\040\(x\):\032query:\032evil.example\032IN\032A.example.org' A
	ask @192.0.2.1 -b 192.0.2.7 '\000\255\"\\.example.org' ANY +notcp
	ask @192.0.2.1 -b 192.0.2.7 version.bind CH TXT
	ask @192.0.2.1 -b 192.0.2.7 . NS
	ask @192.0.2.1 -b 192.0.2.7 www.example.org TYPE65
	ask @192.0.2.1 -b 192.0.2.7 +subnet=198.51.100.0/24 www.example.org A
	ask @192.0.2.1 -b 192.0.2.66 example.org AXFR
	ask @192.0.2.1 -b 192.0.2.66 open.example AXFR
	ask @192.0.2.1 -b 192.0.2.7 -y "hmac-sha256:transfer:$(head -c 32 /dev/zero | base64)" example.org AXFR
	ask @192.0.2.1 -b 192.0.2.7 -y "hmac-sha256:transfer:$(echo wrong | base64)" example.org AXFR
	ask @192.0.2.1 -b 192.0.2.7 slave.example SOA
	printf 'server 192.0.2.1 5300\nlocal 192.0.2.66\nzone example.org\nupdate add evil.example.org 60 A 203.0.113.9\nsend\n' | nsupdate || true
	printf 'server 192.0.2.1 5300\nlocal 192.0.2.66\nzone open.example\nupdate add evil.open.example 60 A 203.0.113.9\nupdate delete www.open.example A\nsend\n' | nsupdate || true
	for _ in $(seq 30); do ask @192.0.2.1 -b 192.0.2.66 www.example.org A +notcp +ignore; done
	sleep 3
	kill $server
	wait $server || true
	sort statuses | uniq -c >queries.txt
}
ask() { dig -p 5300 +tries=1 +time=2 "$@" | sed -n 's/.*status: \([A-Z]*\),.*/\1/p' | head -n 1 >>statuses || true; }
syslog "$ROOM/syslog.log"
run local.log yes
run iso.log iso8601-utc
settled syslog.log
dull='automatic empty zone\|managed-keys'
grep -a ' named' syslog.log | grep -av "$dull" >"$out/named.log"
for file in local iso; do grep -av "$dull" "$named/$file.log" >"$out/$file.log"; done
cp queries.txt "$out/"
