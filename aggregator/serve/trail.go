package serve

import (
	"context"
	"net/http"
	"time"
)

// Asked is a question that was answered, as the audit trail has it.
type Asked struct {
	By       Asker
	What     string // search, count, top, fields, event, context, tail
	Query    string // as it was typed, cut to maxTold bytes
	About    string // the field that was counted, or the id that was asked for
	From, To time.Time
	Found    uint64 // events, or for fields and context what was shown
	Begin    time.Time
	Took     time.Duration
	Err      error // nil: it was answered to its end
}

// maxTold bounds what the trail keeps of a query, in bytes. A longer one is cut, and says so.
const maxTold = 1000

func cut(text string) string {
	if len(text) <= maxTold {
		return text
	}
	return text[:maxTold] + "…"
}

// ask lets a question in that was read with err, answers it, and puts what answer says of it on the trail; or it says why
// not.
func (a *API) ask(w http.ResponseWriter, r *http.Request, by Asker, q question, err error, answer func(ctx context.Context) Asked) {
	var ctx context.Context
	var done func(Asked)
	if err == nil {
		ctx, done, err = a.begin(r, by, q)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	done(answer(ctx))
}

// begin lets a question in. done ends it, and puts it on the trail.
func (a *API) begin(r *http.Request, by Asker, q question) (ctx context.Context, done func(Asked), err error) {
	now := time.Now()
	leave, err := a.limits.enter(by, now)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := q.context(r)
	return ctx, func(what Asked) {
		cancel()
		leave()
		a.noted(q, by, now, what)
	}, nil
}

func (a *API) noted(q question, by Asker, begin time.Time, what Asked) {
	what.By, what.Query, what.From, what.To, what.Begin = by, cut(q.text), q.span.From, q.span.To, begin
	what.About = cut(what.About)
	what.Took = time.Since(begin)
	args := []any{"who", by.Name, "by", by.By, "query", what.Query, "found", what.Found, "took", what.Took.Round(time.Microsecond)}
	for _, x := range []struct{ key, value string }{{"from", by.From}, {"about", what.About}} {
		if x.value != "" {
			args = append(args, x.key, x.value)
		}
	}
	if what.Err != nil {
		a.log.Warn(what.What+" failed", append(args, "err", what.Err)...)
	} else {
		a.log.Info(what.What, args...)
	}
	if a.trail != nil {
		a.trail(what)
	}
}
