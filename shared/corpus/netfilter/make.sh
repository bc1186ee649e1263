#!/bin/bash
# Makes LOG lines of netfilter by a real kernel: two network namespaces, a wire between them, and rules that log what
# goes over it. What is sent where stands here, so that the fields that are expected can be told without a parser.
#
#	make.sh [DIR]      writes kernel.log, and ulogd.log by ulogd2, into DIR (default: here)
#
# It needs root, python3 and a kernel with nf_tables. Nothing leaves the namespaces. The lines of a kernel have no host
# and no time but its own: in front of them stands what rsyslog's imklog writes. One setting of the host is changed for
# a moment, and put back: net.netfilter.nf_log_all_netns.
set -eu
dir=$(cd "${1:-$(dirname "$0")}" && pwd)
for tool in nft iptables ip ulogd python3; do
	command -v "$tool" >/dev/null && continue
	apt-get install -qq -y --no-install-recommends nftables iptables iproute2 ulogd2 python3 >/dev/null
done

a=belfry-a b=belfry-b work=$(mktemp -d)
before=$(sysctl -n net.netfilter.nf_log_all_netns)
stop=
# shellcheck disable=SC2329
clean() {
	[ -z "$stop" ] || kill "$stop" 2>/dev/null || true
	ip netns del $a 2>/dev/null || true
	ip netns del $b 2>/dev/null || true
	sysctl -qw net.netfilter.nf_log_all_netns="$before"
	rm -rf "$work"
}
trap clean EXIT
sysctl -qw net.netfilter.nf_log_all_netns=1

ip netns add $a
ip netns add $b
ip -n $a link add eth0 address 02:00:00:00:00:0a type veth peer name eth0 address 02:00:00:00:00:0b netns $b
ip -n $a addr add 192.0.2.1/24 dev eth0
ip -n $b addr add 192.0.2.2/24 dev eth0
ip -n $a addr add 2001:db8::1/64 dev eth0 nodad
ip -n $b addr add 2001:db8::2/64 dev eth0 nodad
for ns in $a $b; do
	ip -n $ns link set lo up
	ip -n $ns link set eth0 up
done

in_a() { ip netns exec $a "$@"; }
in_b() { ip netns exec $b "$@"; }

# send HEX-OF-IP-PAYLOAD PROTOCOL [OPTIONS-HEX [FRAG]] sends one IPv4 packet from a to b.
send() {
	in_a python3 - "$@" <<'PY'
import socket, struct, sys
payload, proto = bytes.fromhex(sys.argv[1]), int(sys.argv[2])
opts = bytes.fromhex(sys.argv[3]) if len(sys.argv) > 3 else b""
frag = int(sys.argv[4], 0) if len(sys.argv) > 4 else 0
src, dst = socket.inet_aton("192.0.2.1"), socket.inet_aton("192.0.2.2")
head = struct.pack("!BBHHHBBH", 0x45 + len(opts) // 4, 0, 20 + len(opts) + len(payload), 0x1234, frag, 64, proto, 0)
def csum(b):
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    s = (s >> 16) + (s & 0xffff)
    return struct.pack("!H", ~(s + (s >> 16)) & 0xffff)
head += src + dst + opts
head = head[:10] + csum(head) + head[12:]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0x0800))
s.send(bytes.fromhex("02000000000b02000000000a0800") + head + payload)
PY
}

# send6 HEX-OF-IP-PAYLOAD NEXT-HEADER sends one IPv6 packet from a to b.
send6() {
	in_a python3 - "$@" <<'PY'
import socket, struct, sys
payload, proto = bytes.fromhex(sys.argv[1]), int(sys.argv[2])
head = struct.pack("!IHBB", 6 << 28 | 0x12345, len(payload), proto, 64)
head += socket.inet_pton(socket.AF_INET6, "2001:db8::1") + socket.inet_pton(socket.AF_INET6, "2001:db8::2")
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0x86dd))
s.send(bytes.fromhex("02000000000b02000000000a86dd") + head + payload)
PY
}

# rule HOOK RULE [PRIORITY] makes RULE the only one of table t.
rule() {
	in_b nft -f - <<NFT
table inet t
delete table inet t
table inet t {
	chain c { type filter hook $1 priority ${3:-0}; $2; }
}
NFT
}

connect() { in_a timeout 1 bash -c "exec 3<>/dev/tcp/$1" 2>/dev/null || true; }
syn=9c40001600000001000000005002faf000000000   # port 40000 to 22, SYN
dns=9c4100350010000061626364656667 # port 40001 to 53, 8 bytes of data (one short on the wire)

echo "belfry: begin $work" >/dev/kmsg
# Prefixes as people choose them.
rule input 'ip protocol tcp log prefix "iptables DROP: " drop'; send $syn 6
rule input 'ip protocol tcp log prefix "[UFW BLOCK] " drop'; send $syn 6
rule input 'ip protocol tcp log prefix "[UFW ALLOW] "'; send $syn 6
rule input 'ip protocol tcp log prefix "[UFW AUDIT] "'; send $syn 6
rule input 'ip protocol tcp log prefix "FINAL_REJECT: " drop'; send $syn 6
rule input 'ip protocol tcp log prefix "filter_IN_public_REJECT: " drop'; send $syn 6
rule input 'ip protocol tcp log prefix "Shorewall:net2fw:DROP:" drop'; send $syn 6
rule input 'ip protocol tcp log'; send $syn 6
rule input 'ip protocol tcp log prefix "BLOCKIN=eth9 "'; send $syn 6
rule input 'ip protocol tcp log prefix "SRC=198.51.100.66 DPT=1 "'; send $syn 6
rule input 'ip protocol tcp log prefix "IN=eth9 OUT= SRC=198.51.100.66 DST=198.51.100.67 PROTO=UDP "'; send $syn 6
rule input 'ip protocol tcp log prefix "Allowed then DROP: "'; send $syn 6
rule input 'ip protocol tcp log prefix "blockade "'; send $syn 6
rule input 'ip protocol tcp log prefix "accept"'; send $syn 6
# Protocols.
rule input 'ip protocol udp log prefix "in: "'; send $dns 17; send 9c4100350011000061626364656667686970 17
rule input 'ip protocol icmp log prefix "in: "'; in_a python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
s.sendto(bytes.fromhex("0800b6d440010007"), ("192.0.2.2", 0))'
rule input 'ip protocol 2 log prefix "in: "'; send 1600e9fae0000116 2
rule input 'ip protocol 50 log prefix "in: "'; send 1234567800000001aaaa 50
rule input 'ip protocol 51 log prefix "in: "'; send 3204000012345678000000010000000000000000 51
rule input 'ip protocol 47 log prefix "in: "'; send 0000080045 47
rule input 'ip protocol 132 log prefix "in: "'; send 9c4000160000000000000000 132
rule input 'ip protocol 136 log prefix "in: "'; send 9c4100350008000061 136
# What is not whole.
rule prerouting 'ip protocol tcp log prefix "short: "'; send 9c400016 6
rule prerouting 'ip protocol udp log prefix "short: "'; send 9c4000 17
rule prerouting 'ip protocol icmp log prefix "short: "'; send 0300 1
# An ICMP error quotes the packet that it is about: unreachable (of tcp, of udp), fragmentation needed, redirect, expired.
rule input 'ip protocol icmp log prefix "quoted: "'
quoted=45000028abcd40004006000 tcp=c0000202c6336407
send "030100000000000045000028abcd400040060000$tcp$syn" 1
send "030300000000000045000024abcd400040110000${tcp}9c410035001000006162636465666768" 1
send "030400000000057845000028abcd400040060000$tcp$syn" 1
send "05010000c000020945000028abcd400040060000$tcp$syn" 1
send "0b0000000000000045000028abcd400001060000$tcp$syn" 1
send "0c0000000400000045000028abcd400040060000$tcp$syn" 1
send "030100000000000045000028abcd" 1
# Flags: sequence numbers, TCP options, IP options, user, the decoded MAC.
rule input 'ip protocol tcp log prefix "all: " flags all'; send "9c40001600000001000000008002faf000000000020405b401030307" 6 94040000
rule input 'ip protocol tcp log prefix "mac: " flags ether'; send $syn 6
rule output 'tcp dport 2222 log prefix "out: " flags skuid'
in_b timeout 1 bash -c 'exec 3<>/dev/tcp/192.0.2.1/2222' 2>/dev/null || true
rule output 'tcp dport 2222 meta mark set 0x2a log prefix "mark: " flags skuid'
in_b timeout 1 bash -c 'exec 3<>/dev/tcp/192.0.2.1/2222' 2>/dev/null || true
rule input 'tcp dport 2222 iif lo log prefix "lo: "'
in_b timeout 1 bash -c 'exec 3<>/dev/tcp/127.0.0.1/2222' 2>/dev/null || true
# Fragments.
rule prerouting 'ip id 0x1234 log prefix "frag: "' -450
send "$dns" 17 "" 0x2000
send 6162636465666768 17 "" 0x2002
send 6162636465666768 17 "" 0x0004
# IPv6: TCP, UDP, ICMPv6, an error with the quoted packet, a fragment, no next header, GRE.
rule input 'ip6 saddr 2001:db8::1 ip6 nexthdr tcp log prefix "[UFW BLOCK] " drop'; send6 $syn 6
rule input 'ip6 saddr 2001:db8::1 ip6 nexthdr udp log prefix "v6: "'; send6 9c41003500100000616263646566676869 17
rule prerouting 'ip6 saddr 2001:db8::1 ip6 nexthdr icmpv6 log prefix "v6: " flags all'
send6 8000000040010007 58
send6 "0104000000000000600000000014064020010db800000000000000000000000220010db8000000000000000000000009$syn" 58
send6 "0200000000000500600000000014064020010db800000000000000000000000220010db8000000000000000000000009$syn" 58
rule prerouting 'ip6 saddr 2001:db8::1 ip6 nexthdr gre log prefix "v6: "'; send6 0000080045 47
rule prerouting 'ip6 saddr 2001:db8::1 ip6 nexthdr 50 log prefix "v6: " flags all'; send6 1234567800000001aaaa 50
rule prerouting 'ip6 saddr 2001:db8::1 ip6 nexthdr 44 log prefix "v6: " flags all' -450
send6 "11000001000000079c41003500100000" 44
send6 "110000100000000761626364" 44
# Forwarded, and over a bridge.
in_b nft delete table inet t
ip -n $b link add out0 address 02:00:00:00:00:0c type veth peer name out1
ip -n $b addr add 198.51.100.1/24 dev out0
ip -n $b link set out0 up
ip -n $b link set out1 up
in_b sysctl -qw net.ipv4.ip_forward=1
in_b iptables -A FORWARD -j LOG --log-prefix "FWD-ACCEPT " --log-level 4
in_a ip route add 198.51.100.0/24 via 192.0.2.2
in_b ip neigh add 198.51.100.7 lladdr 02:00:00:00:00:0d dev out0
connect 198.51.100.7/80
in_b iptables -F FORWARD
ip -n $b addr flush dev eth0
ip -n $b link add br0 address 02:00:00:00:00:0b type bridge
ip -n $b link set eth0 master br0
ip -n $b link set br0 up
ip -n $b addr add 192.0.2.2/24 dev br0
sleep 1
in_b sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null || true
in_b iptables -A INPUT -p tcp -j LOG --log-prefix "br DENY "
send $syn 6
in_b iptables -F INPUT
in_b nft -f - <<'NFT'
table bridge t {
	chain c {
		type filter hook input priority 0
		ether type arp log prefix "arp: " flags all
		ether type 0x88cc log prefix "lldp: "
		ip protocol tcp log prefix "bridge: "
	}
}
NFT
in_a ip neigh flush dev eth0
in_a ping -c1 -W1 192.0.2.2 >/dev/null 2>&1 || connect 192.0.2.2/1
in_a python3 -c '
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0x88cc))
s.send(bytes.fromhex("02000000000b02000000000a88cc") + bytes(46))
s.send(bytes.fromhex("02000000000b02000000000a0806") + bytes.fromhex("0001080006040001") + bytes(4))'
in_b nft delete table bridge t
echo "belfry: end" >/dev/kmsg

stamp=$(LC_ALL=C date '+%b %e %H:%M:%S')
dmesg | sed -n "/belfry: begin ${work//\//.}/,/belfry: end/p" | sed '1d;$d' | grep 'IN=' |
	sed "s/^/$stamp vm kernel: /" >"$dir/kernel.log"

# The same by ulogd2, to a file (LOGEMU) and as it sends it to syslog (SYSLOG: the same text, by a tag).
cat >"$work/ulogd.conf" <<CONF
[global]
logfile="$work/ulogd.err"
loglevel=3
stack=log1:NFLOG,base1:BASE,ifi1:IFINDEX,ip2str1:IP2STR,hw1:HWHDR,print1:PRINTPKT,emu1:LOGEMU
[log1]
group=5
[emu1]
file="$work/ulogd.log"
sync=1
CONF
ip netns exec $b ulogd -c "$work/ulogd.conf" & # not by in_b, whose process would be another
stop=$!
sleep 1
rule input 'ip protocol tcp log group 5 prefix "DROP SSH" drop'; send $syn 6
rule input 'ip protocol udp log group 5 prefix "in"'; send 9c4100350011000061626364656667686970 17
rule input 'ip protocol icmp log group 5'; in_a python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
s.sendto(bytes.fromhex("0800b6d440010007"), ("192.0.2.2", 0))'
send "030100000000000045000028abcd400040060000$tcp$syn" 1
rule input 'ip protocol 50 log group 5 prefix "in: "'; send 1234567800000001aaaa 50
rule input 'ip protocol 132 log group 5 prefix "in: "'; send 9c4000160000000000000000 132
rule input 'ip protocol 47 log group 5 prefix "in: "'; send 0000080045 47
rule input 'ip6 saddr 2001:db8::1 ip6 nexthdr tcp log group 5 prefix "v6 ACCEPT"'; ip -n $b addr add 2001:db8::2/64 dev br0 nodad; sleep 1; send6 $syn 6
rule output 'tcp dport 2222 log group 5 prefix "out"'
in_b timeout 1 bash -c 'exec 3<>/dev/tcp/192.0.2.1/2222' 2>/dev/null || true
sleep 1
kill "$stop"
wait "$stop" || true
stop=
cp "$work/ulogd.log" "$dir/ulogd.log"
