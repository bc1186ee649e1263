package syslog

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"belfry/shared/conf"
)

// refused says whether the other side hung up.
func refused(c net.Conn) bool {
	if c.SetReadDeadline(time.Now().Add(20*time.Second)) != nil {
		return false
	}
	_, err := c.Read(make([]byte, 1))
	var late net.Error
	return err != nil && (!errors.As(err, &late) || !late.Timeout())
}

func TestConnectionLimits(t *testing.T) {
	r := start(t, Config{Listen: "tcp://127.0.0.1:0", MaxConnections: 2}, &sink{})
	a := r.dial()
	r.dial()
	r.counts("open_connections 2")
	if !refused(r.dial()) {
		t.Error("a third connection was taken")
	}
	r.counts(`refused_connections_total{transport="tcp",reason="total"} 1`)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	r.counts("open_connections 1")
	r.write(r.dial(), "<13>a\n")
	r.takes("<13>a")

	r = start(t, Config{Listen: "tcp://127.0.0.1:0", MaxPerAddress: 1}, &sink{})
	r.dial()
	r.counts("open_connections 1")
	if !refused(r.dial()) {
		t.Error("a second connection of one address was taken")
	}
	r.counts(`refused_connections_total{transport="tcp",reason="address"} 1`)
}

func TestDoorTakesANetworkForOneSender(t *testing.T) {
	d := newDoor(10, 1)
	f := func(addr string, want verdict) {
		t.Helper()
		if got := d.enter(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
	f("2001:db8::1", admitted)
	f("2001:db8::2", fullForAddress)
	f("2001:db8:0:1::1", admitted)
	f("fe80::1%eth0", admitted)
	f("fe80::1%eth1", fullForAddress)
	f("10.0.0.1", admitted)
	f("10.0.0.2", admitted)
	d.leave(netip.MustParseAddr("2001:db8::1"))
	f("2001:db8::2", admitted)
	if d.open != 5 || len(d.held) != 5 {
		t.Errorf("%d open, %d held", d.open, len(d.held))
	}
}

func TestSilentConnectionsAreClosed(t *testing.T) {
	r := start(t, Config{Listen: "tcp://127.0.0.1:0", Idle: conf.Duration(time.Second)}, &sink{})
	c := r.dial()
	r.write(c, "<13>a\n<13>b") // and no end
	if !refused(c) {
		t.Error("still open")
	}
	r.takes("<13>a", "<13>b")
}

// A bug in what handles a message costs that connection, or that datagram, and no other.
func TestPanicsStayWhereTheyAre(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		r := start(t, Config{Listen: transport + "://127.0.0.1:0"}, &sink{fail: func(m Message) error {
			if string(m.Raw) == "<13>bug" {
				panic("bug")
			}
			return nil
		}})
		r.write(r.dial(), "<13>bug\n")
		r.counts(`dropped_messages_total{transport="` + transport + `",reason="panic"} 1`)
		r.write(r.dial(), "<13>a\n")
		r.takes("<13>a")
	}
}

func TestErrorsOfTheSink(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		r := start(t, Config{Listen: transport + "://127.0.0.1:0"}, &sink{fail: func(m Message) error {
			if string(m.Raw) == "<13>no" {
				return errors.New("no")
			}
			return nil
		}})
		c := r.dial()
		r.write(c, "<13>no\n")
		r.counts(`dropped_messages_total{transport="`+transport+`",reason="sink"} 1`,
			`dropped_bytes_total{transport="`+transport+`"} 6`)
		if transport == "tcp" && !refused(c) {
			t.Error("a sender whose message was not taken is not told")
		}
		r.write(r.dial(), "<13>a\n")
		r.takes("<13>a")
	}
}
