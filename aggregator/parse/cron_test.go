package parse

import "testing"

func TestCron(t *testing.T) {
	f := func(program, text, action string, want ...string) {
		t.Helper()
		check(t, newReader().says(program, text), append(want, "event.action="+action)...)
	}
	f("CRON[7]", "(root) CMD (echo (a): b)", "cron-job", "process.command_line=echo (a): b", "user.name=root",
		"-event.outcome", "-error.message")
	f("CRON[7]", "(root) CMD ([8] [ -x /a ] && /a)", "cron-job", "process.command_line=[ -x /a ] && /a",
		"cron.job_pid=8")
	f("CROND[7]", "(a) CMD (x) CMD (y)", "cron-job", "process.command_line=x) CMD (y", "user.name=a")
	f("/usr/sbin/cron[7]", "(CRON) STARTUP (fork ok)", "cron-start", "-user.name")
	f("crond[7]", "(CRON) OPENDIR FAILED (/etc/cron.d): No such file or directory", "cron-error",
		"event.reason=OPENDIR FAILED",
		"file.path=/etc/cron.d", "error.message=No such file or directory")
	f("crond[7]", "(a) FAILED to authorize user with PAM (Permission denied)", "cron-error", "user.name=a",
		"error.message=Permission denied")
	f("cron[7]", "(*system*) NUMBER OF HARD LINKS > 1 (/etc/crontab)", "cron-error", "file.path=/etc/crontab",
		"-user.name")
	f("CRON[7]", "(CRON) error (grandchild #8 failed with exit status 3)", "cron-job-failed",
		"event.outcome=failure", "process.exit_code=3", "cron.job_pid=8")
	for _, text := range []string{"", "x", "(root) CMD", "(root) CMD (x", "(root", "(a) x;y (z)"} {
		check(t, newReader().says("cron[7]", text), "-event.action", "-user.name", "-process.command_line")
	}
}
