package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/audit"
	"belfry/aggregator/config"
	"belfry/aggregator/fleet"
	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/aggregator/serve"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// watchEvery is how often silence and gaps are judged.
const watchEvery = time.Second

// openFleet opens what is known of the agents.
func openFleet(cfg *config.Config, log *slog.Logger, set *metrics.Set) (*fleet.Fleet, error) {
	return fleet.Open(fleet.Config{
		Path: cfg.Dir(fleetFile), Self: ownAgent, SilenceAfter: time.Duration(cfg.Ledger.SilenceAfter),
		Retention: cfg.Index.Retention(),
	}, time.Now(), log, set)
}

// openGaps shows the fleet what it had not seen, and opens the gaps.
func (a *Aggregator) openGaps(ctx context.Context) (err error) {
	if x, ok := a.index.(sharedIndex); ok {
		return a.openFollower(ctx, x)
	}
	unseen := a.fleet.Cursor() + 1
	err = a.index.Since(unseen, a.fleet.Process)
	if a.fleet.Adopt(a.index.Ledger(), time.Now()) > 0 {
		err = errors.Join(err, a.index.Since(unseen, a.fleet.Recognize))
	}
	if err != nil {
		return fmt.Errorf("show the fleet what it had not seen: %w", err)
	}
	return a.openTracker()
}

func (a *Aggregator) openTracker() (err error) {
	a.gaps, err = audit.OpenTracker(a.fleet, a.index.Ledger(), time.Duration(a.cfg.Ledger.GapGrace), time.Now(), a.log, a.set)
	return err
}

// seenTo is up to where both the alerts and the fleet have seen the index's log.
func (a *Aggregator) seenTo() uint64 { return min(a.outbox.Cursor(), a.fleet.Cursor()) }

// claim notes whose an agent id is. An error that is errPoison says that it is another's.
func (p *pipeline) claim(ctx context.Context, m *batch.Manifest, from sender) error {
	if from.foreign || p.fleet == nil {
		return nil
	}
	err := p.fleet.Claim(ctx, m.Agent, from.name)
	if errors.Is(err, fleet.ErrTaken) || errors.Is(err, fleet.ErrTooMany) {
		p.poison.Inc()
		p.sayTaken(ctx, m.Agent, from.name, err)
		return &poison{reason: err} // of the id's owner it says nothing
	}
	return err
}

// sayTaken says, once a day, that somebody speaks for an agent id that is not his.
func (p *pipeline) sayTaken(ctx context.Context, agent event.Key, name string, err error) {
	if p.speaks.tell == nil {
		return
	}
	e := new(event.Event)
	e.Set("event.dataset", "belfry.identity")
	e.Set("event.action", "agent-id-taken")
	e.Set("agent.name", name)
	e.Set("agent.id", agent.String())
	e.Set("message", err.Error())
	p.speaks.tell(ctx, []string{"taken", agent.String(), name, time.Now().UTC().Format(time.DateOnly)}, e)
}

// noted makes done tell the fleet of a batch that has become durable.
func (p *pipeline) noted(m *batch.Manifest, from sender, queue string, items []index.Item, done func(error)) func(error) {
	if from.foreign || p.fleet == nil {
		return done
	}
	type name struct {
		pos        ledger.Position
		path, host string
	}
	var names []name
	for i := range items {
		it := &items[i]
		if i > 0 && items[i-1].Pos == it.Pos {
			continue
		}
		if path := it.Event.Get("log.file.path"); path != "" {
			names = append(names, name{it.Pos, path, it.Event.Get("host.name")})
		}
	}
	return func(err error) {
		if err == nil {
			for _, n := range names {
				p.fleet.Name(n.pos, n.path, n.host)
			}
			p.fleet.Batch(m, from.name, queue, time.Now())
		}
		done(err)
	}
}

// watch judges silence and gaps, and writes what is to be said of them into the index, until ctx is done. A disk that
// is full is waited for: what was judged is judged again.
func (a *Aggregator) watch(ctx context.Context) error {
	defer func() {
		if err := a.handOver(); err != nil {
			a.log.Warn("what is known of the agents is left to who takes over", "err", err)
		}
	}()
	return a.repeat(ctx, chore{
		every: watchEvery, do: func(ctx context.Context) error {
			now := time.Now()
			if a.follow != nil {
				return errors.Join(a.stepShared(ctx, now), a.sayOwn(ctx))
			}
			err := errors.Join(a.releaseOthers(), a.fleet.Tick(now), a.gaps.Tick(ctx, now), a.sayOwn(ctx))
			a.index.AlertsAt(a.seenTo()) // both keep their places a while later; an erasure waits for that, and no write may come
			return err
		},
		level: slog.LevelError, fails: "gaps and silence cannot be noted, trying again",
		mended: "gaps and silence are noted again",
	})
}

// releaseOthers leaves the queues to be judged that other aggregators consume to those.
func (a *Aggregator) releaseOthers() (err error) {
	if a.consume == nil {
		return nil
	}
	for _, m := range a.consume.Members() {
		if m.Self {
			continue
		}
		for _, queue := range m.Queues {
			err = errors.Join(err, a.fleet.Release(queue))
		}
	}
	return err
}

// ownBatch is how many events of the aggregator's own go into the index at once.
const ownBatch = 200

// sayOwn writes what the aggregator has to say into the index, each at its offset, so that the ledger knows a repeat.
func (a *Aggregator) sayOwn(ctx context.Context) error {
	for {
		all, err := a.fleet.DB().Unsaid(ownBatch)
		if err != nil || len(all) == 0 {
			return err
		}
		err = a.writeOwn(ctx, all)
		if errors.Is(err, index.ErrBadWrite) {
			err = a.writeOwnSingly(ctx, all)
		}
		if err != nil {
			return err
		}
		if err := a.fleet.DB().Said(all); err != nil {
			return err
		}
	}
}

func (a *Aggregator) writeOwn(ctx context.Context, all []fleet.Own) error {
	var w index.Write
	now, pos := time.Now().UTC().Format(time.RFC3339Nano), a.fleet.DB().Self()
	for _, o := range all {
		o.Event.Set("event.ingested", now)
		w.Items = append(w.Items, index.Item{Event: o.Event, Pos: pos, Offset: o.Offset, Ranged: true})
		w.Ranges = append(w.Ranges, index.Range{Pos: pos, Kind: batch.Data, First: o.Offset, End: o.Offset + 1})
	}
	return wait(ctx, func(done func(error)) {
		a.index.Write(ctx, w, func(_ index.Result, err error) { done(err) })
	})
}

// writeOwnSingly writes one event after the other: what the index refuses is cut short, for it would hold up all others.
func (a *Aggregator) writeOwnSingly(ctx context.Context, all []fleet.Own) error {
	for _, o := range all {
		err := a.writeOwn(ctx, []fleet.Own{o})
		if errors.Is(err, index.ErrBadWrite) {
			dataset, action := o.Event.Get("event.dataset"), o.Event.Get("event.action")
			a.log.Error("event of our own is cut short", "dataset", dataset, "action", action, "err", err)
			index.Reduce(o.Event, err)
			o.Event.Set("event.dataset", dataset)
			o.Event.Set("event.action", action)
			err = a.writeOwn(ctx, []fleet.Own{o})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addWatched adds the routes by which an operator asks for hosts, gaps and the audit.
//
//	GET  /v1/hosts                      {"hosts":[…]}
//	POST /v1/hosts/expected             body: one name a line
//	POST /v1/hosts/forget?name=NAME     {"ids":N}
//	GET  /v1/gaps?all=true              {"gaps":[…]}
//	POST /v1/gaps/accept?id=ID&reason=  the gap
//	GET  /v1/audit?host=HOST&all=true   NDJSON: {"file":…}, {"host":…}, at the end {"total":…}
func (a *Aggregator) addWatched(api *serve.API) {
	handle := func(pattern string, need serve.Need, h serve.Handler) {
		api.Handle(pattern, need, func(w http.ResponseWriter, r *http.Request, by serve.Asker) {
			if err := a.caughtUp(r.Context()); err != nil {
				answer(w, nil, err)
				return
			}
			h(w, r, by)
		})
	}
	handle("GET /v1/hosts", serve.ForSearch, func(w http.ResponseWriter, _ *http.Request, _ serve.Asker) {
		answer(w, hostsAnswer{a.hosts(time.Now())}, nil)
	})
	handle("POST /v1/hosts/expected", serve.ForAdmin, a.expectHosts)
	handle("POST /v1/hosts/forget", serve.ForAdmin, a.forgetHost)
	handle("GET /v1/gaps", serve.ForSearch, func(w http.ResponseWriter, r *http.Request, _ serve.Asker) {
		list, err := a.gaps.Gaps(r.Context(), r.FormValue("all") == "true")
		answer(w, gapsAnswer{list}, err)
	})
	handle("POST /v1/gaps/accept", serve.ForAdmin, a.acceptGap)
	handle("GET /v1/audit", serve.ForSearch, a.auditAll)
}

type (
	hostsAnswer struct {
		Hosts []fleet.Host `json:"hosts"`
	}
	gapsAnswer struct {
		Gaps []audit.Gap `json:"gaps"`
	}
	forgetAnswer struct {
		IDs int `json:"ids"` // that may be claimed anew
	}
)

func (a *Aggregator) hosts(now time.Time) []fleet.Host {
	all, gaps := a.fleet.Hosts(now), a.gaps.OpenGaps()
	for i := range all {
		all[i].Gaps = gaps[all[i].Agent]
	}
	return all
}

// errUnknown says that what was asked for is not there.
var errUnknown = errors.New("is not known")

func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		status := http.StatusInternalServerError
		switch {
		case errors.Is(err, errUnknown), errors.Is(err, audit.ErrNoGap):
			status = http.StatusNotFound
		case errors.Is(err, audit.ErrNoReason), errors.Is(err, errBadNames):
			status = http.StatusBadRequest
		}
		w.WriteHeader(status)
		v = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v) // else the asker is gone
}

// maxNames bounds a list of expected hosts, in bytes.
const maxNames = 4 << 20

func (a *Aggregator) expectHosts(w http.ResponseWriter, r *http.Request, by serve.Asker) {
	names, err := readNames(http.MaxBytesReader(w, r.Body, maxNames))
	if err == nil {
		err = a.fleet.Expect(r.Context(), names, time.Now())
	}
	if err == nil {
		a.log.Info("hosts expected", "hosts", len(names), "by", by.Name)
	}
	answer(w, map[string]int{"hosts": len(names)}, err)
}

func (a *Aggregator) forgetHost(w http.ResponseWriter, r *http.Request, by serve.Asker) {
	name := r.FormValue("name")
	ids, known, err := a.fleet.Forget(r.Context(), name, time.Now())
	if err == nil && !known {
		err = fmt.Errorf("host %q %w (belfry hosts lists them)", name, errUnknown)
	}
	if err == nil {
		a.log.Info("host forgotten", "name", name, "ids", ids, "by", by.Name)
	}
	answer(w, forgetAnswer{ids}, err)
}

func (a *Aggregator) acceptGap(w http.ResponseWriter, r *http.Request, by serve.Asker) {
	g, err := a.gaps.Accept(r.Context(), r.FormValue("id"), by.Name, r.FormValue("reason"), time.Now())
	if err == nil {
		a.log.Info("gap accepted", "id", g.ID, "by", g.By, "why", g.Why)
	}
	answer(w, g, err)
}

func (a *Aggregator) auditAll(w http.ResponseWriter, r *http.Request, _ serve.Asker) {
	host := strings.TrimSpace(r.FormValue("host"))
	if host != "" && len(a.fleet.Agents(host)) == 0 {
		answer(w, nil, fmt.Errorf("host %q %w (belfry hosts lists them)", host, errUnknown))
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	err := a.gaps.Report(r.Context(), host, r.FormValue("all") == "true", time.Now(), func(l audit.Line) error {
		return out.Encode(l)
	})
	if err != nil {
		a.log.Debug("audit not written to its end", "err", err)
	}
}
