#!/bin/bash
# Runs Postfix, with Dovecot for its passwords, and writes what both logged to mail.log. clients.py is the clients and
# the server that mail is relayed to; outcomes.txt counts what they saw.
set -eu
. "$(dirname "$0")/../room.sh" postfix dovecot-core openssl procps

id averez >/dev/null 2>&1 || useradd -m averez
find /var/spool/postfix -type f -delete
mkdir -p certs vmail
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=mx1 -days 30 -keyout certs/key -out certs/crt 2>/dev/null
echo 'averez:{PLAIN}Tr0ub4dor::::::' >users
cat >dovecot.conf <<-EOF
	base_dir = $ROOM/dovecot
	protocols =
	auth_mechanisms = plain login
	auth_verbose = yes
	auth_username_chars =
	auth_failure_delay = 0
	disable_plaintext_auth = no
	ssl = no
	passdb {
	  driver = passwd-file
	  args = $ROOM/users
	}
	userdb {
	  driver = static
	  args = uid=nobody gid=nogroup home=$ROOM/vmail
	}
	service anvil {
	  unix_listener anvil-auth-penalty {
	    mode = 0
	  }
	}
	service auth {
	  unix_listener /var/spool/postfix/private/auth {
	    mode = 0666
	  }
	}
EOF
mkdir -p /etc/postfix
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
sed -i -E 's/^([a-z]+ +(unix|inet|fifo) +[-yn]+ +[-yn]+ +)(-|y)( )/\1n\4/' /etc/postfix/master.cf
cat >>/etc/postfix/master.cf <<-EOF
	submission inet n - n - - smtpd
	  -o syslog_name=postfix/submission
	  -o smtpd_tls_security_level=encrypt
	  -o smtpd_sasl_auth_enable=yes
	  -o content_filter=smtp:[127.0.0.1]:10025
	  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
	2500 inet n - n - 1 postscreen
	smtpd pass - - n - - smtpd
	dnsblog unix - - n - 0 dnsblog
	tlsproxy unix - - n - 0 tlsproxy
	10025 inet n - n - - smtpd
	  -o syslog_name=postfix-out
	  -o content_filter=
	  -o smtpd_recipient_restrictions=permit_mynetworks,reject
	filter unix - n n - - pipe
	  flags=Rq user=nobody argv=/bin/cat
EOF
cat >/etc/postfix/main.cf <<-EOF
	compatibility_level = 3.6
	myhostname = mx1.example.org
	mydestination = example.org, mx1.example.org, localhost
	mynetworks = 127.0.0.0/8
	inet_interfaces = all
	smtputf8_enable = no
	alias_maps = hash:/etc/postfix/aliases
	alias_database =
	virtual_mailbox_domains = virtual.example
	virtual_mailbox_base = $ROOM/vmail
	virtual_mailbox_maps = texthash:/etc/postfix/virtual
	virtual_uid_maps = static:65534
	virtual_gid_maps = static:65534
	transport_maps = texthash:/etc/postfix/transport
	header_checks = regexp:/etc/postfix/header_checks
	smtpd_sender_restrictions = check_sender_access texthash:/etc/postfix/senders
	smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
	smtpd_sasl_type = dovecot
	smtpd_sasl_path = private/auth
	smtpd_tls_cert_file = $ROOM/certs/crt
	smtpd_tls_key_file = $ROOM/certs/key
	smtpd_tls_security_level = may
	smtpd_tls_loglevel = 1
	smtp_tls_security_level = may
	smtpd_forbid_bare_newline = no
	postscreen_greet_action = enforce
	postscreen_greet_wait = 2s
	soft_bounce = no
	smtpd_relay_restrictions =
	postscreen_access_list =
	postscreen_non_smtp_command_enable = yes
	anvil_status_update_time = 5s
	smtp_host_lookup = native
	smtp_dns_support_level = disabled
	smtpd_peername_lookup = yes
EOF
echo '/^Subject: VIRUS/ REJECT no viruses
/^Subject: WARNME/ WARN be careful
/^Subject: HOLDME/ HOLD wait
/^Subject: DISCARDME/ DISCARD away' >/etc/postfix/header_checks
echo 'alias: averez, |"cat >/dev/null"' >/etc/postfix/aliases
postalias hash:/etc/postfix/aliases
echo 'x@virtual.example x/' >/etc/postfix/virtual
echo 'blocked.example REJECT not you' >/etc/postfix/senders
chown nobody vmail
echo 'out.example smtp:[127.0.0.1]:2525
bounce.example smtp:[127.0.0.1]:2525
deferred.example smtp:[127.0.0.1]:2525
example.net smtp:[127.0.0.1]:2525
down.example smtp:[127.0.0.1]:9
error.example error:5.1.1 no such place
pipe.example filter:
discard.example discard:' >/etc/postfix/transport
chmod 755 "$ROOM"
syslog "$ROOM/mail.log"
dovecot -c dovecot.conf
python3 "$out/clients.py" sink &
postfix check
postfix start
{
	python3 "$out/clients.py"
	printf 'Subject: from here\n\nHello.\n' | sendmail -f averez@example.org jdoe@example.net
	echo sent
} | sort | uniq -c >outcomes.txt
sleep 12
settled mail.log
postfix stop
sleep 1
grep -a ' postfix\| dovecot' mail.log >"$out/mail.log"
cp outcomes.txt "$out/"
