package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"belfry/shared/certs"
)

// Receiver says what a syslog receiver of another project takes at a free port of loopback: each message becomes a line
// of a file, in the format that it writes by default. It is tuned as its manual says for many messages, on one core.
type Receiver struct {
	Dir       string      // its own folder
	Transport string      // udp; tcp, where each line is a message; or tls, where its length stands before it
	Files     certs.Files // tls: as whom it answers; senders must show a certificate of the authority
	By        []string    // command that runs it, as taskset -c 1; default none
}

// Receiving is one that runs.
type Receiving struct {
	*Peer
	Addr string // host:port
	File string // of the messages; it makes it with the first one
}

// ReceiveRsyslog starts rsyslog, and returns it when it listens.
//
// The config follows what its manual has for "massive amounts of messages": imptcp, which is its faster module and knows
// no TLS, a queue of its own for the ruleset, and large batches. The queue holds 16,384 messages, not 250,000, which is
// a third faster on one core: it stays in the cache. Its batches are flushed when they end: otherwise it writes the last
// messages a second late.
func ReceiveRsyslog(ctx context.Context, cfg Receiver) (*Receiving, error) {
	modules, err := rsyslogModules()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(modules, "lmnsd_gtls.so")); cfg.Transport == "tls" && err != nil {
		return nil, fmt.Errorf("rsyslog is unpacked without its package rsyslog-gnutls (see senders.sh): %w", err)
	}
	return cfg.start(ctx, cfg.rsyslog, func(text string) (*Peer, error) { return startRsyslogd(cfg.Dir, cfg.By, text) })
}

func (cfg Receiver) rsyslog(port, file string) string {
	input := map[string]string{
		"udp": `module(load="imudp" timeRequery="8" batchSize="128")
input(type="imudp" rcvbufSize="8m" `,
		"tcp": `module(load="imptcp")
input(type="imptcp" `,
		"tls": `module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
input(type="imtcp" `,
	}[cfg.Transport]
	return fmt.Sprintf(`global(workDirectory=%q net.enableDNS="off" defaultNetstreamDriverCAFile=%q
	defaultNetstreamDriverCertFile=%q defaultNetstreamDriverKeyFile=%q)
%saddress="127.0.0.1" port=%q ruleset="file")
ruleset(name="file" queue.type="FixedArray" queue.size="16384" queue.dequeueBatchSize="4096" queue.workerThreads="1") {
	action(type="omfile" file=%q ioBufferSize="64k")
}
`, cfg.Dir, cfg.Files.CA, cfg.Files.Cert, cfg.Files.Key, input, port, file)
}

// ReceiveSyslogNG starts syslog-ng, and returns it when it listens.
//
// As its manual has it: no names are looked up, there is flow control, and many lines are fetched and flushed at once.
// log-iw-size() is shared by the connections of a source; the queue holds more than that, so that it never drops. Of the
// ciphers of TLS 1.3 it is told to take the one that the other receivers choose, and which is the faster one.
func ReceiveSyslogNG(ctx context.Context, cfg Receiver) (*Receiving, error) {
	return cfg.start(ctx, cfg.syslogNG, func(text string) (*Peer, error) { return startSyslogNG(cfg.Dir, cfg.By, text) })
}

func (cfg Receiver) syslogNG(port, file string) string {
	source := map[string]string{
		"udp": `network(transport("udp") so-rcvbuf(8388608)`,
		"tcp": `network(transport("tcp")`,
		"tls": fmt.Sprintf(`syslog(transport("tls") tls(key-file(%q) cert-file(%q) ca-file(%q) peer-verify(required-trusted)
		cipher-suite(tls13("TLS_AES_128_GCM_SHA256")))`, cfg.Files.Key, cfg.Files.Cert, cfg.Files.CA),
	}[cfg.Transport]
	return fmt.Sprintf(`@version: 3.38
options { threaded(yes); use-dns(no); dns-cache(no); keep-hostname(yes); stats-freq(0); stats-level(0); };
source s { %s ip("127.0.0.1") port(%s) log-fetch-limit(1000) log-iw-size(100000)); };
destination d { file(%q log-fifo-size(200000) flush-lines(1000)); };
log { source(s); destination(d); flags(flow-control); };
`, source, port, file)
}

// start runs a receiver with its config, and waits until it listens.
func (cfg Receiver) start(ctx context.Context, text func(port, file string) string, run func(text string) (*Peer, error)) (*Receiving, error) {
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, err
	}
	r := &Receiving{Addr: addr, File: filepath.Join(cfg.Dir, "messages")}
	if r.Peer, err = run(text(port, r.File)); err != nil {
		return nil, err
	}
	err = r.d.ready(ctx, func() error {
		if cfg.Transport == "udp" {
			return bound(port)
		}
		return accepts("tcp", addr)
	})
	if err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

// bound is an error while a UDP port of 127.0.0.1 has no owner. The kernel's table tells without a datagram, which would
// be a message.
func bound(port string) error {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return err
	}
	table, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		return err
	}
	if !strings.Contains(string(table), fmt.Sprintf(": 0100007F:%04X ", n)) { // its addresses are in the host's byte order
		return fmt.Errorf("nobody has UDP port %s", port)
	}
	return nil
}
