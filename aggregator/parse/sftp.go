package parse

import "strings"

// scanSFTP reads what OpenSSH's sftp-server writes, if it was told to (-l INFO): sessions, and each request on a file.
//
//	session opened for local user averez from [192.0.2.7]
//	open "/home/averez/x" flags WRITE,CREATE,TRUNCATE mode 0644
//	close "/home/averez/x" bytes read 0 written 3
//	sent status No such file
//
// A request has no outcome: where it failed, "sent status" says so in the next line.
func scanSFTP(p *Parser, l *line) bool {
	text := strings.TrimSuffix(strings.TrimPrefix(l.text, "error: "), " [postauth]")
	return scanPrefixed(sftpForms, p, l, text)
}

// sftpForms holds what sftp-server says, by its beginning.
var sftpForms = byPrefix([]prefixed[lineScanner]{
	{"session opened for local user ", sftpSession("sftp-session-opened", "start")},
	{"session closed for local user ", sftpSession("sftp-session-closed", "end")},
	{`open "`, sftpOpen},
	{`close "`, sftpClose},
	{`forced close "`, sftpClose},
	{`opendir "`, sftpPath("sftp-opendir", "access")},
	{`closedir "`, sftpPath("sftp-closedir", "info")},
	{`mkdir name "`, sftpPath("sftp-mkdir", "creation")},
	{`rmdir name "`, sftpPath("sftp-rmdir", "deletion")},
	{`remove name "`, sftpPath("sftp-remove", "deletion")},
	{`set "`, sftpPath("sftp-set", "change")},
	{`stat name "`, sftpPath("sftp-stat", "info")},
	{`lstat name "`, sftpPath("sftp-stat", "info")},
	{`realpath "`, sftpPath("sftp-realpath", "info")},
	{`readlink "`, sftpPath("sftp-readlink", "info")},
	{`statvfs "`, sftpPath("sftp-statvfs", "info")},
	{`fsync "`, sftpPath("sftp-fsync", "info")},
	{`rename old "`, sftpTwo("sftp-rename", "change")},
	{`posix-rename old "`, sftpTwo("sftp-rename", "change")},
	{`symlink old "`, sftpTwo("sftp-symlink", "creation")},
	{`hardlink old "`, sftpTwo("sftp-hardlink", "creation")},
	{"sent status ", sftpStatus},
	{"received client version ", sftpVersion},
	{"Refusing ", sftpRefused},
})

// sftpSession reads "U from [A]".
func sftpSession(action, kind string) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
		user, addr, ok := cutLast(rest, " from [")
		addr, closed := strings.CutSuffix(addr, "]")
		if !ok || !closed || user == "" {
			return false
		}
		l.is(action, "session", kind)
		l.user(user)
		if canonical(addr) != "" {
			l.source(addr, "")
		}
		return true
	}
}

// sftpPath reads `PATH"`, and what is set of it: `PATH" mode 0600`.
func sftpPath(action, kind string) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
		path, what, ok := cutLast(rest, `"`)
		if !ok {
			return false
		}
		l.is(action, "file", kind)
		l.put("file.path", path)
		what = strings.TrimPrefix(what, " ")
		if mode, ok := strings.CutPrefix(what, "mode "); ok {
			l.put("file.mode", mode)
		} else if size, ok := strings.CutPrefix(what, "size "); ok && action == "sftp-set" {
			l.number("file.size", size)
		}
		return true
	}
}

// sftpOpen reads `PATH" flags READ,WRITE,CREATE mode 0666`.
func sftpOpen(_ *Parser, l *line, rest string) bool {
	path, flags, ok := cutLast(rest, `" flags `)
	flags, mode, found := strings.Cut(flags, " mode ")
	if !ok || !found {
		return false
	}
	kind := "access"
	switch {
	case strings.Contains(flags, "CREATE"):
		kind = "creation"
	case strings.Contains(flags, "WRITE"), strings.Contains(flags, "APPEND"):
		kind = "change"
	}
	l.is("sftp-open", "file", kind)
	l.put("file.path", path)
	l.put("file.mode", mode)
	l.put("sftp.flags", flags)
	return true
}

// sftpClose reads `PATH" bytes read N written N`.
func sftpClose(_ *Parser, l *line, rest string) bool {
	path, bytes, ok := cutLast(rest, `" bytes read `)
	read, written, found := strings.Cut(bytes, " written ")
	if !ok || !found || !isNumber(read) || !isNumber(written) {
		return false
	}
	l.is("sftp-close", "file", "info")
	l.put("file.path", path)
	l.put("sftp.bytes_read", read)
	l.put("sftp.bytes_written", written)
	return true
}

// sftpTwo reads `OLD" new "NEW"`. Names may hold what stands between them.
func sftpTwo(action, kind string) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
		const middle = `" new "`
		before, after, ok := strings.Cut(rest, middle)
		to, closed := strings.CutSuffix(after, `"`)
		if !ok || !closed {
			return false
		}
		l.is(action, "file", kind)
		l.put("file.path", before)
		l.put("file.target_path", to)
		if strings.Contains(after, middle) {
			l.tag("ambiguous")
		}
		return true
	}
}

func sftpStatus(_ *Parser, l *line, rest string) bool {
	if rest == "" {
		return false
	}
	l.is("sftp-status", "file", "info")
	l.put("event.reason", rest)
	return true
}

func sftpVersion(_ *Parser, l *line, rest string) bool {
	if !isNumber(rest) {
		return false
	}
	l.is("sftp-start", "session", "info")
	l.put("sftp.version", rest)
	return true
}

// sftpRefused reads "remove request in read-only mode" and "denylisted remove request".
func sftpRefused(_ *Parser, l *line, rest string) bool {
	if !strings.Contains(rest, " request") {
		return false
	}
	l.is("sftp-refused", "file", "denied")
	l.put("event.reason", rest)
	return true
}
