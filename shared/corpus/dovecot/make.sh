#!/bin/bash
# Runs Dovecot and writes what it logged to syslog: mail.log; and, run a second time, to a file of its own: own.log, with
# the time as it is by default, and iso.log. clients.py is the clients; outcomes.txt counts what they saw in one run.
set -eu
. "$(dirname "$0")/../room.sh" dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-managesieved dovecot-submissiond openssl

mkdir -p certs vmail/averez
chown -R nobody:nogroup vmail
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=mx1 -days 30 -keyout certs/key -out certs/crt 2>/dev/null
printf '%s\n' 'averez:{PLAIN}Tr0ub4dor::::::' 'we ird:{PLAIN}y::::::' 'jdoe:{PLAIN}locked::::::nologin=y reason=no more' >users
cat >base.conf <<-EOF
	base_dir = $ROOM/dovecot
	protocols = imap pop3 lmtp sieve submission
	auth_mechanisms = plain login
	auth_username_chars =
	disable_plaintext_auth = no
	auth_failure_delay = 0
	ssl = yes
	ssl_cert = <$ROOM/certs/crt
	ssl_key = <$ROOM/certs/key
	mail_location = maildir:$ROOM/vmail/%u
	first_valid_uid = 1
	mail_plugins = mail_log notify
	submission_relay_host = 127.0.0.1
	passdb {
	  driver = passwd-file
	  args = $ROOM/users
	}
	userdb {
	  driver = static
	  args = uid=nobody gid=nogroup home=$ROOM/vmail/%u
	}
	service anvil {
	  unix_listener anvil-auth-penalty {
	    mode = 0
	  }
	}
	service submission-login {
	  inet_listener submission {
	    port = 588
	  }
	}
	service lmtp {
	  unix_listener lmtp {
	    mode = 0666
	  }
	}
EOF
chmod 755 "$ROOM"
run() { # MORE CONFIGURATION
	{ cat base.conf; printf '%s\n' "$@"; } >dovecot.conf
	dovecot -c dovecot.conf
	python3 "$out/clients.py" | sort | uniq -c >"$ROOM/outcomes.txt"
	python3 - "$ROOM/dovecot/lmtp" <<-EOF
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		f = s.makefile("rb")
		f.readline()
		for text in (b"LHLO x", b"MAIL FROM:<jdoe@example.net>", b"RCPT TO:<averez>", b"DATA",
		             b"Message-Id: <1@x>, b: saved\r\nSubject: x\r\n\r\nHello.\r\n.", b"QUIT"):
		    s.sendall(text + b"\r\n")
		    while f.readline()[3:4] == b"-":
		        pass
	EOF
	sleep 2
	dovecot -c dovecot.conf stop
	sleep 1
}
syslog "$ROOM/mail.log"
run 'auth_verbose = yes' 'auth_failure_delay = 2 secs'
run "log_path = $ROOM/own.log"
run "log_path = $ROOM/iso.log" 'log_timestamp = "%Y-%m-%dT%H:%M:%S%z "' 'verbose_ssl = no'
settled mail.log
grep -a ' dovecot' mail.log >"$out/mail.log"
cp own.log iso.log outcomes.txt "$out/"
