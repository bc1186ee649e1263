package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"belfry/agent/config"
	"belfry/agent/ship/https"
	"belfry/shared/broker"
	"belfry/shared/certs"
	"belfry/shared/check"
)

// reachTimeout is how long the receiver may take to answer.
const reachTimeout = 5 * time.Second

// Check looks over a configuration, and over the machine that it is for, with the rights of who calls. It changes nothing.
// Whether the receiver can be reached is asked unless it is to stay offline; one that is away is a warning, for that is no
// fault of the file.
func Check(ctx context.Context, path string, offline bool) *check.Report {
	r := &check.Report{File: path}
	cfg, err := config.Load(path)
	if err != nil {
		r.Fail("", err)
		return r
	}
	r.WarnLines("", doubts(cfg))
	checkState(r, cfg)
	if offline {
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if cfg.Ship.AMQP != nil {
		b := *cfg.Ship.AMQP
		b.AppID = "belfry-agent check"
		for i, err := range broker.Reach(ctx, b, broker.Exchanges()[0]) {
			if err != nil {
				r.Warn(fmt.Sprintf("ship.amqp.urls[%d]", i), "%v", err)
			}
		}
		return r
	}
	skew, err := https.Reach(ctx, *cfg.Ship.HTTPS)
	switch {
	case err != nil:
		r.Warn("ship.https.url", "%v", err)
	case skew.Abs() > mostSkew:
		r.Warn("ship.https.url", "the aggregator's clock differs by %v", skew.Round(time.Second))
	}
	return r
}

// mostSkew is how far two clocks may be apart. HTTP tells the time in whole seconds (RFC 9110, section 6.6.1).
const mostSkew = 10 * time.Second

// nameDoubt says that a certificate does not speak for the host that the events name. The aggregator judges likewise, and
// may have been told that this one speaks for others; a relay always does.
func nameDoubt(files certs.Files, host string, relays bool) string {
	name, err := files.CommonName()
	if err != nil || relays || host == "" {
		return "" // of the certificate itself more is said elsewhere
	}
	if of := strings.TrimPrefix(name, "agent-"); strings.EqualFold(of, host) || strings.EqualFold(name, host) ||
		len(name) > len(host) && name[len(host)] == '.' && strings.EqualFold(name[:len(host)], host) {
		return ""
	}
	return fmt.Sprintf("it names %q, and the host is %q: events will carry identity_mismatch, unless the aggregator's receive.senders allows it", name, host)
}
