package stack

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"belfry/shared/certs"
)

const (
	nginxTries = 3 // another port each time
	nginxGrace = 5 * time.Second
)

// NginxConfig says how a real nginx stands in front of an HTTP server. Whoever has neither a password nor a key, where
// there are any, gets a 401.
type NginxConfig struct {
	Dir            string           // its own folder
	Target         string           // http://127.0.0.1:PORT of who answers
	Authority      *certs.Authority // signs its certificate for 127.0.0.1 and localhost; nil for plain HTTP
	User, Password string           // of basic authentication
	APIKey         string           // in base64, as a client sends it behind "Authorization: ApiKey "
	Prefix         string           // path below which it serves all, as "/elastic"; default none
}

// Nginx is a running nginx in front of an HTTP server.
type Nginx struct {
	URL string // https://127.0.0.1:PORT, or http:, with the prefix
	CA  string // file of the certificate that signed its own; "" for plain HTTP
	d   *daemon
}

// StartNginx runs nginx in the foreground, and returns when it takes connections. ctx bounds the start only; Stop ends
// it.
func StartNginx(ctx context.Context, cfg NginxConfig) (*Nginx, error) {
	var last error
	for range nginxTries {
		addr, err := FreeAddr()
		if err != nil {
			return nil, err
		}
		n, err := startNginx(ctx, cfg, addr)
		if err == nil {
			return n, nil
		}
		last = err
	}
	return nil, last
}

func startNginx(ctx context.Context, cfg NginxConfig, addr string) (*Nginx, error) {
	n := &Nginx{URL: "http://" + addr + cfg.Prefix}
	tls := ""
	if cfg.Authority != nil {
		files, err := cfg.Authority.Issue("nginx", certs.Request{
			CommonName: "nginx", Hosts: []string{"127.0.0.1", "localhost"}, Server: true, Days: 7,
		})
		if err != nil {
			return nil, err
		}
		n.URL, n.CA = "https://"+addr+cfg.Prefix, files.CA
		tls = fmt.Sprintf("ssl_certificate %q; ssl_certificate_key %q;", files.Cert, files.Key)
	}
	conf := filepath.Join(cfg.Dir, "nginx.conf")
	if err := os.WriteFile(conf, []byte(nginxConf(cfg, addr, tls)), 0o600); err != nil {
		return nil, fmt.Errorf("configure nginx: %w", err)
	}
	output := filepath.Join(cfg.Dir, "nginx.out")
	var err error
	n.d, err = startDaemon("nginx", exec.Command(Find("nginx"), "-p", cfg.Dir, "-c", conf, "-e", "stderr"), output)
	if err != nil {
		return nil, err
	}
	if err := n.d.ready(ctx, func() error { return accepts("tcp", addr) }); err != nil {
		n.d.kill()
		return nil, err
	}
	return n, nil
}

// nginxConf lets in who says one of the two words that are known, word for word.
func nginxConf(cfg NginxConfig, addr, tls string) string {
	var words []string
	if cfg.User != "" {
		words = append(words, "Basic "+base64.StdEncoding.EncodeToString([]byte(cfg.User+":"+cfg.Password)))
	}
	if cfg.APIKey != "" {
		words = append(words, "ApiKey "+cfg.APIKey)
	}
	check := "" // no map, which compares without regard to case
	for _, w := range words {
		check += fmt.Sprintf("      if ($http_authorization = %q) { set $known 1; }\n", w)
	}
	if check != "" {
		check = "set $known 0;\n" + check + `      add_header WWW-Authenticate 'Basic realm="belfry"' always;
      if ($known = 0) { return 401; }`
	}
	listen, user := addr, ""
	if tls != "" {
		listen += " ssl"
	}
	if os.Geteuid() == 0 {
		user = "user root;" // else its workers cannot write into the folder of the test
	}
	temporary := ""
	for _, kind := range strings.Fields("client_body proxy fastcgi uwsgi scgi") {
		temporary += fmt.Sprintf("  %s_temp_path %q;\n", kind, filepath.Join(cfg.Dir, kind))
	}
	return fmt.Sprintf(`daemon off;
worker_processes 1;
%s
pid %q;
events { worker_connections 512; }
http {
  access_log off;
  client_max_body_size 0;
%s  server {
    listen %s;
    %s
    location %s/ {
      %s
      proxy_pass %s/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "";
    }
  }
}
`, user, filepath.Join(cfg.Dir, "nginx.pid"), temporary, listen, tls, cfg.Prefix, check, cfg.Target)
}

// Stop ends it.
func (n *Nginx) Stop() error { return n.d.stop(nginxGrace) }

// OpenNginx starts an nginx that ends with a test, or skips the test where there is none. The folder is the test's own.
func OpenNginx(t T, cfg NginxConfig) *Nginx {
	t.Helper()
	Need(t, "nginx")
	cfg.Dir = t.TempDir()
	n, err := StartNginx(t.Context(), cfg)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Errorf("%v", err)
		}
	})
	return n
}
