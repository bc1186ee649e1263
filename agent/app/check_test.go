package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"belfry/agent/config"
	"belfry/agent/input/file"
	"belfry/agent/ship/https"
	"belfry/shared/broker"
	"belfry/shared/certs"
)

// certificate writes one that is valid for a while from now on.
func certificate(t *testing.T, path string, from, to time.Duration) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "agent-h"},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return path
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write(t, path("a.log"), "x\n")
	write(t, path("file"), "")
	if err := syscall.Mkfifo(path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", path("link")); err != nil {
		t.Fatal(err)
	}
	const day = 24 * time.Hour
	good := certificate(t, path("good.pem"), -day, 365*day)
	old := certificate(t, path("old.pem"), -300*day, -2*day)
	soon := certificate(t, path("soon.pem"), -300*day, 2*day)
	early := certificate(t, path("early.pem"), day, 365*day)
	f := func(change func(*config.Config), want ...string) {
		t.Helper()
		cfg := &config.Config{
			State:  dir,
			Inputs: config.Inputs{Files: []file.Config{{Paths: []string{path("*.log")}}}},
			Ship:   config.Ship{HTTPS: &https.Config{Files: certs.Files{CA: good, Cert: good}}},
		}
		change(cfg)
		got := doubts(cfg)
		ok := len(got) == len(want)
		for i := range min(len(got), len(want)) {
			ok = ok && strings.HasPrefix(got[i], strings.ReplaceAll(want[i], "DIR", dir))
		}
		if !ok {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	f(func(*config.Config) {})
	f(func(c *config.Config) { c.Inputs.Files[0].Paths = []string{path("*.log"), path("*.txt")} },
		"inputs.files[0].paths[1]: DIR/*.txt matches nothing now")
	f(func(c *config.Config) { c.Inputs.Files[0].Paths = []string{path("[pl]i*")} },
		"inputs.files[0].paths[0]: stat DIR/link: no such file", "inputs.files[0].paths[0]: DIR/pipe is not a regular file")
	f(func(c *config.Config) {
		c.Inputs.Files[0].Paths = []string{path("[pl]i*")}
		c.Inputs.Files[0].Exclude = []string{path("pipe"), path("li*")}
	})
	f(func(c *config.Config) { c.State = path("to/be/made") })
	f(func(c *config.Config) { c.State = path("file") }, "state: DIR/file is not a folder")
	f(func(c *config.Config) { c.State = path("file/under") }, "state: stat DIR/file/under: not a directory")
	f(func(c *config.Config) { c.Zone = "Europe/Berln" }, "timezone: unknown time zone Europe/Berln")
	f(func(c *config.Config) { c.Ship.HTTPS.Files = certs.Files{CA: old, Cert: soon} },
		`ship.https.ca: DIR/old.pem: the certificate of "agent-h" expired on `,
		`ship.https.cert: DIR/soon.pem: the certificate of "agent-h" expires on `)
	f(func(c *config.Config) {
		c.Ship = config.Ship{AMQP: &broker.Config{Files: certs.Files{CA: path("gone"), Cert: early}}}
	}, "ship.amqp.ca: open DIR/gone: no such file", `ship.amqp.cert: DIR/early.pem: the certificate of "agent-h" is not valid before `)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 8 {
		t.Errorf("the check left something: %v, %v", entries, err)
	}
}
