package query

import (
	"testing"

	"belfry/shared/event"
)

// typical are queries as they are asked, of each kind.
var typical = []string{
	"user.name:averez AND process.name:sudo",
	"nosuch",
	`"usr bin su" AND NOT ave*z`,
	"process.pid:>=1000",
	"source.ip:10.0.0.0/8",
	"@timestamp:[2026-11-23 TO 2026-11-24}",
	"process.command_line:/.*su( -c)? .*/",
	"message:/comm.*/",
	"NOT event.outcome:* OR user.name:(root OR bob OR carol)",
}

func sudoLine() *event.Event {
	return line("@timestamp", "2026-11-23T17:54:15Z", "host.name", "web-01", "process.name", "sudo", "process.pid", "4711",
		"user.name", "averez", "source.ip", "192.168.7.9", "process.command_line", "/usr/bin/su -c id",
		"message", "averez : TTY=pts/0 ; PWD=/srv/lab ; USER=root ; COMMAND=/usr/bin/su -c id",
		"event.original", "Nov 23 17:54:15 vm sudo:   averez : TTY=pts/0 ; PWD=/srv/lab ; COMMAND=/usr/bin/su -c id")
}

func TestMatchAllocatesNothing(t *testing.T) {
	e := sudoLine()
	for _, text := range typical {
		x := parse(t, text)
		if n := testing.AllocsPerRun(100, func() { x.Match(e) }); n >= 1 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	e := sudoLine()
	for _, text := range typical {
		x, err := Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.Match(e)
			}
		})
	}
}
