package stack

import (
	"fmt"
	"net"
	"strings"

	"belfry/shared/certs"
)

// SyslogNG says what a syslog-ng is to read and where its amqp() sends it: a message a line, over TLS, as whom the
// certificate names. It asks for no confirms: it cannot.
type SyslogNG struct {
	Dir      string // its own folder
	File     string // read from its beginning; it may come later
	Parse    bool   // read the syslog header; else the line is $MSG
	Body     string // template
	Broker   string // host:port on this machine
	Exchange string
	Key      string
	Files    certs.Files
	By       []string // command that runs it, as taskset -c 1; default none
}

// StartSyslogNG starts it.
func StartSyslogNG(cfg SyslogNG) (*Peer, error) {
	text, err := cfg.text()
	if err != nil {
		return nil, err
	}
	return startSyslogNG(cfg.Dir, cfg.By, text)
}

func (cfg SyslogNG) text() (string, error) {
	_, port, err := net.SplitHostPort(cfg.Broker)
	if err != nil {
		return "", err
	}
	flags := "flags(no-parse)"
	if cfg.Parse {
		flags = ""
	}
	// Its library compares the names in a certificate only, not the addresses: hence localhost.
	return fmt.Sprintf(`@version: 3.38
options { keep-hostname(yes); time-reopen(1); stats-freq(0); log-fifo-size(100000); };
source s { file(%q follow-freq(0.1) log-fetch-limit(1000) log-iw-size(100000) %s); };
destination d { amqp(
	host("localhost") port(%s) vhost("/") exchange(%q) exchange-declare(no) routing-key(%q) persistent(yes)
	value-pairs(scope(none)) body('%s') auth-method("external")
	ca-file(%q) cert-file(%q) key-file(%q) peer-verify(yes)
); };
log { source(s); destination(d); flags(flow-control); };
`, cfg.File, flags, port, cfg.Exchange, cfg.Key, strings.ReplaceAll(cfg.Body, "'", `\'`),
		cfg.Files.CA, cfg.Files.Cert, cfg.Files.Key), nil
}
