package elastic

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/certs"
	"belfry/shared/conf"
)

// Config says where the servers are, and how they keep events. Zero fields take defaults.
type Config struct {
	Nodes  []string `yaml:"nodes"`  // URLs, as https://es1:9200; with a path, if there is a proxy that wants one
	Prefix string   `yaml:"prefix"` // begins the names of indices and is the alias over them; default belfry

	Username     string      `yaml:"username"`      // with a password: basic authentication
	Password     conf.Secret `yaml:"password"`      //
	PasswordFile string      `yaml:"password_file"` // instead of password
	APIKey       conf.Secret `yaml:"api_key"`       // as the server gave it, encoded; instead of a user
	APIKeyFile   string      `yaml:"api_key_file"`  // instead of api_key

	CA   string `yaml:"ca"`   // file of the authorities of the servers' certificates; default those of the system
	Cert string `yaml:"cert"` // file of one's own certificate; default none
	Key  string `yaml:"key"`  // file of its key

	Shards    int            `yaml:"shards"`    // of an index of a class and day; default 1
	Replicas  *int           `yaml:"replicas"`  // of each shard; default 1; 0 for a cluster of one node, which has no second place
	Retention conf.Durations `yaml:"retention"` // how long the days of each class are kept; default 90d

	BulkWorkers int           `yaml:"bulk_workers"`    // requests that write at a time; default 4
	BulkBytes   conf.Bytes    `yaml:"bulk_bytes"`      // of one of them; default 5MiB
	Timeout     conf.Duration `yaml:"request_timeout"` // of one request; default 60s
	Sniff       bool          `yaml:"sniff"`           // ask the servers for more nodes than are named; default no: they may name what cannot be reached
	Compression bool          `yaml:"compression"`     // of what is sent, by gzip; default no
}

// Hooks is what an index tells and asks the rest of the program.
type Hooks struct {
	// First is a position that no record had before: theirs begin behind it. It grows from process to process.
	First uint64
	// Watch is shown what has become durable; nil: nobody watches.
	Watch index.Watch
	// Filed reports whether a position has a ledger document of its own, as it has ended; nil: none has.
	Filed func(ledger.Position) bool
	// Dead puts an item away for good that the servers take in no form, whose bytes end at end; it returns when that is
	// durable, and is called again after an error. Nil: the Write waits for ever.
	Dead func(ctx context.Context, it index.Item, end uint64, reason error) error
}

const (
	defaultPrefix    = "belfry"
	defaultRetention = 90 * 24 * time.Hour
	defaultWorkers   = 4
	defaultBulk      = 5 << 20
	defaultTimeout   = time.Minute

	maxRetention = 50 * 365 * 24 * time.Hour
	maxPrefix    = 32
	maxShards    = 1024
	maxReplicas  = 16
	maxWorkers   = 64
	maxBulk      = 100 << 20 // http.max_content_length of the servers
)

func (c Config) withDefaults() Config {
	c.Prefix = cmp.Or(c.Prefix, defaultPrefix)
	c.Shards = cmp.Or(c.Shards, 1)
	if c.Replicas == nil {
		c.Replicas = new(int)
		*c.Replicas = 1
	}
	c.BulkWorkers = cmp.Or(c.BulkWorkers, defaultWorkers)
	c.BulkBytes = cmp.Or(c.BulkBytes, defaultBulk)
	c.Timeout = cmp.Or(c.Timeout, conf.Duration(defaultTimeout))
	return c
}

// keep is how long the days of a class are kept.
func (c *Config) keep(class string) time.Duration {
	return time.Duration(cmp.Or(c.Retention[class], c.Retention[conf.Default], conf.Duration(defaultRetention)))
}

// Validate reports every fault, each with its key.
func (c Config) Validate() error {
	errs := c.checkNodes()
	if !validPrefix(c.Prefix) {
		errs = append(errs, fmt.Errorf("prefix: %q is not 1 to %d of a-z, 0-9 and _, beginning with a letter", c.Prefix, maxPrefix))
	}
	errs = append(errs, c.checkAccess()...)
	errs = append(errs, c.checkFiles()...)
	within := func(key string, n, most int) {
		if n < 0 || n > most {
			errs = append(errs, fmt.Errorf("%s: %d is not between 1 and %d", key, n, most))
		}
	}
	within("shards", c.Shards, maxShards)
	within("bulk_workers", c.BulkWorkers, maxWorkers)
	if r := c.Replicas; r != nil && (*r < 0 || *r > maxReplicas) {
		errs = append(errs, fmt.Errorf("replicas: %d is not between 0 and %d", *r, maxReplicas))
	}
	if b := c.BulkBytes; b != 0 && (b < 64<<10 || b > maxBulk) {
		errs = append(errs, fmt.Errorf("bulk_bytes: %d is not between 64KiB and 100MiB", b))
	}
	if t := time.Duration(c.Timeout); t != 0 && (t < time.Second || t > time.Hour) {
		errs = append(errs, fmt.Errorf("request_timeout: %v is not between 1s and 1h", t))
	}
	return errors.Join(append(errs, c.checkRetention()...)...)
}

func (c *Config) checkRetention() (errs []error) {
	classes := make([]string, 0, len(c.Retention))
	for class := range c.Retention {
		classes = append(classes, class)
	}
	slices.Sort(classes)
	for _, class := range classes {
		if !batch.ValidClass(class) {
			errs = append(errs, fmt.Errorf("retention.%s: not a class: 1 to 32 of a-z, 0-9 and _", class))
		}
		if d := time.Duration(c.Retention[class]); d < 24*time.Hour || d > maxRetention {
			errs = append(errs, fmt.Errorf("retention.%s: %v is not between a day and 50 years", class, d))
		}
	}
	return errs
}

func (c *Config) checkNodes() (errs []error) {
	if len(c.Nodes) == 0 {
		errs = append(errs, errors.New("nodes: at least one is needed"))
	}
	for i, s := range c.Nodes {
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			errs = append(errs, fmt.Errorf("nodes[%d]: not a URL such as https://es1:9200", i)) // it may hold a password
		case u.User != nil:
			errs = append(errs, fmt.Errorf("nodes[%d]: put the user into username and password", i))
		case u.RawQuery != "" || u.Fragment != "":
			errs = append(errs, fmt.Errorf("nodes[%d]: %q: nothing may stand behind the path", i, s))
		}
	}
	return errs
}

func (c *Config) checkAccess() (errs []error) {
	if c.Password != "" && c.PasswordFile != "" {
		errs = append(errs, errors.New("password: is given, and password_file too"))
	}
	if c.APIKey != "" && c.APIKeyFile != "" {
		errs = append(errs, errors.New("api_key: is given, and api_key_file too"))
	}
	password, key := c.Password != "" || c.PasswordFile != "", c.APIKey != "" || c.APIKeyFile != ""
	if (c.Username != "") != password {
		errs = append(errs, errors.New("username: username and password go together"))
	}
	if c.Username != "" && key {
		errs = append(errs, errors.New("api_key: is given, and username too"))
	}
	return errs
}

func (c *Config) checkFiles() (errs []error) {
	for _, e := range []struct{ key, path string }{{"password_file", c.PasswordFile}, {"api_key_file", c.APIKeyFile}} {
		if e.path == "" {
			continue
		}
		if _, err := secretOf("", e.path); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", e.key, err))
		}
	}
	if (c.Cert == "") != (c.Key == "") {
		errs = append(errs, errors.New("cert: cert and key go together"))
	} else if c.Cert != "" {
		if _, err := tls.LoadX509KeyPair(c.Cert, c.Key); err != nil {
			errs = append(errs, fmt.Errorf("cert: %w", err))
		}
	}
	if _, err := authorities(c.CA); err != nil {
		errs = append(errs, fmt.Errorf("ca: %w", err))
	}
	return errs
}

// secretOf returns a secret, out of its file if it has one. The error tells nothing of it.
func secretOf(secret conf.Secret, path string) (string, error) {
	if path == "" {
		return secret.Reveal(), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	s := strings.TrimSpace(string(text))
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("%s: not one line of text", path)
	}
	return s, nil
}

// authorities reads a file of certificates; "" are the system's.
func authorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	return certs.Pool(path)
}

func validPrefix(s string) bool {
	// A - parts the prefix from the class: of two prefixes, none may seem to be the other with a class.
	return s == "" || batch.ValidClass(s) && len(s) <= maxPrefix && s[0] >= 'a' && s[0] <= 'z'
}
