package config

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"belfry/shared/e2e/example"
)

// shipped is the file that the package installs.
const shipped = "../../packaging/aggregator.yaml"

// As it is installed it is as if it were empty.
func TestExampleAsShipped(t *testing.T) {
	f := newFolder(t)
	text, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	got, fault := f.load(string(text))
	if fault != "" {
		t.Fatal(fault)
	}
	want, fault := f.load("")
	if fault != "" || !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v %s", got, want, fault)
	}
}

// With every key on it can be read, and has no fault but that it says more than one may.
func TestExampleIsWhole(t *testing.T) {
	f := newFolder(t)
	text, err := example.Whole(shipped)
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"ca.pem": f.files.CA, "mq-ca.pem": f.files.CA, "es-ca.pem": f.files.CA, "irc-ca.pem": f.files.CA, "belfry.pem": f.files.Cert,
		"belfry.key": f.files.Key, "es.pem": f.files.Cert, "es.key": f.files.Key,
	} {
		text = strings.ReplaceAll(text, "/etc/belfry/"+name, path)
	}
	_, fault := f.load(text)
	for _, one := range strings.Split(fault, "\n") {
		if !strings.HasPrefix(one, "DIR/aggregator.yaml: index.elastic.") {
			t.Error(one)
		}
	}
	missing, err := example.Missing(shipped, Config{})
	if err != nil || len(missing) > 0 {
		t.Errorf("keys that it does not tell of: %q, %v", missing, err)
	}
}

// What it shows as default is what is used.
func TestExampleDefaults(t *testing.T) {
	var got Config
	if err := example.Defaults(shipped, &got); err != nil {
		t.Fatal(err)
	}
	f := newFolder(t)
	want, fault := f.load("receive: {amqp: {urls: [\"amqps://mq/\"], CERTS}, http: {tls: {CERTS}}}\n")
	if fault != "" {
		t.Fatal(fault)
	}
	type values struct {
		State, Plain, Listen, Engine, Socket, Metrics string
		Queues                                        int
		Ledger                                        Ledger
		Parse                                         Parse
		Retention                                     map[string]string
	}
	of := func(c *Config) values {
		return values{
			c.State, c.Receive.HTTP.Plain, c.Receive.HTTP.TLS.Listen, c.Index.Engine, c.Serve.Socket, c.Serve.Metrics,
			c.Receive.AMQP.Queues, c.Ledger, c.Parse, map[string]string{"all": c.Index.Embedded.Retention.Longest().String()},
		}
	}
	if !reflect.DeepEqual(of(&got), of(want)) {
		t.Errorf("it shows\n%+v\nand used is\n%+v", of(&got), of(want))
	}
}
