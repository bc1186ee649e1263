package stack

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"belfry/shared/certs"
)

func TestNginx(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Path+r.Header.Get("Authorization"))
	}))
	defer server.Close()
	ca, err := certs.NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	n := OpenNginx(t, NginxConfig{
		Target: server.URL, Authority: ca, User: "alice", Password: `p"a$s s`, APIKey: "aWQ6a2V5", Prefix: "/elastic",
	})
	pem, err := os.ReadFile(n.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	f := func(want int, authorize func(*http.Request)) {
		t.Helper()
		req, err := http.NewRequest("GET", n.URL+"/logs/_count", nil)
		if err != nil {
			t.Fatal(err)
		}
		authorize(req)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); resp.StatusCode != want || err != nil || want == 200 && string(body) != "/logs/_count" {
			t.Errorf("%s: %s", resp.Status, body)
		}
	}
	f(401, func(*http.Request) {})
	f(200, func(r *http.Request) { r.SetBasicAuth("alice", `p"a$s s`) })
	f(401, func(r *http.Request) { r.SetBasicAuth("alice", "guess") })
	f(200, func(r *http.Request) { r.Header.Set("Authorization", "ApiKey aWQ6a2V5") })
	f(401, func(r *http.Request) { r.Header.Set("Authorization", "ApiKey AWQ6a2V5") })
	if _, err := http.Get(n.URL); err == nil {
		t.Error("who does not know the authority is served")
	}
}
