package main

// What the lines are made of.
var (
	roles   = []string{"web", "db", "mail", "ldap", "build", "cache", "proxy", "node"}
	users   = []string{"averez", "jdoe", "bob", "carol", "dave", "eve", "mallory", "svc", "deploy", "backup", "kim", "lars", "noor"}
	guesses = []string{"admin", "test", "oracle", "postgres", "ubuntu", "git", "user", "ftp", "www", "minecraft", "pi", "steam"}
	ports   = []int{22, 23, 80, 443, 445, 1433, 3306, 3389, 5432, 5900, 6379, 8080, 9200}
	units   = []string{"logrotate.service", "man-db.service", "apt-daily.service", "fstrim.service", "phpsessionclean.service",
		"systemd-tmpfiles-clean.service", "certbot.service", "sysstat-collect.service", "e2scrub_all.service"}
	jobs = []string{"cd / && run-parts --report /etc/cron.hourly", "/usr/local/bin/backup --quiet", "command -v debian-sa1 > /dev/null && debian-sa1 1 1",
		"[ -x /usr/lib/php/sessionclean ] && /usr/lib/php/sessionclean", "/opt/metrics/push.sh", "su - www-data -c /srv/app/cron.php"}
	commands = []string{"/usr/bin/systemctl restart nginx", "/usr/bin/apt-get update", "/usr/bin/less /var/log/syslog", "/usr/bin/id",
		"/usr/bin/tail -f /var/log/auth.log", "/usr/sbin/ss -tlnp", "/usr/bin/vim /etc/hosts", "/usr/bin/sudoedit /etc/sudoers",
		"/usr/local/bin/su-report --daily", "/usr/bin/ls -l /usr/bin/su", "/usr/bin/journalctl -u sshd", "/usr/bin/docker ps",
		"/usr/bin/suspend-check", "/bin/chown averez /srv/lab"}
	suCommands = []string{"/usr/bin/su", "/usr/bin/su -", "/bin/su - root", "/usr/bin/su - postgres", "/usr/bin/su -c id", "/bin/su"}
)
