#!/bin/bash
# Runs HAProxy before a server that answers, and writes what it logged to syslog, of HTTP and of TCP, to syslog.log.
# requests.py is the client; answers.txt has the status of what it was answered.
set -eu
. "$(dirname "$0")/../room.sh" haproxy

mkdir -p www/secret chroot
echo hello >www/index.html
echo hello >www/secret/index.html
cat >haproxy.cfg <<-EOF
	global
		log /dev/log local0
		maxconn 100
	userlist people
		user averez insecure-password Tr0ub4dor
	defaults
		mode http
		log global
		timeout connect 2s
		timeout client 3s
		timeout server 5s
	frontend web
		bind 127.0.0.1:8080
		bind 192.0.2.1:8080
		bind [::1]:8080
		option httplog
		capture request header Host len 40
		capture request header User-Agent len 64
		capture response header Server len 20
		http-request auth if { path_beg /secret } !{ http_auth(people) }
		http-request deny if { path_beg /denied }
		use_backend down if { path_beg /down }
		default_backend files
	frontend old
		bind 127.0.0.1:8081
		option httplog clf
		default_backend files
	frontend plain
		mode tcp
		bind 127.0.0.1:8082
		option tcplog
		default_backend tcpfiles
	backend files
		server one 127.0.0.1:8090
	backend down
		server two 127.0.0.1:9
	backend tcpfiles
		mode tcp
		server one 127.0.0.1:8090
EOF
syslog "$ROOM/syslog.log"
(cd www && exec python3 -m http.server -b 127.0.0.1 8090) >server.log 2>&1 &
haproxy -f "$ROOM/haproxy.cfg" -db 2>"$ROOM/haproxy.err" &
sleep 2
python3 "$out/../requests.py" 8080 >answers
python3 - <<-EOF
	import urllib.request
	for port in (8081, 8082):
	    urllib.request.urlopen("http://127.0.0.1:%d/?a=b" % port).read()
EOF
settled syslog.log
grep -a ' haproxy' syslog.log >"$out/syslog.log"
cp answers "$out/answers.txt"
grep -a ' - - \[' server.log >"$out/../access/python.log"
