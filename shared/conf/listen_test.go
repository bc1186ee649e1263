package conf

import "testing"

func TestCheckListen(t *testing.T) {
	f := func(addr string, ok bool) {
		t.Helper()
		if err := CheckListen(addr); (err == nil) != ok {
			t.Errorf("%q: %v", addr, err)
		}
	}
	f("", true)
	f("127.0.0.1:9100", true)
	f(":8443", true)
	f("[::1]:1", true)
	f("unix:/run/belfry/x.sock", true)
	f("unix:x.sock", false)
	f("unix:", false)
	f("9100", false)
	f("localhost", false)
	f("localhost:", false)
	f("::1", false)
	f("localhost:8443x", false)
	f(":70000", false)
}
