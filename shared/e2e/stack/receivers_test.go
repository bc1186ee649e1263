package stack

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"belfry/shared/certs"
)

// What is sent to a receiver of another project, over each transport, is in its file when it has stopped.
func TestReceivers(t *testing.T) {
	NeedSenders(t, rsyslog, syslogNG)
	ca, err := certs.NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	issue := func(r certs.Request) certs.Files {
		files, err := ca.Issue(r.CommonName, r)
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	server := issue(certs.Request{CommonName: "receiver", Hosts: []string{"127.0.0.1"}, Server: true})
	client := issue(certs.Request{CommonName: "sender", Client: true})
	for _, transport := range []string{"udp", "tcp", "tls"} {
		f := func(name string, start func(context.Context, Receiver) (*Receiving, error)) {
			t.Run(transport+" "+name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				r, err := start(ctx, Receiver{Dir: t.TempDir(), Transport: transport, Files: server})
				if err != nil {
					t.Fatal(err)
				}
				text, err := deliver(ctx, r, transport, client, 3)
				if err != nil {
					t.Errorf("%v\n%s", err, r.Log())
				}
				if err := r.Stop(); err != nil {
					t.Error(err)
				}
				for i := range 3 {
					if !strings.Contains(text, fmt.Sprintf("message number %d\n", i)) {
						t.Errorf("message %d is not in %q", i, text)
					}
				}
			})
		}
		f(rsyslog, ReceiveRsyslog)
		f(syslogNG, ReceiveSyslogNG)
	}
}

// deliver sends n messages, and returns what the file holds when it has so many lines.
func deliver(ctx context.Context, r *Receiving, transport string, client certs.Files, n int) (text string, err error) {
	var c net.Conn
	form := "%[2]s\n"
	switch transport {
	case "tls":
		form = "%d %s"
		var settings *tls.Config
		if settings, err = client.Client(); err == nil {
			c, err = (&tls.Dialer{Config: settings}).DialContext(ctx, "tcp", r.Addr)
		}
	default:
		c, err = new(net.Dialer).DialContext(ctx, transport, r.Addr)
	}
	if err != nil {
		return "", err
	}
	defer c.Close()
	for i := range n {
		message := fmt.Sprintf("<86>Nov 24 00:00:00 web01 app[1]: message number %d", i)
		if _, err := fmt.Fprintf(c, form, len(message), message); err != nil {
			return "", err
		}
	}
	err = r.d.ready(ctx, func() error {
		all, err := os.ReadFile(r.File)
		if text = string(all); err == nil && strings.Count(text, "\n") < n {
			err = fmt.Errorf("%s holds %q", filepath.Base(r.File), all)
		}
		return err
	})
	return text, err
}
