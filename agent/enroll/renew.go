package enroll

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/backoff"
	"belfry/shared/enroll"
)

// lookEvery is how often it is looked at least what is there: the clock may have been set, or somebody has enrolled anew.
const lookEvery = time.Hour

// Renewer renews the certificate of one folder while the agent runs. Who uses its files reads them again by himself.
type Renewer struct {
	folder  Folder
	host    string
	renewed func()
	log     *slog.Logger

	mu      sync.Mutex
	lastErr error

	renewals, failures *metrics.Counter
}

// NewRenewer returns one of a host that is called so. renewed is called whenever there is a new certificate.
func NewRenewer(f Folder, host string, renewed func(), log *slog.Logger, set *metrics.Set) *Renewer {
	return &Renewer{
		folder: f, host: host, renewed: renewed, log: log,
		renewals: set.NewCounter("belfry_agent_enroll_renewals_total"),
		failures: set.NewCounter("belfry_agent_enroll_failures_total"),
	}
}

// LastError says why the certificate was not renewed, or nil.
func (r *Renewer) LastError() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lastErr
}

// Run renews the certificate whenever two thirds of its life are over, until ctx is done.
func (r *Renewer) Run(ctx context.Context) error {
	early := rand.Float64() // it only spreads
	for ctx.Err() == nil {
		_, from, until, err := r.folder.Certificate()
		life := until.Sub(from)
		if err != nil {
			life = time.Hour // it is looked at again, nobody is asked
		} else {
			if rest := time.Until(due(from, until, early)); rest > 0 {
				sleep(ctx, min(rest, lookEvery))
				continue
			}
		}
		pause := backoff.Backoff{Min: min(max(life/60, time.Second), time.Minute), Max: min(max(life/20, time.Second), time.Hour)}
		for r.try(ctx) != nil && ctx.Err() == nil {
			pause.Wait(ctx)
		}
		early = rand.Float64()
	}
	return nil
}

// due is when a certificate is to be renewed: after two thirds of its life, less up to a tenth of it, so that a thousand hosts
// that enrolled together do not come together.
func due(from, until time.Time, early float64) time.Time {
	life := until.Sub(from)
	return from.Add(life*2/3 - time.Duration(early*float64(life/10)))
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// try renews once. The log hears of the first failure, of each new reason, and of the recovery.
func (r *Renewer) try(ctx context.Context) error {
	name, until, err := r.renew(ctx)
	r.mu.Lock()
	before := r.lastErr
	r.lastErr = err
	r.mu.Unlock()
	switch {
	case err == nil:
		r.renewals.Inc()
		r.renewed()
		r.log.Info("certificate renewed", "name", name, "until", until)
	case ctx.Err() == nil:
		r.failures.Inc()
		if before == nil || before.Error() != err.Error() {
			r.log.Warn("certificate is not renewed, trying again", "err", err)
		}
	}
	return err
}

func (r *Renewer) renew(ctx context.Context) (name string, until time.Time, err error) {
	ship, err := r.folder.Ship()
	if err != nil {
		return "", until, err
	}
	if name, _, until, err = r.folder.Certificate(); err != nil {
		return "", until, err
	}
	if time.Now().After(until) {
		return "", until, fmt.Errorf("the certificate of %s has expired on %s, and only a valid one is renewed: belfry-agent enroll gets another",
			name, until.UTC().Format(time.RFC3339))
	}
	settings, err := r.folder.Files().Client()
	if err != nil {
		return "", until, err
	}
	key, csr, err := request(name, r.host)
	if err != nil {
		return "", until, err
	}
	a, err := ask(ctx, settings, ship.URL+enroll.RenewPath, "", name, key, csr)
	if err != nil {
		return "", until, fmt.Errorf("renew at %s: %w", ship.URL, err)
	}
	ship.URL = cmp.Or(a.URL, ship.URL)
	// To which brokers it ships stays as it was: the road that is open leads there.
	if err := r.folder.write(next{ship, []byte(a.Authorities + ship.Trusted), []byte(a.Certificate), key}); err != nil {
		return "", until, err
	}
	_, _, until, err = r.folder.Certificate()
	return name, until, err
}
