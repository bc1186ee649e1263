package reload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"belfry/shared/ops"
)

// Result is what came of a reload.
type Result string

// The results. All but Ended are counted.
const (
	Taken      Result = "ok"
	Unchanged  Result = "unchanged"
	Refused    Result = "refused"     // nothing was touched
	RolledBack Result = "rolled_back" // it could not be opened, and the one before was opened again
	Ended      Result = "ended"       // the process ends
)

// Answer is what is answered to who asks for a reload.
type Answer struct {
	Result Result `json:"result"`
	Reason string `json:"reason,omitempty"` // a line for each fault
}

// status is the answer's in HTTP.
func (a Answer) status() int {
	switch a.Result {
	case Taken, Unchanged:
		return http.StatusOK
	case Ended:
		return http.StatusServiceUnavailable
	}
	return http.StatusUnprocessableEntity
}

// Request has the configuration loaded anew, and waits for what comes of it.
func (s *Supervisor) Request(ctx context.Context) Answer {
	reply := make(chan Answer, 1)
	select {
	case s.asked <- reply:
		return <-reply
	case <-s.ended:
	case <-ctx.Done():
	}
	return Answer{Result: Ended, Reason: stopped}
}

// local answers at the unix socket.
func (s *Supervisor) local() http.Handler {
	mux := http.NewServeMux()
	ops.Profile(mux)
	mux.HandleFunc("GET /healthz", ops.Check(s.Alive))
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, r *http.Request) {
		uid, _ := ops.Peer(r.Context()) // every request here has one
		s.log.Info("a reload is asked for", "uid", uid)
		a := s.Request(r.Context())
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status())
		_ = json.NewEncoder(w).Encode(a) // else the asker is gone
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.door.Load().ServeHTTP(w, r) })
	return mux
}

// maxAnswer bounds an answer, in bytes: a file may have very many faults.
const maxAnswer = 4 << 20

// Ask asks the daemon at a unix socket to reload, and waits for what comes of it. An error says that it has not taken the
// configuration, and why.
func Ask(ctx context.Context, socket string) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://daemon/reload", nil)
	if err != nil {
		return Answer{}, err
	}
	resp, err := ops.Client(socket).Do(req)
	if err != nil {
		return Answer{}, fmt.Errorf("ask for a reload at %s: %w", socket, ops.Explain(err))
	}
	defer resp.Body.Close()
	var a Answer
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return a, fmt.Errorf("read what came of the reload: %w", err)
	case resp.StatusCode == http.StatusNotFound:
		return a, errors.New("the running process does not know how to reload: it may be older than this program")
	case json.Unmarshal(text, &a) != nil || a.Result == "":
		return a, fmt.Errorf("the running process answers %s: %s", resp.Status, strings.TrimSpace(string(text)))
	}
	switch a.Result {
	case Refused:
		return a, fmt.Errorf("the configuration is refused, and nothing was changed:\n%s", a.Reason)
	case RolledBack:
		return a, fmt.Errorf("the configuration cannot be opened, and the one before is in force again:\n%s", a.Reason)
	case Ended:
		return a, errors.New(a.Reason)
	}
	return a, nil
}

// String says it to people.
func (r Result) String() string {
	switch r {
	case Taken:
		return "reloaded"
	case Unchanged:
		return "nothing has changed"
	case Refused:
		return "refused"
	case RolledBack:
		return "rolled back"
	}
	return "ended"
}
