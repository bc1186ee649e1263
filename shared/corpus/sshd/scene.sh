# scene.sh runs sshd and its clients in a lab. Each run of a client comes from an address of its own, and /out/attempts.tsv
# tells of each: the address, the user, the client's exit code, and what came of each try, as the client's side saw it.

PORT=22
asked=/tmp/asked answers=/tmp/answers
cat >/askpass <<'END'
#!/bin/bash
n=$(wc -l </tmp/asked)
echo "$1" >>/tmp/asked
sed -n "$((n + 1))p" /tmp/answers
END
chmod 755 /askpass
export SSH_ASKPASS=/askpass SSH_ASKPASS_REQUIRE=force DISPLAY=none:0

# client USER [ssh options and command] runs ssh once; the answers to its prompts stand in $answers.
last=0
client() {
	last=$((last + 1)) ip=127.0.1.$last
	: >$asked
	code=0
	timeout 60 setsid ssh -b $ip -p $PORT -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
		-o NumberOfPasswordPrompts="${prompts:-$(wc -l <$answers)}" -l "$@" >/tmp/said 2>&1 </dev/null || code=$?
}

# passwords USER ANSWERS [options]: every answer is a try; the last is right where the client got in.
passwords() {
	local user=$1 tries want=""
	printf '%s\n' "$2" | tr , '\n' >$answers
	shift 2
	client "$user" -o PubkeyAuthentication=no "$@" -o PreferredAuthentications=password 127.0.0.1 true
	note "$user"
}

note() {
	tries=$(wc -l <$asked) want=""
	if [ $code -eq 255 ]; then
		for _ in $(seq 1 "$tries"); do want="$want failure"; done
	else
		for _ in $(seq 2 "$tries"); do want="$want failure"; done
		want="$want success"
	fi
	printf '%s\t%s\t%s\t%s\n' $ip "$1" $code "${want# }" >>/out/attempts.tsv
}

# keys USER WANT [options] tries keys alone.
keys() {
	local user=$1 want=$2
	shift 2
	: >$answers
	client "$user" -o PreferredAuthentications=publickey "$@" 127.0.0.1 true
	printf '%s\t%s\t%s\t%s\n' $ip "$user" $code "$want" >>/out/attempts.tsv
}

# raw WANT TEXT opens a connection, writes TEXT and closes it.
raw() {
	last=$((last + 1))
	python3 - 127.0.1.$last $PORT "$2" "${3:-0}" <<'END'
import socket, sys, time
addr, port, text, wait = sys.argv[1:]
s = socket.socket()
s.bind((addr, 0))
s.connect(("127.0.0.1", int(port)))
s.settimeout(2)
if text != "-":
    s.recv(100)
    s.sendall(text.encode().decode("unicode_escape").encode("latin-1"))
time.sleep(float(wait))
if wait == "0.2":
    import struct
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
END
	printf '127.0.1.%s\t-\t-\t%s\n' $last "$1" >>/out/attempts.tsv
}

user() { useradd -m -s /bin/bash "$1" && echo "$1:right" | chpasswd 2>/dev/null; }

ssh-keygen -A >/dev/null
for u in averez jdoe mallory bob locked late; do user $u; done
passwd -q -l locked || usermod -L locked
chage -E 1 late
useradd -m -s /bin/nosuch shellless; echo shellless:right | chpasswd 2>/dev/null
echo root:right | chpasswd 2>/dev/null
for k in good bad1 bad2 bad3 bad4 bad5 bad6 bad7 ca; do ssh-keygen -q -t ed25519 -N '' -C $k -f /root/$k; done
for u in averez late jdoe; do
	install -d -o $u -g $u -m 700 /home/$u/.ssh
	install -o $u -g $u -m 600 /root/good.pub /home/$u/.ssh/authorized_keys
done
sed -i 's/^/from="192.0.2.1" /' /home/jdoe/.ssh/authorized_keys
ssh-keygen -q -s /root/ca -I 'averez from 9.9.9.9 port 22 ssh2: RSA SHA256:abc' -z 7 -n averez /root/bad1.pub
cp /root/bad1-cert.pub /tmp/cert; rm /root/bad1-cert.pub
VERSION=$(ssh -V 2>&1 | sed 's/OpenSSH_\([0-9.]*\)p.*/\1/')
take -

start() { # PORT [options]
	PORT=$1
	/usr/sbin/sshd -p $PORT -o PidFile=/run/sshd.$PORT "${@:2}"
	sleep 0.3
}
stop() { sleep 0.3; kill "$(cat /run/sshd.$PORT)"; sleep 0.3; }
BAD1="-o IdentitiesOnly=yes -i /root/bad1"
BAD3="$BAD1 -i /root/bad2 -i /root/bad3"
BAD7="$BAD3 -i /root/bad4 -i /root/bad5 -i /root/bad6 -i /root/bad7"

GOOD="-o IdentitiesOnly=yes -i /root/good"

# keys_then_password tries both in one connection.
keys_then_password() {
	for u in averez nosuch; do
		for answer in right wrong wrong,wrong; do
			echo $answer | tr , '\n' >$answers
			client $u -o PreferredAuthentications=publickey,password $BAD3 127.0.0.1 true
			if [ $u = nosuch ] && [ $answer = right ]; then code=255; fi
			note $u
		done
	done
	echo wrong >$answers
	client averez -o PreferredAuthentications=publickey,keyboard-interactive $BAD3 127.0.0.1 true
	note averez
}

# session CODE [options] logs in by a key.
session() {
	local want=$1
	shift
	: >$answers
	client averez $GOOD -o PreferredAuthentications=publickey "$@"
	[ $code = $want ] || echo "session $*: exit $code, not $want: $(cat /tmp/said)" >&2
	printf '%s\taverez\t%s\tsuccess\n' $ip $code >>/out/attempts.tsv
}

all() {
	# Passwords: right, wrong, several in one connection, none that there is, and names like the end of a line.
	passwords averez right
	passwords averez wrong
	passwords averez wrong,wrong,right
	passwords averez wrong,wrong,wrong
	passwords averez w,w,w,w,w,w,w,w
	passwords nosuch wrong,wrong
	passwords "" wrong
	passwords "we ird" wrong
	passwords "x from 9.9.9.9 port 22 ssh2" wrong
	passwords "invalid user root" wrong
	passwords "a: RSA SHA256:abc" wrong
	passwords root right
	passwords root wrong
	passwords locked right
	passwords late right
	passwords shellless right
	# Keyboard-interactive, and both.
	prompts=2
	passwords averez wrong,wrong,wrong,wrong -o PreferredAuthentications=keyboard-interactive,password
	prompts=
	passwords averez right -o PreferredAuthentications=keyboard-interactive
	passwords averez wrong -o PreferredAuthentications=keyboard-interactive
	passwords averez wrong,wrong,right -o PreferredAuthentications=keyboard-interactive
	passwords averez w,w,w,w,w,w,w -o PreferredAuthentications=keyboard-interactive
	passwords nosuch wrong,wrong -o PreferredAuthentications=keyboard-interactive
	passwords late right -o PreferredAuthentications=keyboard-interactive
	# Keys.
	keys averez success $GOOD
	keys averez failure $BAD1
	keys averez failure $BAD3
	keys averez failure $BAD7
	keys averez success $BAD3 -i /root/bad4 -i /root/good
	keys nosuch failure $BAD1
	keys nosuch failure $BAD7
	keys "9.9.9.9 port 22" failure $BAD1
	keys root failure $BAD1
	keys late failure $GOOD
	keys jdoe failure $GOOD
	keys averez success -o IdentitiesOnly=yes -i /root/bad1 -o CertificateFile=/tmp/cert
	keys mallory failure -o IdentitiesOnly=yes -i /root/bad1 -o CertificateFile=/tmp/cert
	keys_then_password
	# None: who asks what methods there are, and who goes before it comes to that.
	: >$answers
	client averez -o PreferredAuthentications=none 127.0.0.1 true
	printf '%s\t%s\t%s\t%s\n' $ip averez $code failure >>/out/attempts.tsv
	raw "" '-'
	raw "" 'GET / HTTP/1.0\r\n\r\n'
	raw "" 'SSH-2.0-scanner\r\n'
	raw "" 'SSH-2.0-scanner\r\n' 0.2
	raw "" 'SSH-2.0-scanner\r\n\0\0\0\0\0'
	raw "" 'SSH-2.0-scanner\r\nnot a packet at all\r\n'
	raw "" 'SSH-1.5-old\r\n'
	raw "" 'SSH-1.99-x\r\n'
	: >$answers
	keys averez "" -o KexAlgorithms=diffie-hellman-group1-sha1
	keys averez "" -o Ciphers=aes128-cbc
	keys averez "" -o Ciphers=aes128-ctr -o MACs=hmac-md5
	keys averez "" -o HostKeyAlgorithms=ssh-dss
	# Sessions: files, commands, and forwarding that is refused.
	session 0 -s 127.0.0.1 sftp
	session 255 -s 127.0.0.1 nosuch
	session 0 -tt 127.0.0.1 true
	session 0 -R 127.0.0.1:80:127.0.0.1:1 127.0.0.1 true
	session 255 -W 127.0.0.1:1 127.0.0.1
	session 0 -w 0:0 127.0.0.1 true
}

# done_with NAME ends a part.
done_with() {
	stop
	take "$1-$VERSION"
	mv /out/attempts.tsv "/out/$1-$VERSION.tsv"
}

rm -f /etc/ssh/sshd_config.d/*
cat >/etc/ssh/sshd_config <<END
UsePAM yes
KbdInteractiveAuthentication yes
PermitRootLogin no
TrustedUserCAKeys /root/ca.pub
Subsystem sftp /usr/lib/openssh/sftp-server -l INFO
END
sed -i 's/pam_unix.so nullok/& nodelay/' /etc/pam.d/common-auth
start 2201
all
done_with default

# With LogLevel VERBOSE each key is told, and each connection.
start 2202 -o LogLevel=VERBOSE
passwords averez right
passwords averez wrong,right
keys averez success $BAD3 -i /root/good
keys averez failure $BAD3
keys averez failure $BAD7
keys nosuch failure $BAD3
keys averez success $BAD1 -o CertificateFile=/tmp/cert
keys_then_password
keys jdoe failure $GOOD
keys late failure $GOOD
passwords averez wrong,wrong -o PreferredAuthentications=keyboard-interactive
raw "" '-'
raw "" 'GET / HTTP/1.0\r\n\r\n'
raw "" 'SSH-2.0-scanner\r\n' 0.2
session 0 -s 127.0.0.1 sftp
session 0 -tt 127.0.0.1 true
done_with verbose

# Who may come in: users and groups, methods in a row, and root with a key that is for one command.
groupadd ops; groupadd out; usermod -aG out bob
cat >>/etc/ssh/sshd_config <<END
DenyUsers mallory
DenyGroups out
AllowUsers averez root jdoe@192.0.2.* bob mallory
MaxAuthTries 3
PermitEmptyPasswords yes
END
passwd -qd late; chage -E -1 late
install -d -m 700 /root/.ssh; cp /root/good.pub /root/.ssh/authorized_keys
start 2203 -o PermitRootLogin=forced-commands-only
passwords averez right
passwords averez wrong,wrong,wrong,wrong
for u in mallory bob late jdoe; do passwords $u right; done
keys mallory failure $GOOD
keys root failure $GOOD
sed -i 's/^/command="true" /' /root/.ssh/authorized_keys
keys root success $GOOD
passwords root right
keys averez failure $BAD7
: >$answers
client averez -o PreferredAuthentications=none 127.0.0.1 true
printf '%s\t%s\t%s\t%s\n' $ip averez $code failure >>/out/attempts.tsv
done_with allowed

sed -i '/^DenyUsers/,$d' /etc/ssh/sshd_config
start 2204 -o AuthenticationMethods=publickey,password
for answer in right wrong wrong,wrong wrong,right; do
	echo $answer | tr , '\n' >$answers
	client averez $GOOD 127.0.0.1 true; note averez
done
: >$answers
keys averez failure $GOOD
keys averez failure $BAD1
passwords averez wrong && sed -i '$d' /out/attempts.tsv && printf '%s\taverez\t255\tfailure\n' $ip >>/out/attempts.tsv
done_with methods

start 2205 -o UsePAM=no -o KbdInteractiveAuthentication=no
passwords averez right
passwords averez wrong,right
passwords averez wrong,wrong,wrong
passwords nosuch wrong,wrong
passwords locked right
passwords late right
keys late success $GOOD
keys averez success $GOOD
done_with nopam

# What a session may not do.
sed -i 's/^Subsystem.*/Subsystem sftp internal-sftp -l VERBOSE/' /etc/ssh/sshd_config
start 2206 -o DisableForwarding=yes -o MaxSessions=1 -o LogLevel=VERBOSE
session 255 -W 127.0.0.1:1 127.0.0.1
session 255 -o ExitOnForwardFailure=yes -R 127.0.0.1:8080:127.0.0.1:1 127.0.0.1 true
session 0 -w 0:0 127.0.0.1 true
session 0 -A -X 127.0.0.1 true
last=$((last + 1)); ip=127.0.1.$last
code=0; sftp -q -b - -o BindAddress=$ip -o StrictHostKeyChecking=no -P $PORT $GOOD averez@127.0.0.1 <<END || code=$?
put /etc/hostname x
mkdir "d e"
get x /tmp/x
chmod 600 x
rename x y
rm y
rmdir "d e"
ln -s a b
-rm nosuch
END
printf '%s\taverez\t%s\tsuccess\n' $ip $code >>/out/attempts.tsv
done_with sessions

# Who does not finish, and who comes in masses.
start 2207 -o LoginGraceTime=2 -o MaxStartups=2:100:3
raw "" 'SSH-2.0-slow\r\n' 4 &
raw2=$!
sleep 0.3; last=$((last + 1))
raw "" '-' 4 &
raw3=$!
sleep 0.3; last=$((last + 1))
for _ in 1 2 3 4; do raw "" '-' 0; done
wait $raw2 $raw3
done_with masses
