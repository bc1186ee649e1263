package parse

import "testing"

// Each target gives what its programs may have said to the parser; the seeds are the forms that they have.

func FuzzSSHD(f *testing.F) {
	fuzzProgram(f, "sshd[7]",
		"Accepted publickey for a from 192.0.2.7 port 4 ssh2: ED25519-CERT SHA256:x ID b from 9.9.9.9 port 22 ssh2 (serial 7) CA RSA SHA256:y",
		"error: PAM: Authentication failure for illegal user x from 192.0.2.7\nFailed keyboard-interactive/pam for invalid user x from 192.0.2.7 port 4 ssh2\nConnection closed by invalid user x 192.0.2.7 port 4 [preauth]",
		"Failed publickey for a from ::1 port 4 ssh2: RSA SHA256:x\nfatal: Access denied for user a by PAM account configuration [preauth]\nDisconnecting: Too many authentication failures for a [preauth]",
		"Invalid user a from 192.0.2.7 port 4\nConnection closed by 192.0.2.7 port 4 [preauth]\nReceived disconnect from 192.0.2.7: 11: Bye [preauth]",
		"ROOT LOGIN REFUSED FROM 192.0.2.7 port 4\nfatal: monitor_child_preauth: x\nTimeout before authentication for connection from 192.0.2.7 to 192.0.2.1, pid = 7",
		"ssh_dispatch_run_fatal: Connection from authenticating user a 192.0.2.7 port 4: Broken pipe [preauth]\n/k:1: Authentication tried for a with correct key but not from a permitted host (host=h, ip=192.0.2.7, required=x).",
		"Starting session: forced-command (config) 'a b' on pts/0 for a from 192.0.2.7 port 4 id 0\nClose session: user a from 192.0.2.7 port 4 id 0\nTransferred: sent 1, received 2 bytes",
		"Accepted certificate ID \"a\" (serial 7) signed by RSA CA SHA256:x via /ca.pub\nAccepted key RSA SHA256:x found at /k:1\nsubsystem request for sftp by user a failed, subsystem not found",
		"Received request from 192.0.2.7 port 4 to connect to host h port 5, but the request was denied.\nrefused local port forward: originator a port 1, target b port 2\nconnect_to h port 1: failed.\nbind [::1]:80: x",
		"Connection from 192.0.2.7 port 4 on 192.0.2.1 port 22 rdomain \"\"\nConnection from user a 192.0.2.7 port 4 timed out\nAddress 192.0.2.7 maps to h, but this does not map back to the address.\nNasty PTR record \"h\" is set up for 192.0.2.7, ignoring",
		"scanned from 192.0.2.7 port 4 with SSH-1.0-x.  Don't panic.\nProtocol major versions differ for 192.0.2.7 port 4: a vs. b\nRead error from remote host 192.0.2.7 port 4: x\nTimeout, client not responding from user a 192.0.2.7 port 4",
	)
}

func FuzzSFTP(f *testing.F) {
	fuzzProgram(f, "sftp-server[7]",
		"session opened for local user a from [192.0.2.7]\nopen \"/x\" flags READ,CREATE mode 0644\nclose \"/x\" bytes read 1 written 2",
		"rename old \"a\" new \"b\" new \"c\"\nset \"/x\" mode 0600\nset \"/x\" size 1\nsent status No such file\nreceived client version 3\nRefusing remove request in read-only mode",
	)
}

func FuzzDropbear(f *testing.F) {
	fuzzProgram(f, "dropbear[7]",
		"Child connection from 192.0.2.7:4\nBad password attempt for 'a' from 192.0.2.7:4\nExit before auth from <192.0.2.7:4>: (user 'a', 1 fails): x",
		"Login attempt for nonexistent user\nExit before auth from <[::1]:4>: Max auth tries reached - user 'a'\nExit (a) from <192.0.2.7:4>: x\nEarly exit: x",
		"Pubkey auth succeeded for 'a' with ssh-rsa key SHA256:x from ::1:4, extra auth required\nPubkey auth bad signature for 'a' with key x from 192.0.2.7:4\nUser 'a' has invalid shell, rejected\nGenerated hostkey /k, fingerprint is x",
	)
}

func FuzzPAM(f *testing.F) {
	for _, program := range []string{"", "gdm(pam_unix)[7]"} {
		f.Add("pam_unix(x:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser=a rhost=b rhost=::1  user=c", program)
	}
	for _, text := range []string{
		"pam_sss(x:auth): authentication success; logname= uid=0 euid=0 tty= ruser= rhost= user=a\npam_sss(x:auth): received for user a: 7 (x)",
		"pam_unix(x:auth): 2 more authentication failures; logname= uid=0 euid=0 tty= ruser= rhost=192.0.2.7 user=a\npam_unix(x:auth): check pass; user (a) unknown",
		"pam_tally2(x:auth): user a (7) tally 6, deny 5\npam_lastlog(x:account): user a inactive for 7 days - denied\npam_userdb(x:auth): user `a' denied access (x)",
		"pam_wheel(x:auth): Access denied to 'a' for 'b'\npam_succeed_if(x:auth): requirement \"a\" not met by user \"b\"\npam_limits(x:session): Too many logins (max 2) for a",
		"pam_warn(x:auth): function=[a] flags=0 service=[b] terminal=[c] user=[d] ruser=[e] rhost=[::1]\npam_exec(x:auth): /bin/a failed: exit code 1",
		"(pam_unix) session opened for user a by (uid=0)\nPAM 1 more authentication failure; logname= uid=0 euid=0 tty= ruser= rhost=  user=a",
		"pam_unix(x:auth): service(x) ignoring max retries; 4 > 3\npam_unix(x:auth): user [a] has blank password; authenticated without it\npam_listfile(x:auth): Refused user a for service b",
	} {
		f.Add(text, "gdm[7]")
		f.Add(text, "su[7]")
	}
	f.Fuzz(func(t *testing.T, text, program string) { fuzzLines(t, text, program) })
}

func FuzzShadow(f *testing.F) {
	fuzzProgram(f, "usermod[7]",
		"new user: name=a, UID=0, GID=1, home=/a, shell=/b, from=/dev/pts/0\nchange user 'a' UID from '1' to '0'\nchange user 'a' home from '/a' to '/b'",
		"change 'a' to 'b' in shadow group 'c'\nadd group 'a' to '/etc/gshadow'\ndelete passwd line 'a:x:1:'\nfailed to add user a\nfile /etc/passwd edited",
		"user 'a' (login 'b' on pts/0) switched to group 'c'\nInvalid password for group 'a' from 'b'\nAttempted login by a (UID: 7) on pts/0 SSH_ORIGINAL_COMMAND=x\nincorrect password for 'a'",
	)
}

func FuzzAdduser(f *testing.F) {
	fuzzProgram(f, "adduser[7]", "Adding new user `a' (7) with group `b (8)' ...\nAdding user `a' to group `b' ...\nRemoving user `a' from group `b' ...\nRemoving group `b' ...\nx ...")
}

func FuzzLogin(f *testing.F) {
	fuzzProgram(f, "login[7]",
		"FAILED LOGIN 1 FROM tty1 FOR a FOR b, c, Authentication failure\nFAILED LOGIN (1) on '/dev/tty1' from '::1' FOR 'a', x\nTOO MANY LOGIN TRIES (5) on '/dev/tty1' FOR 'a'",
		"ROOT LOGIN ON tty1 FROM ::1\nLOGIN ON tty1 BY a FROM b\nROOT LOGIN  on '/dev/tty1' from '::1'\n'a' logged in  on '/dev/tty1'\nLOGIN 'a' REFUSED  on '/dev/tty1'",
	)
}

func FuzzCron(f *testing.F) {
	fuzzProgram(f, "CRON[7]",
		"(root) CMD ([8]   /bin/a (b) c)\n(a) REPLACE (b)\n(*system*) RELOAD (/etc/crontab)\n(*system*x) INSECURE MODE (a/b c) (/x)",
		"(CRON) error (grandchild #8 failed with exit status 3)\n(CRON) DEATH (x: y): z\n(a) WRONG FILE OWNER (crontabs/a)\nError: bad username; while reading /x",
	)
}

func FuzzAnacron(f *testing.F) {
	fuzzProgram(f, "anacron[7]", "Job `a' terminated (exit status: 1) (mailing output)\nJob `a' started\nWill run job `a' in 5 min.\nNormal exit (1 job run)\n/etc/anacrontab: x")
}

func FuzzSystemd(f *testing.F) {
	fuzzProgram(f, "systemd[1]",
		"Started session-1.scope - Session 1 of User a.\nStarted Session c1 of user a.\nStarting a@b.service - A - b...\nReached target x.target - X.",
		"a.service: Main process exited, code=exited, status=3/X\na.service: Failed with result 'x'.\na.service: Deactivated successfully.\na.service: Scheduled restart job, restart counter is at 2.",
		"a.service: Killing process 7 (x y) with signal SIGKILL.\na.mount: Job a.mount/start failed with result 'x'.\na.service: Failed at step EXEC spawning /x: y: z",
		"/etc/a.service:2: Unknown key\nReloading requested from client PID 7 ('x') (unit y)...\nsystemd 252 running in system mode\nUnit a.service entered failed state.\nCondition check resulted in X being skipped.",
	)
}

func FuzzLogind(f *testing.F) {
	fuzzProgram(f, "systemd-logind[7]",
		"New session 1 of user a.\nSession 1 logged out. Waiting for processes to exit.\nRemoved session 1.",
		"New session '2' of user 'a' with class 'user' and type 'tty'.\nRemoved session 2.\nNew seat seat0.\nThe system will power off now!\nSystem is powering down.",
	)
}

func FuzzCoredump(f *testing.F) {
	fuzzProgram(f, "systemd-coredump[7]", "Process 8 (a) b) of user 1001 dumped core.")
}

func FuzzTimesync(f *testing.F) {
	fuzzProgram(f, "systemd-timesyncd[7]", "Contacted time server 192.0.2.1:123 (h).\nTimed out waiting for reply from [::1]:123 (h).")
}
