package enroll

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"belfry/shared/certs"
	"belfry/shared/enroll"
)

// made is what an enrolment brings, of an authority in dir.
func made(t *testing.T, dir, name string, lifetime time.Duration) next {
	t.Helper()
	ca, err := certs.NewAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	key, text, err := certs.MakeCSR(name)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := certs.ReadCSR(text)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.Sign(csr.Key, certs.Request{CommonName: name, Client: true, Lifetime: lifetime})
	if err != nil {
		t.Fatal(err)
	}
	return next{
		Ship{Version: shipVersion, URL: "https://logs:8443", AMQP: []string{"amqps://mq:5671/"}},
		certs.EncodePEM(ca.Certificate()), certs.EncodePEM(cert), key,
	}
}

func TestFolder(t *testing.T) {
	state := t.TempDir()
	f := In(state)
	if _, err := f.Ship(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before: %v", err)
	}
	ca := filepath.Join(state, "ca")
	if err := f.write(made(t, ca, "agent-web01", time.Hour)); err != nil {
		t.Fatal(err)
	}
	s, err := f.Ship()
	if err != nil || s.URL != "https://logs:8443" || len(s.AMQP) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if err := f.Files().Validate(); err != nil {
		t.Error(err)
	}
	if name, _, until, err := f.Certificate(); err != nil || name != "agent-web01" || time.Until(until) > time.Hour {
		t.Errorf("%s until %v, %v", name, until, err)
	}
	if st, err := os.Stat(f.Files().Key); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	if err := f.free(false); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("a valid certificate would be replaced: %v", err)
	}
	if err := f.free(true); err != nil {
		t.Error(err)
	}
}

// A change that was cut off anywhere is brought to its end: a key never stays beside the certificate of another one.
func TestCutOff(t *testing.T) {
	state := t.TempDir()
	f, ca := In(state), filepath.Join(state, "ca")
	old := made(t, ca, "agent-old", time.Hour)
	anew := made(t, ca, "agent-new", time.Hour)
	text, err := json.Marshal(anew)
	if err != nil {
		t.Fatal(err)
	}
	for written := range 5 {
		if err := f.write(old); err != nil {
			t.Fatal(err)
		}
		steps := []struct {
			name string
			text []byte
		}{{nextName, text}, {"key.pem", anew.Key}, {"cert.pem", anew.Certificate}, {"ca.pem", anew.Authorities}}
		for _, s := range steps[:min(written, len(steps))] {
			if err := os.WriteFile(f.path(s.name), s.text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := f.Ship(); err != nil {
			t.Fatal(err)
		}
		name, _, _, err := f.Certificate()
		if want := map[bool]string{true: "agent-old", false: "agent-new"}[written == 0]; err != nil || name != want {
			t.Errorf("cut off after %d files: %q, %v", written, name, err)
		}
		if _, err := os.Stat(f.path(nextName)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("cut off after %d files: what is next stays: %v", written, err)
		}
	}
}

func TestVersion1(t *testing.T) {
	state := t.TempDir()
	text, err := os.ReadFile(filepath.Join("testdata", "ship-v1.json"))
	if err == nil {
		err = os.Mkdir(In(state).dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(In(state).path(shipName), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := In(state).Ship()
	if err != nil || s.URL != "https://logs.example.org:8443" || len(s.AMQP) != 2 || !strings.HasPrefix(s.Trusted, "-----BEGIN") {
		t.Errorf("%+v, %v", s, err)
	}
}

// A certificate is renewed after two thirds of its life at the latest, and hosts that enrolled together spread.
func TestDue(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	f := func(early float64, want time.Duration) {
		t.Helper()
		if got := due(from, from.Add(30*24*time.Hour), early).Sub(from); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	f(0, 20*24*time.Hour)
	f(1, 17*24*time.Hour)
}

// What comes from the aggregator is used only if it works with the key that was made here.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	mine, other := made(t, filepath.Join(dir, "ca"), "agent-a", time.Hour), made(t, filepath.Join(dir, "other"), "agent-a", time.Hour)
	f := func(name string, cert, authorities, key []byte, want string) {
		t.Helper()
		err := check(answerOf(cert, authorities), name, key)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f("agent-a", mine.Certificate, mine.Authorities, mine.Key, "")
	f("agent-b", mine.Certificate, mine.Authorities, mine.Key, `is of "agent-a"`)
	f("agent-a", mine.Certificate, mine.Authorities, other.Key, "private key does not match")
	f("agent-a", mine.Certificate, other.Authorities, mine.Key, "unknown authority")
	f("agent-a", mine.Certificate, nil, mine.Key, "authorities: no certificate")
}

func TestServer(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got, err := checkServer(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	f("https://logs.example.org", "https://logs.example.org:8443")
	f("https://logs.example.org:443/", "https://logs.example.org:443")
	f("https://[2001:db8::1]", "https://[2001:db8::1]:8443")
	for _, bad := range []string{"", "http://logs:8443", "logs:8443", "https://u@logs", "https://logs/x"} {
		f(bad, "")
	}
}

// An address that the aggregator tells is as good as one that is named here: without a port it is that of 8443.
func TestCheckMakesAddressWhole(t *testing.T) {
	m := made(t, t.TempDir(), "agent-a", time.Hour)
	f := func(told, want string) {
		t.Helper()
		a := answerOf(m.Certificate, m.Authorities)
		a.URL = told
		if err := check(a, "agent-a", m.Key); (err == nil) != (want != "!") || err == nil && a.URL != want {
			t.Errorf("%q: %q, %v", told, a.URL, err)
		}
	}
	f("", "")
	f("https://logs.example.org", "https://logs.example.org:8443")
	f("https://logs.example.org:443/", "https://logs.example.org:443")
	f("http://logs.example.org", "!")
}

func answerOf(cert, authorities []byte) *enroll.Answer {
	return &enroll.Answer{Certificate: string(cert), Authorities: string(authorities)}
}
