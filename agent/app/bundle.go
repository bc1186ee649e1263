package app

import (
	"context"
	"io"

	"belfry/agent/config"
	"belfry/shared/bundle"
	"belfry/shared/certs"
	"belfry/shared/check"
)

// Bundle says what of an agent goes into a bundle for who helps. A configuration that cannot be read leaves out what only
// that tells.
func Bundle(ctx context.Context, path, version string) bundle.Daemon {
	d := bundle.Daemon{
		Name: "belfry-agent", Version: version, Unit: "belfry-agent.service", Config: path, Shape: new(config.Config), Status: "/status",
		State: config.DefaultState,
		Check: func(w io.Writer) error {
			return told(Check(ctx, path, false).Write(w, check.Style{}))
		},
	}
	if state, err := config.LoadState(path); err == nil {
		d.State = state
	}
	d.Socket = SocketPath(d.State)
	cfg, err := config.Load(path)
	if err != nil {
		return d // the check tells why
	}
	all := []certs.Files{cfg.Ship.Files()}
	for _, in := range cfg.Inputs.Syslog {
		all = append(all, in.Files)
	}
	for _, f := range all {
		for _, path := range []string{f.CA, f.Cert} {
			if path != "" {
				d.Certificates = append(d.Certificates, path)
			}
		}
	}
	return d
}

// told is the error of a report of which all was written: that there are findings is none.
func told(err error) error {
	if _, ok := check.Code(err); ok {
		return nil
	}
	return err
}
