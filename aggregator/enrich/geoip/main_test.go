package main

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/oschwald/maxminddb-golang/v2"
)

func TestConvert(t *testing.T) {
	var out bytes.Buffer
	err := convert(strings.NewReader("1.0.4.0,1.0.7.255,38803,Gtelecom Pty Ltd\n1.1.1.0,1.1.1.6,13335,\"Cloudflare, Inc.\"\n"+
		"2001::,2001::ffff:ffff:ffff:ffff:ffff:ffff,6939,Hurricane Electric LLC\n2001:200::,2001:200:1b9:ffff:ffff:ffff:ffff:ffff,2500,WIDE\n"), &out)
	if err != nil {
		t.Fatal(err)
	}
	r, err := maxminddb.OpenBytes(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(); err != nil {
		t.Error(err)
	}
	f := func(addr string, number uint32, organization string) {
		t.Helper()
		var got struct {
			Number       uint32 `maxminddb:"autonomous_system_number"`
			Organization string `maxminddb:"autonomous_system_organization"`
		}
		if err := r.Lookup(netip.MustParseAddr(addr)).Decode(&got); err != nil || got.Number != number || got.Organization != organization {
			t.Errorf("%s: %+v, %v", addr, got, err)
		}
	}
	f("1.0.3.255", 0, "")
	f("1.0.4.0", 38803, "Gtelecom Pty Ltd")
	f("1.0.7.255", 38803, "Gtelecom Pty Ltd")
	f("1.0.8.0", 0, "")
	f("1.1.1.6", 13335, "Cloudflare, Inc.")
	f("1.1.1.7", 0, "")
	f("2001::1", 6939, "Hurricane Electric LLC")
	f("2001:200:1b9::1", 2500, "WIDE")
}

func TestConvertFaults(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		var out bytes.Buffer
		if err := convert(strings.NewReader(text), &out); err == nil || !strings.Contains(err.Error(), want) || out.Len() > 0 {
			t.Errorf("%q: %v, %d bytes; want %s", text, err, out.Len(), want)
		}
	}
	f("1.0.4.0,1.0.7.255,1,x\n1.0.4,1.0.7.255,38803,x\n", "line 2: ")
	f("1.0.4.0,1.0.7,38803,x\n", "line 1: ")
	f("1.0.4.0,1.0.7.255,AS1,x\n", "line 1: ")
	f("1.0.7.0,1.0.4.255,1,x\n", "line 1: ")
	f("1.0.4.0,::1,1,x\n", "line 1: ")
	f("1.0.4.0,1.0.7.255,1\n", "record on line 1")
	f("\"x", "read ranges: ")
}
