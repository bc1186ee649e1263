package ca

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"belfry/shared/certs"
)

func authority(t *testing.T) (*CA, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ca")
	c, err := Init(dir, "Our logs", 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return c, dir
}

func open(t *testing.T, dir string) *CA {
	t.Helper()
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func key(t *testing.T) crypto.PublicKey {
	t.Helper()
	_, text, err := certs.MakeCSR("x")
	if err != nil {
		t.Fatal(err)
	}
	r, err := certs.ReadCSR(text)
	if err != nil {
		t.Fatal(err)
	}
	return r.Key
}

func issue(t *testing.T, c *CA, name string) *x509.Certificate {
	t.Helper()
	made, err := c.Issue(key(t), certs.Request{CommonName: name, Client: true}, Origin{How: ByEnrollment, By: "token"})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func states(t *testing.T, c *CA) string {
	t.Helper()
	all, err := c.List()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range all {
		fmt.Fprintf(&b, "%s %s %s;", e.Name, e.How, e.State(time.Now()))
	}
	return b.String()
}

// What one process signs and revokes, every other one knows.
func TestLife(t *testing.T) {
	c, dir := authority(t)
	if _, err := Init(dir, "other", time.Hour); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made again: %v", err)
	}
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	other := open(t, dir)
	one, two := issue(t, c, "agent-a"), issue(t, c, "agent-b")
	third, err := other.Renew(one, key(t), certs.Request{Client: true, Lifetime: time.Hour}, "192.0.2.1")
	if err != nil || third.Subject.CommonName != "agent-a" {
		t.Fatal(third, err)
	}
	if got, want := states(t, c), "agent-a enroll valid;agent-b enroll valid;agent-a renew valid;"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	before := time.Now()
	gone, err := other.Revoke("agent-a", "is gone", "root", false)
	if err != nil || len(gone) != 2 {
		t.Fatal(gone, err)
	}
	if gone, err := other.Revoke("agent-a", "again", "root", false); err != nil || len(gone) != 0 {
		t.Errorf("revoked again: %v, %v", gone, err)
	}
	c.looked = time.Time{} // a second later
	for _, cert := range []*x509.Certificate{one, third} {
		if err := c.Refuses(cert); !errors.Is(err, ErrRevoked) || !strings.Contains(err.Error(), "is gone") {
			t.Errorf("refuses: %v", err)
		}
		if err := c.Unsigned(cert, before); err != nil {
			t.Errorf("signed before: %v", err)
		}
		if err := c.Unsigned(cert, time.Now()); !errors.Is(err, ErrRevoked) {
			t.Errorf("signed after: %v", err)
		}
		if _, err := c.Renew(cert, key(t), certs.Request{}, ""); !errors.Is(err, ErrRevoked) {
			t.Errorf("renewed: %v", err)
		}
	}
	if err := c.Refuses(two); err != nil {
		t.Error(err)
	}
	late := *two
	late.NotAfter = time.Now().Add(-time.Second)
	if err := c.Refuses(&late); !errors.Is(err, ErrExpired) {
		t.Errorf("a connection that is older than its certificate: %v", err)
	}
	// By serial, as openssl prints it; and of a compromised key nothing counts.
	serial := "0" + strings.ToUpper(serialOf(two))
	if gone, err := c.Revoke(serial, "stolen", "root", true); err != nil || len(gone) != 1 || gone[0].Name != "agent-b" {
		t.Errorf("%v, %v", gone, err)
	}
	if err := c.Unsigned(two, before); !errors.Is(err, ErrRevoked) {
		t.Errorf("signed before it was stolen: %v", err)
	}
	if gone, err := c.Revoke("agent-a", "stolen, too", "root", true); err != nil || len(gone) != 2 {
		t.Errorf("revoked, and then compromised: %v, %v", gone, err)
	}
	if err := c.Unsigned(one, before); !errors.Is(err, ErrRevoked) {
		t.Errorf("signed before, compromised later: %v", err)
	}
	if _, err := c.Revoke("agent-c", "x", "root", false); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
	if got, want := states(t, open(t, dir)), "agent-a enroll revoked;agent-b enroll revoked;agent-a renew revoked;"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Certificates of other authorities are not renewed, whatever they are called.
func TestForeign(t *testing.T) {
	c, _ := authority(t)
	other, _ := authority(t)
	if _, err := c.Renew(issue(t, other, "agent-a"), key(t), certs.Request{}, ""); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
	server, err := c.Issue(key(t), certs.Request{CommonName: "agent-s", Server: true}, Origin{How: ByHand})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Renew(server, key(t), certs.Request{}, ""); !errors.Is(err, ErrForeign) {
		t.Errorf("a server's: %v", err)
	}
	if got := states(t, c); got != "agent-s issue valid;" {
		t.Error(got)
	}
}

// A journal that was cut anywhere tells all its whole lines, and grows on.
func TestCutOff(t *testing.T) {
	c, dir := authority(t)
	issue(t, c, "agent-a")
	issue(t, c, "agent-b")
	path := filepath.Join(dir, "issued.ndjson")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := strings.IndexByte(string(whole), '\n') + 1
	long := append(slices.Clone(whole), strings.Repeat("x", 4096)...) // of a line that told more than what comes after it
	for _, n := range []int{0, 1, first - 1, first, first + 1, len(whole) - 1, len(whole), len(long)} {
		if err := os.WriteFile(path, long[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		want := strings.Count(string(long[:n]), "\n")
		c := open(t, dir)
		issue(t, c, "agent-c")
		if text, err := os.ReadFile(path); err != nil || text[len(text)-1] != '\n' { // jq reads it, too
			t.Errorf("cut at %d: the file ends in the middle of a line, %v", n, err)
		}
		for _, c := range []*CA{c, open(t, dir)} {
			if all, err := c.List(); err != nil || len(all) != want+1 || all[want].Name != "agent-c" {
				t.Errorf("cut at %d: %v, %v", n, all, err)
			}
		}
	}
	// What is damaged may be a revocation.
	if err := os.WriteFile(path, slices.Concat(whole[:first], []byte("{\n"), whole[first:]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "issued.ndjson:2: ") {
		t.Errorf("%v", err)
	}
}

// What was revoked stays so for who knows it, whatever becomes of the file.
func TestJournalGone(t *testing.T) {
	c, dir := authority(t)
	cert := issue(t, c, "agent-a")
	if _, err := c.Revoke("agent-a", "x", "", false); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "issued.ndjson")); err != nil {
		t.Fatal(err)
	}
	c.looked = time.Time{}
	if err := c.Refuses(cert); !errors.Is(err, ErrRevoked) {
		t.Error(err)
	}
	if _, err := c.List(); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// Processes that sign at once lose nothing of each other.
func TestTogether(t *testing.T) {
	_, dir := authority(t)
	var all sync.WaitGroup
	const each = 10
	for i := range 4 {
		c := open(t, dir)
		all.Go(func() {
			for n := range each {
				if _, err := c.Issue(key(t), certs.Request{CommonName: fmt.Sprintf("agent-%d-%d", i, n)}, Origin{How: ByHand}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	names := make(map[string]bool)
	list, err := open(t, dir).List()
	for _, e := range list {
		names[e.Name] = true
	}
	if err != nil || len(list) != 4*each || len(names) != 4*each {
		t.Errorf("%d entries of %d names, %v", len(list), len(names), err)
	}
}

func TestFollow(t *testing.T) {
	c, dir := authority(t)
	issue(t, c, "agent-a")
	issue(t, c, "agent-b")
	f := open(t, dir).Follow(1)
	next := func(want ...string) int {
		t.Helper()
		news, lines, err := f.Next()
		var got []string
		for _, n := range news {
			got = append(got, n.Do+" "+n.Name)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v, want %v", got, err, want)
		}
		return lines
	}
	if n := next("enroll agent-b"); n != 2 {
		t.Errorf("%d lines", n)
	}
	next()
	if _, err := c.Revoke("agent-a", "x", "", false); err != nil {
		t.Fatal(err)
	}
	if n := next("revoke agent-a"); n != 3 {
		t.Errorf("%d lines", n)
	}
}

// Today's journal is read for ever.
func TestVersion1(t *testing.T) {
	c, dir := authority(t)
	text, err := os.ReadFile(filepath.Join("testdata", "issued-v1.ndjson"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "issued.ndjson"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.List()
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	want := Entry{
		Name: "agent-web01", Serial: "6fd1c2", From: stamp("2026-11-29T04:00:00Z"), Until: stamp("2026-12-29T05:00:00Z"),
		How: ByEnrollment, Issued: stamp("2026-11-29T05:00:00Z"), Revoked: stamp("2026-11-30T12:00:00Z"), Reason: "stolen", Compromised: true,
	}
	if all[1] != want {
		t.Errorf("%+v, want %+v", all[1], want)
	}
}

func stamp(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return at
}
