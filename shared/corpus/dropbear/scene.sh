# scene.sh runs dropbear and ssh clients in a lab; see ../sshd/scene.sh for the account of what the clients saw.
VERSION=$(dropbear -V 2>&1 | sed 's/Dropbear v//')
PORT=2300
asked=/tmp/asked answers=/tmp/answers
cat >/askpass <<'END'
#!/bin/bash
n=$(wc -l </tmp/asked)
echo "$1" >>/tmp/asked
sed -n "$((n + 1))p" /tmp/answers
END
chmod 755 /askpass
export SSH_ASKPASS=/askpass SSH_ASKPASS_REQUIRE=force DISPLAY=none:0
last=0
client() {
	last=$((last + 1)) ip=127.0.3.$last
	: >$asked
	code=0
	timeout 60 setsid ssh -b $ip -p $PORT -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
		-o NumberOfPasswordPrompts="$(wc -l <$answers)" -o IdentitiesOnly=yes -l "$@" >/tmp/said 2>&1 </dev/null || code=$?
}
passwords() {
	local want=""
	printf '%s\n' "$2" | tr , '\n' >$answers
	client "$1" "${@:3}" 127.0.0.1 true
	for _ in $(seq 1 "$(wc -l <$asked)"); do want="$want failure"; done
	[ $code -eq 255 ] || want="${want% failure} success"
	printf '%s\t%s\t%s\t%s\n' $ip "$1" $code "${want# }" >>/out/clients-$VERSION.tsv
}
# strangers USER ANSWERS: of a user whom it does not know, dropbear tells one line a connection.
strangers() {
	passwords "$@"
	sed -i '$d' /out/clients-$VERSION.tsv
	printf '%s\t%s\t%s\t%s\n' $ip "$1" $code failure >>/out/clients-$VERSION.tsv
}
keys() {
	: >$answers
	client "$1" -o PreferredAuthentications=publickey "${@:3}" 127.0.0.1 true
	printf '%s\t%s\t%s\t%s\n' $ip "$1" $code "$2" >>/out/clients-$VERSION.tsv
}
for u in averez jdoe; do useradd -m -s /bin/bash $u; echo "$u:right" | chpasswd 2>/dev/null; done
useradd -m -s /bin/nosuch shellless 2>/dev/null; echo shellless:right | chpasswd 2>/dev/null
useradd -m -s /bin/bash locked; useradd -m -s /bin/bash blank; passwd -qd blank
echo root:right | chpasswd 2>/dev/null
for k in good bad1 bad2; do ssh-keygen -q -t ed25519 -N '' -f /root/$k; done
install -d -o averez -g averez -m 700 /home/averez/.ssh
install -o averez -g averez -m 600 /root/good.pub /home/averez/.ssh/authorized_keys
set +e
take -
mkdir -p /etc/dropbear
dropbear -R -w -p $PORT -P /run/dropbear.pid
sleep 0.5
passwords averez right
passwords averez wrong
passwords averez wrong,right
passwords averez wrong,wrong,wrong,wrong,wrong,wrong,wrong,wrong,wrong,wrong,wrong,wrong
strangers nosuch wrong,wrong
passwords root right
passwords shellless right
passwords locked right
strangers 'x from 9.9.9.9:22' wrong
keys averez success -i /root/good
keys averez failure -i /root/bad1
keys averez failure -i /root/bad1 -i /root/bad2
strangers nosuch "" -o PreferredAuthentications=publickey -i /root/bad1
passwords averez right -i /root/bad1
passwords averez wrong -i /root/bad1
keys averez "" -o KexAlgorithms=diffie-hellman-group1-sha1
last=$((last + 1))
python3 -c "import socket; s = socket.socket(); s.bind(('127.0.3.$last', 0)); s.connect(('127.0.0.1', $PORT)); s.close()"
last=$((last + 1))
python3 -c "import socket, time; s = socket.socket(); s.bind(('127.0.3.$last', 0)); s.connect(('127.0.0.1', $PORT)); s.send(b'GET / HTTP/1.0\r\n\r\n'); time.sleep(1); s.close()"
sleep 3
kill "$(cat /run/dropbear.pid)"
take "clients-$VERSION"
