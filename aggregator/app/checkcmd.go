package app

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"belfry/aggregator/alert"
	"belfry/aggregator/config"
	"belfry/aggregator/enrich"
	"belfry/aggregator/fleet"
	"belfry/aggregator/index/elastic"
	"belfry/aggregator/index/embedded"
	"belfry/aggregator/notify/irc"
	"belfry/aggregator/parse"
	"belfry/shared/broker"
	"belfry/shared/certs"
	"belfry/shared/check"
	"belfry/shared/conf"
)

type checkCmd struct {
	check.Style
	Offline bool   `help:"Ask nobody: neither the broker nor the index's servers nor IRC."`
	As      string `help:"Where root checks, look with the rights of this user, if there is one." default:"belfry" placeholder:"USER"`
}

func (k checkCmd) Run(ctx context.Context, c *CLI) error {
	var err error
	if c.Out == nil { // it is the program
		var ran bool
		if ran, err = (check.Service{User: k.As, Unit: "belfry-aggregator.service"}).Again(ctx); ran {
			return err
		}
	}
	r := Check(ctx, c.Config, k.Offline, c.Log)
	if err != nil {
		r.Warn("", "%v: root looked", err)
	}
	return r.Write(c.out(), k.Style)
}

// Check looks over a configuration, its rules and parsers, and over the machine that they are for, with the rights of who
// calls. It changes nothing. Whether others can be reached is asked unless it is to stay offline; one that is away is a
// warning, for that is no fault of the file.
func Check(ctx context.Context, path string, offline bool, log *slog.Logger) *check.Report {
	r := &check.Report{File: path}
	cfg, err := config.Load(path)
	if err != nil {
		r.Fail("", err)
		return r
	}
	if _, err := alert.LoadRules(cfg.Alert.Rules); err != nil {
		r.Fail("alert.rules", err)
	}
	if en, err := enrich.Open(cfg.Enrich, log, nil); en == nil {
		r.Fail("enrich", err)
	} else {
		for _, e := range conf.Split(err) { // the aggregator begins all the same
			r.WarnLines("", []string{e.Error()})
		}
	}
	if _, err := parse.LoadCustom(cfg.Parse.Parsers); err != nil {
		r.Fail("parse.parsers", err)
	}
	checkState(r, cfg)
	checkCertificates(r, cfg)
	if !offline {
		checkRoads(ctx, r, cfg, log)
	}
	return r
}

// leastStateFree is what the disk of the state should have free. The embedded index takes nothing more with less than a GiB.
const (
	leastStateFree = 64 << 20
	leastIndexFree = 1 << 30
)

func checkState(r *check.Report, cfg *config.Config) {
	least := uint64(leastStateFree)
	if cfg.Index.Engine == config.EngineEmbedded {
		least = leastIndexFree
	}
	for _, w := range check.Folder(cfg.State, least) {
		r.Warn("state", "%s", w)
	}
	if cfg.Index.Engine == config.EngineEmbedded {
		if err := embedded.CheckVersion(cfg.Dir("index")); err != nil {
			r.Fail("state", err)
		}
	}
	if err := fleet.CheckState(filepath.Join(cfg.State, fleetFile)); err != nil {
		r.Fail("state", err)
	}
}

func checkCertificates(r *check.Report, cfg *config.Config) {
	warn := func(section string, all []certs.Doubt) {
		for _, d := range all {
			r.Warn(section+"."+d.Key, "%s", d.Text)
		}
	}
	if t := cfg.Receive.HTTP.TLS; t != nil {
		warn("receive.http.tls", t.Doubts(time.Now(), true))
	}
	if b := cfg.Receive.AMQP; b != nil {
		warn("receive.amqp", b.Doubts(time.Now(), false))
		if name, err := b.CommonName(); err == nil && name != aggregatorUser {
			r.Warn("receive.amqp.cert", "it names %q, and all aggregators are to be named %q", name, aggregatorUser)
		}
	}
	r.WarnLines("", enrolmentDoubts(cfg))
	if cfg.Enroll.On() {
		r.Tell("enroll", "agents may enrol by tokens (belfry ca token) with the authority in %s", cfg.Enroll.CA)
	}
}

// reachTimeout is how long the broker and IRC may take to answer.
const reachTimeout = 5 * time.Second

// checkRoads asks all that the aggregator depends on.
func checkRoads(ctx context.Context, r *check.Report, cfg *config.Config, log *slog.Logger) {
	short, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if a := cfg.Receive.AMQP; a != nil {
		b := a.Config
		b.AppID = "belfry check"
		for i, err := range broker.Reach(short, b, broker.Exchanges()...) {
			if err != nil {
				r.Warn(fmt.Sprintf("receive.amqp.urls[%d]", i), "%v (belfry topology check tells more of what is missing)", err)
			}
		}
	}
	if n := cfg.Notify.IRC; n != nil {
		if err := irc.Reach(short, *n); err != nil {
			r.Warn("notify.irc.server", "%v", err)
		}
	}
	if cfg.Index.Engine == config.EngineElastic {
		if text, err := elastic.Check(ctx, *cfg.Index.Elastic, log); err != nil {
			r.Warn("index.elastic", "%v", err)
		} else {
			r.Tell("index.elastic", "%s", text)
		}
	}
}
