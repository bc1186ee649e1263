package app

import (
	"fmt"
	"testing"
	"time"
)

// What was begun before the aggregator was started anew is ended as if nothing had happened: what is recent it remembers,
// what is older it looks up when it goes on.
func TestJoinsSurviveRestart(t *testing.T) { overEngines(t, joinsSurviveRestart) }

func joinsSurviveRestart(t *testing.T, more string) {
	r := start(t, t.TempDir(), more)
	h := r.newHost("h")
	says := func(ago time.Duration, conn int, text string) string {
		return fmt.Sprintf("%s h slapd[7]: conn=%d %s", time.Now().Add(-ago).UTC().Format("Jan _2 15:04:05"), conn, text)
	}
	send := func(lines ...string) {
		t.Helper()
		if err := r.send(h.seal(lines...)); err != nil {
			t.Fatal(err)
		}
	}
	begin := func(ago time.Duration, conn int) {
		t.Helper()
		send(says(ago, conn, fmt.Sprintf("fd=9 ACCEPT from IP=192.0.2.%d:9 (IP=192.0.2.1:389)", conn)),
			says(ago, conn, fmt.Sprintf(`op=0 BIND dn="uid=user%d,dc=example" method=128`, conn)))
	}
	begin(time.Minute, 1)
	begin(time.Hour, 2)
	begin(time.Minute, 3)
	r.stop()
	r.run()
	send(says(0, 1, "op=0 RESULT tag=97 err=49 text="), says(0, 2, "op=0 RESULT tag=97 err=0 text="))
	r.count(1, "event.action:ldap-bind AND source.ip:192.0.2.1 AND user.name:user1 AND event.outcome:failure")
	r.count(1, "event.action:ldap-bind AND source.ip:192.0.2.2 AND user.name:user2 AND event.outcome:success")

	// One that never ends is told of once, whoever tells it, and is no bind before its result comes after all.
	late := time.Now().Add(time.Hour)
	tell := func() {
		t.Helper()
		r.agg.owed.add(r.agg.pipe.parser.Overdue(late)...)
		if err := r.agg.tellOwed(t.Context()); err != nil {
			t.Error(err)
		}
		r.count(1, "event.action:ldap-incomplete")
		r.count(1, "event.action:ldap-incomplete AND user.name:user3 AND source.ip:192.0.2.3 AND ldap.complete:false AND host.name:h")
	}
	tell()
	r.stop()
	r.run()
	tell()
	r.count(2, "event.action:ldap-bind")
	send(says(0, 3, "op=0 RESULT tag=97 err=0 text="))
	r.count(1, "event.action:ldap-bind AND user.name:user3 AND source.ip:192.0.2.3")
	r.count(2, "event.outcome:success AND event.action:ldap-bind")
	tell()
}

// An operation that waits when the aggregator ends is told of by the next one, however long that is in coming.
func TestWaitingSurvivesDowntime(t *testing.T) {
	r := start(t, t.TempDir())
	h := r.newHost("h")
	begin := func(ago time.Duration, conn int) {
		t.Helper()
		stamp := time.Now().Add(-ago).UTC().Format("Jan _2 15:04:05")
		err := r.send(h.seal(fmt.Sprintf("%s h slapd[7]: conn=%d fd=9 ACCEPT from IP=192.0.2.9:9 (IP=192.0.2.1:389)", stamp, conn),
			fmt.Sprintf(`%s h slapd[7]: conn=%d op=0 BIND dn="uid=a,dc=example" method=128`, stamp, conn)))
		if err != nil {
			t.Fatal(err)
		}
	}
	begin(2*time.Hour+11*time.Minute, 1)
	begin(2*time.Hour, 2)
	r.stop()
	r.run()
	if got := r.agg.pipe.parser.Overdue(time.Now().Add(time.Hour)); len(got) != 2 {
		t.Errorf("%d operations are told of, want 2", len(got))
	}
}
