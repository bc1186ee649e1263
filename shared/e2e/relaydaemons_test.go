package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"belfry/shared/certs"
	"belfry/shared/e2e/stack"
)

// rsyslog: omfwd and omrelp.
func (r *relay) rsyslog(t *testing.T) {
	stack.NeedSenders(t, "rsyslog")
	const name = "client-rsyslog"
	files := r.certificate(t, name)
	d := daemon{start: stack.ForwardByRsyslog, counts: true}
	f := func(word string, h hop, wire wire, client, action string, values ...any) {
		t.Helper()
		action = fmt.Sprintf(action, values...)
		d.through(r.add("rsyslog_"+word, h, wire, client), `action(action.resumeRetryCount="-1" action.resumeInterval="1" `+action+`)`)
	}
	const (
		fwd = `type="omfwd" target="localhost" port=%q template=%q `
		tcp = fwd + `protocol="tcp" TCP_Framing=%q`
		tls = fwd + `protocol="tcp" TCP_Framing="octet-counted" StreamDriver="gtls" StreamDriverMode="1"
	StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="localhost" StreamDriver.CAFile=%q`
		by      = ` StreamDriver.CertFile=%q StreamDriver.KeyFile=%q`
		relp    = `type="omrelp" target="localhost" port=%q template=%q`
		relpTLS = relp + ` tls="on" tls.authMode="name" tls.permittedPeer=["localhost"] tls.caCert=%q tls.myCert=%q tls.myPrivKey=%q`
	)
	for _, e := range []struct {
		word     string
		wire     wire
		template string
	}{
		{"3164", bsd, "RSYSLOG_TraditionalForwardFormat"},
		{"iso", bsdISO, "RSYSLOG_ForwardFormat"},
		{"5424", ietf, "RSYSLOG_SyslogProtocol23Format"},
	} {
		f("udp_"+e.word, datagram, e.wire, "", fwd+`protocol="udp"`, r.udp, e.template)
		f("tcp_"+e.word, stream, e.wire, "", tcp, r.tcp, e.template, "traditional")
		f("counted_"+e.word, counted, e.wire, "", tcp, r.tcp, e.template, "octet-counted")
		f("tls_"+e.word, counted, e.wire, name, tls+by, r.tls, e.template, files.CA, files.Cert, files.Key)
		f("tls_nobody_"+e.word, counted, e.wire, "", tls, r.asking, e.template, files.CA)
		f("relp_"+e.word, counted, e.wire, "", relp, r.relp, e.template)
		f("relp_tls_"+e.word, counted, e.wire, name, relpTLS, r.relpTLS, e.template, files.CA, files.Cert, files.Key)
	}
	d.run(t, r)
}

// syslogNG: network(), syslog() and the unix sockets.
func (r *relay) syslogNG(t *testing.T) {
	stack.NeedSenders(t, "syslog-ng")
	const name = "client-syslog-ng"
	files := r.certificate(t, name)
	d := daemon{start: stack.ForwardBySyslogNG}
	f := func(word string, h hop, wire wire, client, driver string, values ...any) {
		t.Helper()
		w := r.add("syslogng_"+word, h, wire, client)
		d.through(w, fmt.Sprintf(driver, values...))
		for n := range w.said {
			if wire.ietf { // it numbers the messages of its own host
				w.said[n].added = fmt.Sprintf(`[meta sequenceId="%d"]`, n+1)
			}
		}
	}
	const (
		network = `network("localhost" transport(%q) port(%s))`
		syslog  = `syslog("localhost" transport(%q) port(%s) frac-digits(6))`
		tls     = `("localhost" transport("tls") port(%s) frac-digits(%d) tls(peer-verify(yes) ca-file(%q)`
		by      = ` cert-file(%q) key-file(%q)`
	)
	f("udp_3164", datagram, bsd, "", network, "udp", r.udp)
	f("udp_5424", datagram, ietf, "", syslog, "udp", r.udp)
	f("tcp_3164", stream, bsd, "", network, "tcp", r.tcp)
	f("tcp_5424", counted, ietf, "", syslog, "tcp", r.tcp)
	f("tls_3164", stream, bsd, name, "network"+tls+by+"))", r.tls, 0, files.CA, files.Cert, files.Key)
	f("tls_5424", counted, ietf, name, "syslog"+tls+by+"))", r.tls, 6, files.CA, files.Cert, files.Key)
	f("tls_nobody_3164", stream, bsd, "", "network"+tls+"))", r.asking, 0, files.CA)
	f("tls_nobody_5424", counted, ietf, "", "syslog"+tls+"))", r.asking, 6, files.CA)
	f("unixgram", localDatagram, bsd, "", `unix-dgram(%q)`, r.datagrams)
	f("unix", localStream, bsd, "", `unix-stream(%q)`, r.stream)
	d.run(t, r)
}

// certificate makes that of a sender.
func (r *relay) certificate(t *testing.T, name string) certs.Files {
	t.Helper()
	files, err := r.Sender(name)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// daemon is a syslog daemon to be, and what is to be sent through it.
type daemon struct {
	start    func(ctx context.Context, dir string, ways ...stack.Forward) (*stack.Peer, error)
	counts   bool // it takes messages with their length before them, and so with line ends in them
	forwards []stack.Forward
	ways     []*way
}

// through adds a way through it, and its messages.
func (d *daemon) through(w *way, send string) {
	d.forwards = append(d.forwards, stack.Forward{Send: send, Old: !w.wire.ietf})
	d.ways = append(d.ways, w)
	w.whole = w.whole && d.counts
	at := time.Now().Add(-time.Minute)
	for n := range relayed {
		m := w.message(n)
		m.at = at.Add(time.Duration(n) * 7 * time.Millisecond).Truncate(w.wire.exact)
		w.said = append(w.said, m)
	}
}

// run starts it and gives it all messages; it runs until all arrived.
func (d *daemon) run(t *testing.T, r *relay) {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, "daemon")
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.forwards {
		d.forwards[i].Socket = filepath.Join(dir, fmt.Sprint(i))
	}
	p, err := d.start(t.Context(), dir, d.forwards...)
	if err != nil {
		t.Fatal(err)
	}
	r.senders = append(r.senders, p)
	for i, w := range d.ways {
		w.give(t, d.forwards[i].Socket, d.counts)
	}
}

// give writes all messages of a way to a daemon's socket.
func (w *way) give(t *testing.T, socket string, counts bool) {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	as := bsd
	if w.wire.ietf {
		as = ietf
	}
	for _, m := range w.said {
		m.added = ""
		text := as.text(m, m.at.Local())
		if counts {
			text = fmt.Sprintf("%d %s", len(text), text)
		} else {
			text += "\n"
		}
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
	}
	w.to = time.Now()
}
