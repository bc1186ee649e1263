package stack

import (
	"context"
	"fmt"
	"net"
	"path/filepath"

	"belfry/shared/certs"
)

// Rsyslog says where an rsyslog that takes syslog over TCP sends it: to the bulk door of an aggregator, by the module
// that it has for Elasticsearch, over TLS as whom the certificate names.
type Rsyslog struct {
	Dir      string // its own folder
	Template string // statement that defines the template "document"
	ID       string // expression for an event's _id; "" for none
	Server   string // host:port of the aggregator's TLS port on this machine
	Index    string
	Files    certs.Files
}

// StartRsyslog starts it, and returns it with the address that takes syslog when that listens.
func StartRsyslog(ctx context.Context, cfg Rsyslog) (p *Peer, addr string, err error) {
	if addr, err = FreeAddr(); err != nil {
		return nil, "", err
	}
	text, err := cfg.text(addr)
	if err != nil {
		return nil, "", err
	}
	p, err = readyRsyslogd(ctx, cfg.Dir, text, func() error { return accepts("tcp", addr) })
	return p, addr, err
}

func (cfg Rsyslog) text(addr string) (string, error) {
	_, listen, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(cfg.Server)
	if err != nil {
		return "", err
	}
	id, byID := "", ""
	if cfg.ID != "" {
		id = fmt.Sprintf("set $.id = %s;\n", cfg.ID)
		byID = `writeoperation="create" dynBulkId="on" bulkid="id" `
	}
	return fmt.Sprintf(`global(workDirectory=%q)
module(load="imtcp")
module(load="omelasticsearch")
%s
template(name="id" type="string" string="%%$.id%%")
input(type="imtcp" address="127.0.0.1" port=%q)
%saction(type="omelasticsearch" server="localhost" serverport=%q usehttps="on"
	tls.cacert=%q tls.mycert=%q tls.myprivkey=%q
	template="document" searchIndex=%q searchType="" bulkmode="on" %serrorfile=%q
	action.resumeRetryCount="-1" action.resumeInterval="1")
`, cfg.Dir, cfg.Template, listen, id, port, cfg.Files.CA, cfg.Files.Cert, cfg.Files.Key, cfg.Index, byID,
		filepath.Join(cfg.Dir, "refused.json")), nil
}
