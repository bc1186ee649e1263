#!/bin/bash
# Runs nginx and writes what it logged: access.log (combined), extended.log (with what comes behind), syslog.log and
# error.log. requests.py is the client; answers.txt has the status of what it was answered.
set -eu
. "$(dirname "$0")/../room.sh" nginx-light curl openssl

mkdir -p www/secret www/denied logs
echo hello >www/index.html
echo hello >www/secret/index.html
{
	echo "averez:$(openssl passwd -apr1 Tr0ub4dor)"
	echo "we ird:$(openssl passwd -apr1 x)"
} >users
cat >nginx.conf <<-EOF
	worker_processes 1;
	pid $ROOM/nginx.pid;
	error_log $ROOM/error.log info;
	error_log syslog:server=unix:/dev/log,nohostname info;
	events {}
	http {
		log_format extended '\$remote_addr - \$remote_user [\$time_local] "\$request" \$status \$body_bytes_sent '
			'"\$http_referer" "\$http_user_agent" "\$http_x_forwarded_for" \$request_time';
		log_format timed '\$remote_addr - \$remote_user [\$time_local] "\$request" \$status \$body_bytes_sent '
			'"\$http_referer" "\$http_user_agent" rt=\$request_time uct="\$upstream_connect_time"';
		log_format vhost '\$host:\$server_port \$remote_addr - \$remote_user [\$time_local] "\$request" \$status \$body_bytes_sent '
			'"\$http_referer" "\$http_user_agent"';
		access_log $ROOM/access.log;
		access_log $ROOM/extended.log extended;
		access_log $ROOM/timed.log timed;
		access_log $ROOM/vhost.log vhost;
		access_log syslog:server=unix:/dev/log,nohostname;
		root $ROOM/www;
		server {
			listen 8080;
			listen [::]:8080;
			listen 8081 http2;
			server_name www.example.org;
			location /secret/ { auth_basic "secret"; auth_basic_user_file $ROOM/users; }
			location /denied/ { deny all; }
			location /down { proxy_pass http://127.0.0.1:9; }
			location /broken-gateway { return 502; }
		}
	}
EOF
chmod 755 "$ROOM"
syslog "$ROOM/syslog.log"
nginx -c "$ROOM/nginx.conf" -e "$ROOM/error.log"
python3 "$out/../requests.py" 8080 >answers
curl -s -o /dev/null -w '%{http_code} request\n' --http2-prior-knowledge 'http://127.0.0.1:8081/two?a=b' >>answers
curl -s -o /dev/null -w '%{http_code} login\n' --http2-prior-knowledge -u averez:wrong http://127.0.0.1:8081/secret/ >>answers
nginx -c "$ROOM/nginx.conf" -e "$ROOM/error.log" -s quit
settled access.log error.log syslog.log
grep -av ' kernel: \| rsyslogd: ' syslog.log >"$out/syslog.log"
for file in access extended error; do cp $file.log "$out/"; done
head -n 12 timed.log >>"$out/extended.log"
head -n 12 vhost.log >>"$out/extended.log"
cp answers "$out/answers.txt"
