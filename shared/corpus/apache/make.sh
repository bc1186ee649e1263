#!/bin/bash
# Runs Apache and writes what it logged: common.log, combined.log, vhost.log (vhost_combined), syslog.log and error.log.
# requests.py is the client; answers.txt has the status of what it was answered.
set -eu
. "$(dirname "$0")/../room.sh" apache2 curl openssl

mkdir -p www/secret www/denied www/cgi-bin
echo hello >www/index.html
echo hello >www/secret/index.html
{
	echo "averez:$(openssl passwd -apr1 Tr0ub4dor)"
	echo "we ird:$(openssl passwd -apr1 x)"
} >users
modules=/usr/lib/apache2/modules
config() { # NAME PORT ERRORLOG
	cat >$1.conf <<-EOF
		ServerName www.example.org
		ServerRoot $ROOM
		PidFile $ROOM/$1.pid
		DefaultRuntimeDir $ROOM
		Listen 0.0.0.0:$2
		Listen [::]:$2
		User www-data
		Group www-data
		LoadModule mpm_$1_module $modules/mod_mpm_$1.so
		LoadModule authn_core_module $modules/mod_authn_core.so
		LoadModule authn_file_module $modules/mod_authn_file.so
		LoadModule authz_core_module $modules/mod_authz_core.so
		LoadModule authz_user_module $modules/mod_authz_user.so
		LoadModule auth_basic_module $modules/mod_auth_basic.so
		LoadModule dir_module $modules/mod_dir.so
		LoadModule proxy_module $modules/mod_proxy.so
		LoadModule proxy_http_module $modules/mod_proxy_http.so
		LoadModule http2_module $modules/mod_http2.so
		Protocols h2c http/1.1
		LogLevel info
		ErrorLog $3
		DocumentRoot $ROOM/www
		DirectoryIndex index.html
		ProxyPass /down http://127.0.0.1:9/
		Redirect 502 /broken-gateway
		<Directory $ROOM/www>
			Require all granted
		</Directory>
		<Directory $ROOM/www/denied>
			Require all denied
		</Directory>
		<Location /secret>
			AuthType Basic
			AuthName secret
			AuthUserFile $ROOM/users
			Require valid-user
		</Location>
		<Location /admin>
			AuthType Basic
			AuthName secret
			AuthUserFile $ROOM/users
			Require user averez
		</Location>
		LogFormat "%h %l %u %t \"%r\" %>s %O" common
		LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" combined
		LogFormat "%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" vhost_combined
		LogFormat "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" \"%{X-Forwarded-For}i\" %D" extended
	EOF
}
config event 8080 "$ROOM/error.log"
sed -i '/^Redirect/i LoadModule alias_module '$modules/mod_alias.so event.conf
cat >>event.conf <<-EOF
	CustomLog $ROOM/common.log common
	CustomLog $ROOM/combined.log combined
	CustomLog $ROOM/vhost.log vhost_combined
	CustomLog $ROOM/extended.log extended
EOF
config prefork 8081 syslog:daemon
sed -i '/^Redirect/i LoadModule alias_module '$modules/mod_alias.so prefork.conf
echo 'CustomLog "|/usr/bin/logger -t apache2 -p local6.info" combined' >>prefork.conf
chmod 755 "$ROOM"
syslog "$ROOM/syslog.log"
apache2 -f "$ROOM/event.conf" -k start
python3 "$out/../requests.py" 8080 >answers
curl -s -o /dev/null -w '%{http_code} request\n' --http2-prior-knowledge 'http://127.0.0.1:8080/two?a=b' >>answers
curl -s -o /dev/null -w '%{http_code} login\n' --http2-prior-knowledge -u averez:wrong http://127.0.0.1:8080/secret/ >>answers
apache2 -f "$ROOM/event.conf" -k graceful-stop
apache2 -f "$ROOM/prefork.conf" -k start
for password in Tr0ub4dor wrong; do
	curl -s -o /dev/null -u averez:$password http://127.0.0.1:8081/secret/
done
curl -s -o /dev/null -A '() { :;}; echo "x"' http://127.0.0.1:8081/x
apache2 -f "$ROOM/prefork.conf" -k stop
settled combined.log error.log syslog.log
grep -av ' kernel: \| rsyslogd: ' syslog.log >"$out/syslog.log"
for file in common combined error; do cp $file.log "$out/"; done
cp extended.log vhost.log "$out/"
cp answers "$out/answers.txt"
