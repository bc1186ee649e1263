package app

import (
	"context"
	"io"
	"strings"

	"belfry/aggregator/config"
	"belfry/shared/bundle"
	"belfry/shared/check"
)

type supportCmd struct {
	Output string `short:"o" help:"The file, which must not be there yet; default: belfry-support-TIME.tar.gz in this folder." type:"path" placeholder:"FILE"`
}

func (s supportCmd) Run(ctx context.Context, c *CLI) error {
	return bundle.Save(ctx, c.bundle(ctx), s.Output, c.out())
}

// bundle says what of this machine's aggregator goes into a bundle for who helps. A configuration that cannot be read leaves
// out what only that tells.
func (c *CLI) bundle(ctx context.Context) bundle.Daemon {
	d := bundle.Daemon{
		Name: "belfry", Version: c.Version, Unit: "belfry-aggregator.service", Config: c.Config, Shape: new(config.Config), Status: "/v1/status",
		Socket: c.Socket, State: config.DefaultState,
		Check: func(w io.Writer) error {
			r := Check(ctx, c.Config, false, c.Log)
			for i, f := range r.Findings { // these quote lines: samples, and lists of others
				if strings.HasPrefix(f.Key, "parse.") || strings.HasPrefix(f.Key, "alert.") || strings.HasPrefix(f.Key, "enrich.") {
					r.Findings[i].Text = bundle.Unquoted(f.Text)
				}
			}
			err := r.Write(w, check.Style{})
			if _, told := check.Code(err); told {
				return nil
			}
			return err
		},
	}
	if _, socket, err := config.LoadClient(c.Config); err == nil && d.Socket == "" {
		d.Socket = socket
	}
	cfg, err := config.Load(c.Config)
	if err != nil {
		return d // the check tells why
	}
	d.State = cfg.State
	if t := cfg.Receive.HTTP.TLS; t != nil {
		d.Certificates = append(d.Certificates, t.CA, t.Cert)
	}
	if b := cfg.Receive.AMQP; b != nil {
		d.Certificates = append(d.Certificates, b.CA, b.Cert)
	}
	if x := cfg.Index.Elastic; x != nil {
		for _, path := range []string{x.CA, x.Cert} {
			if path != "" {
				d.Certificates = append(d.Certificates, path)
			}
		}
	}
	return d
}
