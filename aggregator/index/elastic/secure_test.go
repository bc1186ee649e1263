package elastic

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"belfry/shared/certs"
	"belfry/shared/conf"
	"belfry/shared/e2e/stack"
)

// Behind TLS, who has a password or a key gets through, and who has none is told so; no secret stands in any word of it.
func TestAccess(t *testing.T) {
	urls := elasticsearchNode.Open(t).URLs
	authority, err := certs.NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const password = "s3cr3t-pass"
	key := base64.StdEncoding.EncodeToString([]byte("id:s3cr3t-key"))
	nginx := stack.OpenNginx(t, stack.NginxConfig{
		Dir: t.TempDir(), Target: urls[0], Authority: authority, User: "belfry", Password: password, APIKey: key, Prefix: "/es",
	})
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f := func(name string, cfg Config, ok bool) {
		t.Run(name, func(t *testing.T) {
			cfg.Nodes, cfg.CA = []string{nginx.URL}, nginx.CA
			var log syncBuffer
			if ok {
				cfg.Prefix = prefix(t, urls[0])
				o := open(t, cfg, Hooks{})
				s := newStream(name)
				o.must(t, s.write(0, 10))
				log.Write([]byte(o.log.String()))
			} else {
				_, err := Open(t.Context(), cfg, Hooks{}, slog.New(slog.NewTextHandler(&log, nil)), nil)
				if !isStatus(err, http.StatusUnauthorized) {
					t.Errorf("%v", err)
				}
				log.Write([]byte(err.Error()))
			}
			if text := log.String(); strings.Contains(text, "s3cr3t") || strings.Contains(text, key) {
				t.Error("a secret is told")
			}
		})
	}
	f("password", Config{Username: "belfry", Password: password}, true)
	f("password in a file", Config{Username: "belfry", PasswordFile: file(password), Compression: true}, true)
	f("key", Config{APIKey: conf.Secret(key)}, true)
	f("key in a file", Config{APIKeyFile: file(key)}, true)
	f("none", Config{}, false)
	f("wrong password", Config{Username: "belfry", Password: "s3cr3t-false"}, false)
}

// Open waits for servers that are away, and ends with its context.
func TestOpenWaits(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var log syncBuffer
	_, err := Open(ctx, Config{Nodes: []string{"http://127.0.0.1:1"}}, Hooks{}, slog.New(slog.NewTextHandler(&log, nil)), nil)
	if !errors.Is(err, context.DeadlineExceeded) || strings.Count(log.String(), "waiting for the servers") != 1 {
		t.Errorf("%v; %s", err, log.String())
	}
}

func TestValidate(t *testing.T) {
	two, many := 2, 99
	cfg := Config{
		Nodes: []string{"es1:9200", "https://u:s3cr3t@es1", "http://es/?x=1"}, Prefix: "a-b", Username: "u", Password: "p",
		APIKey: "k", APIKeyFile: "/no/such", CA: "/no/such", Cert: "c", Shards: -1, Replicas: &many, BulkWorkers: 100,
		BulkBytes: 1, Timeout: conf.Duration(time.Millisecond), Retention: conf.Durations{"a-b": 1},
	}
	err := cfg.Validate()
	if err == nil {
		t.Fatal("no fault")
	}
	for _, key := range strings.Fields(`nodes[0] nodes[1] nodes[2] prefix api_key api_key_file ca cert shards replicas bulk_workers
		bulk_bytes request_timeout retention.a-b`) {
		if !strings.Contains("\n"+err.Error(), "\n"+key+": ") {
			t.Errorf("no fault of %s", key)
		}
	}
	if strings.Contains(err.Error(), "s3cr3t") {
		t.Error("a secret is told")
	}
	if err := (Config{Nodes: []string{"https://es1:9200/path"}, Replicas: &two}).Validate(); err != nil {
		t.Error(err)
	}
}
