package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"belfry/aggregator/ca"
	"belfry/shared/event"
	"belfry/shared/segment"
)

// authorityDataset is the event.dataset of what tells of certificates:
//
//	event.action   issue, enroll, renew, revoke
//	event.outcome  success, failure
//	event.reason   of a revocation                error.message  of a failure
//	user.name      by whom: user, id of a token, serial that a renewal follows
//	source.ip      from where, if not on this machine
//	tls.client.x509.subject.common_name, .serial_number, .not_after
const authorityDataset = "belfry.ca"

// toldFile has how many lines of the journal of certificates have been told as events.
const toldFile = "ca.told"

// openAuthority opens the authority, if there is one.
func (a *Aggregator) openAuthority() error {
	if !a.cfg.Enroll.On() {
		return nil
	}
	authority, err := ca.Open(a.cfg.Enroll.CA)
	if err != nil {
		return fmt.Errorf("enroll.ca: %w", err)
	}
	a.authority = authority
	return nil
}

// tellAuthority makes events of what the journal of certificates tells, whichever process has written it, until ctx is done.
func (a *Aggregator) tellAuthority(ctx context.Context) error {
	path := a.cfg.Dir(toldFile)
	told := 0
	text, err := os.ReadFile(path)
	if err == nil {
		told, err = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read what was told of certificates: %w", err)
	}
	journal := a.authority.Follow(told)
	var waiting []ca.News
	return a.repeat(ctx, chore{
		every: time.Second, level: slog.LevelWarn,
		fails: "the journal of certificates is not told, trying again", mended: "the journal of certificates is told again",
		do: func(ctx context.Context) error {
			news, lines, err := journal.Next()
			if waiting = append(waiting, news...); err != nil || len(waiting) == 0 {
				return err
			}
			if err := a.tellNews(ctx, waiting); err != nil {
				return err // what was written already is known by its key
			}
			waiting = nil
			return segment.ReplaceFile(path, []byte(strconv.Itoa(lines)+"\n"), 0o600)
		},
	})
}

// tellNews returns when all of them are in the index.
func (a *Aggregator) tellNews(ctx context.Context, all []ca.News) error {
	done := make(chan error, len(all))
	for _, n := range all {
		a.tellThen(ctx, []string{authorityDataset, n.Do, n.Serial, n.At.Format(time.RFC3339Nano)}, newsEvent(n), func(err error) { done <- err })
	}
	var errs []error
	for range all {
		select {
		case err := <-done:
			errs = append(errs, err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.Join(errs...)
}

// authorityEvent begins an event about a certificate.
func authorityEvent(action, name, by, peer string) *event.Event {
	e := new(event.Event)
	set := func(name, value string) { e.Append(name, strings.ToValidUTF8(value, "\uFFFD")) }
	set("event.dataset", authorityDataset)
	set("event.category", "iam")
	set("event.action", action)
	set("tls.client.x509.subject.common_name", name)
	set("user.name", by)
	set("source.ip", peer)
	return e
}

func newsEvent(n ca.News) *event.Event {
	e := authorityEvent(n.Do, n.Name, n.By, n.Peer)
	at := n.At.UTC().Format(time.RFC3339Nano)
	e.Set("@timestamp", at)
	e.Set("event.created", at)
	e.Set("event.outcome", "success")
	e.Set("tls.client.x509.serial_number", n.Serial)
	text := map[string]string{
		ca.ByHand: "a certificate was issued to ", ca.ByEnrollment: "a certificate was given to ",
		ca.ByRenewal: "a certificate was renewed for ",
	}[n.Do]
	if text == "" {
		text = "a certificate was revoked of "
		e.Set("event.reason", strings.ToValidUTF8(n.Reason, "\uFFFD"))
	} else {
		e.Set("tls.client.x509.not_after", n.Until.UTC().Format(time.RFC3339))
	}
	if n.Compromised {
		e.Set("tags", "compromised")
	}
	e.Set("message", text+n.Name)
	return e
}

// tellRefused tells of a request for a certificate that was refused.
func (a *Aggregator) tellRefused(ctx context.Context, action, name, by, peer string, why error) {
	const most = 300 // bytes of what a stranger may have us say
	name = name[:min(len(name), most)]
	e := authorityEvent(action, name, by, peer)
	e.Set("event.outcome", "failure")
	reason := strings.ToValidUTF8(why.Error()[:min(len(why.Error()), most)], "\uFFFD")
	e.Set("error.message", reason)
	e.Set("message", "a certificate was refused to "+strings.ToValidUTF8(name, "\uFFFD")+": "+reason)
	a.tell(context.WithoutCancel(ctx), []string{authorityDataset, "refused", event.RandomKey().String()}, e)
}
