package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/query"
	"belfry/shared/conf"
)

// errParameter says that a parameter is wrong.
var errParameter = errors.New("parameter")

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w "+format, append([]any{errParameter}, args...)...)
}

// TrailDataset is the event.dataset of the audit trail.
const TrailDataset = "belfry.search"

// question is what is common to all that is asked.
type question struct {
	span  index.Span  // to ask the index
	text  string      // of the query, as it was typed
	until time.Time   // the deadline; zero: none
	plain *query.Expr // of the text
}

// context returns the one that a question is answered in.
func (q question) context(r *http.Request) (context.Context, context.CancelFunc) {
	if q.until.IsZero() {
		return context.WithCancel(r.Context())
	}
	return context.WithDeadline(r.Context(), q.until)
}

// questionNames are the parameters of all questions together.
var questionNames = []string{"q", "from", "to", "trail", "deadline", "order", "limit", "after", "before", "fields", "progress",
	"field", "by", "over", "most", "id", "near"}

// Known refuses parameters of other names: one that is mistyped would be as good as not given, and all be answered.
func Known(form url.Values, names ...string) error {
	for name := range form {
		if !slices.Contains(names, name) {
			return wrong("%q is none of %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}

func readQuestion(r *http.Request) (q question, err error) {
	if err := r.ParseForm(); err != nil {
		return q, wrong("list: it cannot be read: %w", err)
	}
	if err := Known(r.Form, questionNames...); err != nil {
		return q, err
	}
	q.text = r.Form.Get("q")
	if q.plain, err = query.Parse(q.text); err != nil {
		return q, err
	}
	if q.span.Query = withoutTrail(q.plain); r.Form.Get("trail") == "1" {
		q.span.Query = q.plain
	}
	if q.span.From, err = readTime(r, "from"); err != nil {
		return q, err
	}
	if q.span.To, err = readTime(r, "to"); err != nil {
		return q, err
	}
	var patience time.Duration
	if patience, err = readDuration(r, "deadline"); patience > 0 {
		q.until = time.Now().Add(patience)
	}
	return q, err
}

// withoutTrail leaves out what was asked before: whoever counts would else count himself. A query that names the trail
// means what it says.
func withoutTrail(x *query.Expr) *query.Expr {
	text := x.String()
	if strings.Contains(text, TrailDataset) {
		return x
	}
	all := "NOT event.dataset:" + TrailDataset
	if t := strings.TrimSpace(text); t != "" && t != "*" {
		all = "(" + text + ") AND " + all // by itself it was read, so its parentheses and quotes are whole
	}
	if y, err := query.Parse(all); err == nil {
		return y
	}
	return x // as long or as deep as a query may be
}

func readSearch(r *http.Request, q question) (s index.Search, err error) {
	s = index.Search{Span: q.span}
	switch v := r.Form.Get("order"); v {
	case "oldest":
		s.Oldest = true
	case "", "newest":
	default:
		return s, wrong("order: %q is neither newest nor oldest", v)
	}
	if s.Limit, err = readNumber(r, "limit", defaultLimit, 0); err != nil {
		return s, err
	}
	if s.Limit == 0 {
		s.Limit = -1 // all
	}
	s.After, err = index.ParseCursor(r.Form.Get("after"))
	return s, err
}

// defaultLimit is the number of events that a search returns when it does not say how many.
const defaultLimit = 100

// readNumber reads a number that is not negative; most, if not 0, is the highest.
func readNumber(r *http.Request, name string, otherwise, most int) (int, error) {
	v := r.Form.Get(name)
	if v == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return 0, wrong("%s: %q is not a number", name, v)
	}
	if most > 0 && n > most {
		return 0, wrong("%s: %d, and at most %d can be asked for", name, n, most)
	}
	return n, nil
}

func readTime(r *http.Request, name string) (time.Time, error) {
	v := r.Form.Get(name)
	if v == "" {
		return time.Time{}, nil
	}
	return parseTime(name, v)
}

func parseTime(name, v string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil {
		return t, wrong("%s: %q is not an RFC 3339 time", name, v)
	}
	return t, nil
}

func readDuration(r *http.Request, name string) (time.Duration, error) {
	v := r.Form.Get(name)
	if v == "" {
		return 0, nil
	}
	d, err := conf.ParseDuration(v)
	if err == nil && d <= 0 {
		err = fmt.Errorf("%q is no time at all", v)
	}
	if err != nil {
		return 0, wrong("%s: %w", name, err)
	}
	return d, nil
}
