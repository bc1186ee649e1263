package app

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"belfry/agent/input/file"
	"belfry/agent/input/journal"
	"belfry/agent/rotate"
)

// Status is what "belfry-agent status" shows.
type Status struct {
	Agent string        `json:"agent"`
	Host  string        `json:"host"`
	Road  string        `json:"road"`                // "ok", or why nothing goes
	Acks  string        `json:"acks"`                // "ok", or why the index's acknowledgements do not come
	Renew string        `json:"renewal,omitempty"`   // "ok", or why the certificate is not renewed; "" if it did not come by enrolment
	Named int           `json:"streams_not_indexed"` // files of which the index has not acknowledged all that was handed on
	Files []file.Status `json:"files"`
	Past  file.Progress `json:"backfill"` // how far what is of the past is sent

	Rotation []rotate.Status  `json:"rotation,omitempty"` // of the files that the agent rotates
	Journals []journal.Status `json:"journals,omitempty"`
	Relay    *RelayStatus     `json:"relay,omitempty"` // of syslog
}

// RelayStatus is how the syslog relay is.
type RelayStatus struct {
	Listeners []string      `json:"listeners"`        // where it listens, as it was configured, and the address
	Messages  uint64        `json:"messages"`         // taken since the start
	Stuck     string        `json:"stuck,omitempty"`  // why nothing is taken at the moment
	Dropped   uint64        `json:"dropped_messages"` // lost since the start before they could be kept
	Spool     uint64        `json:"spool_bytes"`      // that wait on the disk
	Queues    []QueueStatus `json:"queues"`
}

// QueueStatus is one queue of the spool: of one lane and class.
type QueueStatus struct {
	Name   string    `json:"name"`
	Behind uint64    `json:"behind_bytes"` // put, and not confirmed
	Since  time.Time `json:"since,omitzero"`
	Lost   uint64    `json:"lost_bytes,omitempty"` // declared since the start
}

func (a *Agent) status(w http.ResponseWriter, _ *http.Request) {
	s := Status{Agent: a.id.String(), Host: a.cfg.Host, Road: "ok", Acks: "ok"}
	if err := a.road.LastError(); err != nil {
		s.Road = err.Error()
	}
	if f, ok := a.road.(interface{ FollowError() error }); ok && f.FollowError() != nil {
		s.Acks = f.FollowError().Error()
	}
	if a.renewer != nil {
		s.Renew = "ok"
		if err := a.renewer.LastError(); err != nil {
			s.Renew = err.Error()
		}
	}
	if a.files != nil {
		var err error
		if s.Files, s.Past, err = a.files.Status(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		s.Named = a.files.Unindexed()
	}
	if a.rotator != nil {
		s.Rotation = a.rotator.Status()
	}
	for _, j := range a.journals {
		s.Journals = append(s.Journals, j.Status())
	}
	if a.relay != nil {
		s.Relay = a.relay.status(a.syslogs)
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(s); err != nil {
		a.log.Debug("status not written", "err", err)
	}
}

// zone returns the IANA name of the time zone: as configured, or the system's.
func zone(configured string) string {
	if configured != "" {
		return configured
	}
	if name := readWord("/etc/timezone"); name != "" {
		return name
	}
	if to, err := os.Readlink("/etc/localtime"); err == nil {
		if _, name, ok := strings.Cut(filepath.ToSlash(to), "zoneinfo/"); ok {
			return name
		}
	}
	return "UTC"
}
