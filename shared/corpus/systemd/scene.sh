# scene.sh has units start, stop, fail in each way that there is, and users log in, and shuts the machine down.
unit() { # NAME TEXT…
	local name=$1
	shift
	printf '%s\n' "$@" >"/run/systemd/system/$name"
}
mkdir -p /run/systemd/system
unit ok.service '[Unit]' 'Description=A job that ends well' '[Service]' 'Type=oneshot' 'ExecStart=/bin/true'
unit exit.service '[Service]' 'ExecStart=/bin/sh -c "exit 3"'
unit oneshot.service '[Unit]' 'Description=Foo: bar - baz' '[Service]' 'Type=oneshot' 'ExecStart=/bin/false'
unit nofile.service '[Service]' 'ExecStart=/usr/bin/nosuch'
unit nouser.service '[Service]' 'User=nosuch' 'ExecStart=/bin/true'
unit killed.service '[Service]' 'ExecStart=/bin/sh -c "kill -SEGV $$$$"'
unit again.service '[Unit]' 'StartLimitIntervalSec=10' 'StartLimitBurst=2' '[Service]' 'Restart=on-failure' 'RestartSec=200ms' 'ExecStart=/bin/false'
unit slow.service '[Service]' 'Type=notify' 'TimeoutStartSec=1' 'ExecStart=/bin/sleep 100'
unit stubborn.service '[Service]' 'TimeoutStopSec=1' 'ExecStart=/bin/sh -c "trap : TERM; while :; do sleep 1; done"'
unit dog.service '[Service]' 'Type=notify' 'NotifyAccess=all' 'WatchdogSec=1' 'ExecStart=/bin/sh -c "systemd-notify --ready; sleep 100"'
unit pre.service '[Service]' 'ExecStartPre=/bin/false' 'ExecStart=/bin/true'
unit post.service '[Service]' 'ExecStart=/bin/true' 'ExecStopPost=/bin/false'
unit reload.service '[Service]' 'ExecStart=/bin/sleep 100' 'ExecReload=/bin/true'
unit needs.service '[Unit]' 'Requires=oneshot.service' 'After=oneshot.service' '[Service]' 'ExecStart=/bin/true'
unit cond.service '[Unit]' 'ConditionPathExists=/nosuch' '[Service]' 'ExecStart=/bin/true'
unit assert.service '[Unit]' 'AssertPathExists=/nosuch' '[Service]' 'ExecStart=/bin/true'
unit bad.service '[Service]' 'Nonsense=1' 'ExecStart=relative' 'ExecStart=/bin/true'
unit tick.service '[Service]' 'Type=oneshot' 'ExecStart=/bin/true'
unit tick.timer '[Timer]' 'OnActiveSec=1' 'AccuracySec=1ms'
unit sock.socket '[Socket]' 'ListenStream=/run/sock'
unit sock.service '[Service]' 'ExecStart=/bin/true'
unit 'run-mnt.mount' '[Mount]' 'What=tmpfs' 'Where=/run/mnt' 'Type=tmpfs'
unit 'run-bad.mount' '[Mount]' 'What=/nosuch' 'Where=/run/bad' 'Type=ext4'
unit 'inst@.service' '[Service]' 'ExecStart=/bin/echo %i'
systemctl daemon-reload
for u in ok exit oneshot nofile nouser killed again slow pre post needs cond assert bad 'inst@a-b'; do
	systemctl start "$u.service" || true
done 2>/dev/null
systemctl start reload.service; systemctl reload reload.service; systemctl restart reload.service; systemctl stop reload.service
systemctl start dog.service || true
systemctl start stubborn.service; sleep 0.5; systemctl stop stubborn.service
systemctl start tick.timer sock.socket run-mnt.mount
systemctl start run-bad.mount 2>/dev/null || true
systemctl stop run-mnt.mount
systemd-run --unit=transient --description='x: "quoted" - y' /bin/true 2>/dev/null
systemd-run --scope --unit=scoped /bin/true 2>/dev/null
systemctl kill -s KILL systemd-journald-audit.socket 2>/dev/null || true
systemctl mask ok.service 2>/dev/null; systemctl start ok.service 2>/dev/null || true
systemctl reset-failed; systemctl isolate multi-user.target
sleep 4
# sessions
useradd -m averez; echo averez:right-enough | chpasswd 2>/dev/null
useradd -m jdoe
ssh-keygen -A >/dev/null; ssh-keygen -q -t ed25519 -N '' -f /root/key
for u in averez jdoe root; do
	home=$(getent passwd $u | cut -d: -f6)
	install -d -o $u -g $u -m 700 $home/.ssh; install -o $u -g $u -m 600 /root/key.pub $home/.ssh/authorized_keys
done
mkdir -p /run/sshd
/usr/sbin/sshd -p 2400 -o UsePAM=yes
sleep 0.5
in_() { ssh -n -i /root/key -p 2400 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$@"; }
in_ averez@127.0.0.1 true
in_ jdoe@127.0.0.1 'systemctl --user start nosuch.service; sleep 1' || true
in_ -tt averez@127.0.0.1 'sleep 2' &
sleep 1
loginctl lock-sessions || true
loginctl enable-linger jdoe
loginctl list-sessions >/dev/null
loginctl terminate-user averez || true
wait
in_ root@127.0.0.1 'systemd-run --user --unit=mine /bin/false; sleep 1' 2>/dev/null || true
loginctl disable-linger jdoe
sleep 1
# a job that a cron of this machine starts is a session too
systemctl start cron
sleep 0.5
systemctl stop cron
sleep 1
systemctl poweroff --no-block
