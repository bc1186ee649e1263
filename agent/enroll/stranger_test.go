package enroll

import (
	"crypto/sha256"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"belfry/shared/certs"
	"belfry/shared/enroll"
)

// A token goes to nobody but a server whose certificate is of the authority of which it has the hash.
func TestTokenGoesToNoStranger(t *testing.T) {
	dir := t.TempDir()
	open := func(name string) (*certs.Authority, certs.Files) {
		ca, err := certs.NewAuthority(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		own, err := ca.Issue("belfry", certs.Request{CommonName: "belfry", Hosts: []string{"127.0.0.1"}, Server: true})
		if err != nil {
			t.Fatal(err)
		}
		return ca, own
	}
	right, ours := open("right")
	wrong, theirs := open("wrong")
	f := func(what string, server certs.Files, shown *certs.Authority, host, want string, asked bool) {
		t.Helper()
		settings, err := server.AskingServer()
		if err != nil {
			t.Fatal(err)
		}
		got := false
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" || r.Method == http.MethodPost {
				got = true
			}
			if r.URL.Path == enroll.AuthorityPath {
				_, _ = w.Write(certs.EncodePEM(shown.Certificate()))
				return
			}
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"error":"the end of this test"}`)
		}))
		s.TLS, s.Config.ErrorLog = settings, log.New(io.Discard, "", 0)
		s.StartTLS()
		defer s.Close()
		_, err = Enroll(t.Context(), Options{
			State: filepath.Join(dir, "state"), Server: strings.Replace(s.URL, "127.0.0.1", host, 1), Host: "web01",
			Token: enroll.Token{Secret: "belfry_x", Authority: sha256.Sum256(right.Certificate().Raw)}.String(),
		})
		if err == nil || !strings.Contains(err.Error(), want) || got != asked {
			t.Errorf("%s: %v, want %q; it got a token: %v", what, err, want, got)
		}
	}
	f("the right one", ours, right, "127.0.0.1", "the end of this test", true)
	f("another authority", theirs, wrong, "127.0.0.1", "not the authority that the token names", false)
	f("another server with our authority's word", theirs, right, "127.0.0.1", "is not of the authority", false)
	f("the right one by another name", ours, right, "localhost", "does not name this host", false)
}
