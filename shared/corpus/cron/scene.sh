# scene.sh runs cron, crontab and anacron in a lab. The clock is the machine's, so that a job waits for its minute.
if [ -x /usr/sbin/crond ]; then VERSION=cronie; else VERSION=vixie; fi
for u in averez eve gone; do useradd -m -s /bin/bash $u; done
set +e
take -
echo eve >/etc/cron.deny
tab() { printf '%s\n' "$2" | setpriv --reuid="$1" --regid="$1" --init-groups crontab - 2>/dev/null || true; }
tab averez '* * * * * echo "a (b) c"; true'
tab eve '* * * * * true'
tab gone '* * * * * true'
setpriv --reuid=averez --regid=averez --init-groups crontab -l >/dev/null 2>&1 || true
printf '#!/bin/sh\necho "0 5 * * * /usr/bin/backup" >>"$1"\n' >/edit; chmod 755 /edit
EDITOR=/edit setpriv --reuid=averez --regid=averez --init-groups crontab -e >/dev/null 2>&1 || true
EDITOR=true setpriv --reuid=averez --regid=averez --init-groups crontab -e >/dev/null 2>&1 || true
crontab -u averez -l >/dev/null 2>&1 || true
rm -f /etc/cron.d/* /etc/crontab
cat >/etc/cron.d/job <<'END'
* * * * * root   /bin/true
* * * * * averez /bin/echo out
* * * * * root   /bin/sh -c 'exit 3'
END
chmod 644 /etc/cron.d/job
cat >/etc/cron.d/bad <<'END'
* * * * nosuch /bin/true
99 * * * * root /bin/true
END
echo '* * * * * root true' >/etc/cron.d/open; chmod 666 /etc/cron.d/open
echo '* * * * * nosuch /bin/true' >/etc/cron.d/who
echo '@reboot root /bin/echo started' >/etc/cron.d/boot
if [ $VERSION = vixie ]; then cron -L 15; else crond -s; fi
sleep 62
tab averez '* * * * * echo changed'
userdel gone
sed -i 's/true/false/' /etc/cron.d/job
setpriv --reuid=eve --regid=eve --init-groups crontab -r >/dev/null 2>&1 || true
sleep 62
setpriv --reuid=averez --regid=averez --init-groups crontab -r >/dev/null 2>&1 || true
kill "$(cat /run/crond.pid)"; sleep 1
if [ $VERSION = vixie ]; then cron -L 1; cron -L 1 || true; else crond -s -i; crond -s || true; fi
sleep 2
kill "$(cat /run/crond.pid)"; sleep 0.5
take "jobs-$VERSION"
printf 'SHELL=/bin/sh\n1 0 daily1 /bin/true\n7 0 weekly1 /bin/sh -c "exit 2"\n1 0 speaks echo output\n@monthly 0 monthly1 kill -9 $$\n@never 0 x y\n' >/etc/anacrontab
if command -v anacron >/dev/null; then
	anacron -d >/dev/null 2>&1 || true
	anacron -d >/dev/null 2>&1 || true
	anacron -f -n -s -d >/dev/null 2>&1 || true
	anacron -u >/dev/null 2>&1 || true
	take "anacron-$VERSION"
fi
