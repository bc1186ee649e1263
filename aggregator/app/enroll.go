package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/ca"
	"belfry/aggregator/config"
	"belfry/aggregator/serve"
	"belfry/aggregator/token"
	"belfry/aggregator/topology"
	"belfry/shared/certs"
	"belfry/shared/enroll"
)

// At the broker, users are made for so many agents at once, each within so long: a thousand may come together.
const (
	brokerWithin = 15 * time.Second
	atBroker     = 8
)

var (
	errNoAuthority = errors.New("this aggregator enrols nobody: it has no certificate authority (belfry ca init, and start it again)")
	errTaken       = errors.New("the name has a certificate already, or had one that was revoked: revoke what is valid, and make a token for this name alone")
	errBusyBroker  = errors.New("the broker does not make the user of the agent")
	errNotKnown    = errors.New("look who has a certificate")
)

// enroller gives agents their certificates; see package enroll for what is said.
type enroller struct {
	*Aggregator
	tokens *token.Store
	door   *tokenDoor
	turns  chan struct{} // of those whose users are being made at the broker

	enrolled, renewed, refused *metrics.Counter
}

func (a *Aggregator) newEnroller(tokens *token.Store, door *tokenDoor) *enroller {
	return &enroller{
		Aggregator: a, tokens: tokens, door: door, turns: make(chan struct{}, atBroker),
		enrolled: a.set.NewCounter(`belfry_ca_certificates_total{how="enroll"}`),
		renewed:  a.set.NewCounter(`belfry_ca_certificates_total{how="renew"}`),
		refused:  a.set.NewCounter("belfry_ca_refused_total"),
	}
}

// register adds the routes of the TLS door.
func (e *enroller) register(mux *http.ServeMux) {
	for pattern, h := range map[string]http.HandlerFunc{
		"GET " + enroll.AuthorityPath: e.authorityPEM, "POST " + enroll.EnrollPath: e.enroll, "POST " + enroll.RenewPath: e.renew,
	} {
		if e.authority == nil {
			h = func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, errNoAuthority) }
		}
		mux.HandleFunc(pattern, h)
	}
}

// authorityPEM tells the authority's certificate to anybody.
func (e *enroller) authorityPEM(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-pem-file")
	_, _ = w.Write(e.authority.PEM()) // else the asker is gone
}

// readCSR reads what an agent asks for. The names in it are those of an agent and its host.
func readCSR(w http.ResponseWriter, r *http.Request) (certs.CSR, error) {
	var asked enroll.Request
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, enroll.MaxMessage))
	if err == nil {
		err = json.Unmarshal(text, &asked)
	}
	if err != nil {
		return certs.CSR{}, fmt.Errorf("request: %w", err)
	}
	csr, err := certs.ReadCSR([]byte(asked.CSR))
	if err != nil {
		return csr, err
	}
	errs := []error{enroll.CheckName(csr.CommonName)}
	for _, h := range csr.Hosts {
		errs = append(errs, enroll.CheckHost(csr.CommonName, h))
	}
	return csr, errors.Join(errs...)
}

// wanted is the certificate of an agent: that it is no server's, whatever it is called, keeps it from being taken for one.
func (e *enroller) wanted(csr certs.CSR) certs.Request {
	return certs.Request{CommonName: csr.CommonName, Hosts: csr.Hosts, Client: true, Lifetime: time.Duration(e.cfg.Enroll.Lifetime)}
}

// enroll lets in who has a token for a name.
func (e *enroller) enroll(w http.ResponseWriter, r *http.Request) {
	from := addressOf(r)
	if !e.door.patient(from) {
		e.refuseBusy(w, serve.ErrBusy)
		return
	}
	_, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	csr, err := readCSR(w, r)
	var t token.Token
	if err == nil {
		t, err = e.redeem(strings.TrimSpace(secret), csr)
	}
	if err != nil {
		e.no(w, r, ca.ByEnrollment, csr.CommonName, t.ID, err)
		return
	}
	e.grant(w, r, csr, ca.Origin{How: ca.ByEnrollment, By: t.ID, Peer: from, Since: t.Created})
}

// redeem uses a token for a request. Nobody whose certificate was revoked comes back by a token from before that. A pattern
// lets in whom nobody knows: neither a host that is there already, nor one that was thrown out. Names are those of hosts: they
// are the same in either case.
func (e *enroller) redeem(secret string, csr certs.CSR) (token.Token, error) {
	der, err := x509.MarshalPKIXPublicKey(csr.Key)
	if err != nil {
		return token.Token{}, err
	}
	sum := sha256.Sum256(der)
	return e.tokens.Redeem(secret, csr.CommonName, hex.EncodeToString(sum[:]), func(t token.Token, again bool) error {
		taken := !again && slices.ContainsFunc(t.Enroll.Used, func(u token.Use) bool { return strings.EqualFold(u.Name, csr.CommonName) })
		all, err := e.authority.List()
		if err != nil {
			return fmt.Errorf("%w: %w", errNotKnown, err)
		}
		for _, c := range all {
			if strings.EqualFold(c.Name, csr.CommonName) {
				taken = taken || !again && c.State(time.Now()) != "expired"
				if c.Revoked.After(t.Created) {
					return fmt.Errorf("%w: a certificate of %s was revoked since the token was made", token.ErrNotFor, c.Name)
				}
			}
		}
		if taken && !t.Enroll.One() {
			return errTaken
		}
		return nil
	})
}

// grant makes what an agent needs, and answers. It may be revoked meanwhile: then it gets nothing.
func (e *enroller) grant(w http.ResponseWriter, r *http.Request, csr certs.CSR, from ca.Origin) {
	away := e.admit(r.Context(), csr.CommonName)
	var made *x509.Certificate
	err := away
	if err == nil {
		made, err = e.authority.Issue(csr.Key, e.wanted(csr), from)
	}
	if err != nil {
		if revoked := e.authority.RevokedSince(csr.CommonName, from.Since); errors.Is(revoked, ca.ErrRevoked) {
			e.withdraw(context.WithoutCancel(r.Context()), csr.CommonName)
			e.no(w, r, ca.ByEnrollment, csr.CommonName, from.By, revoked)
			return
		}
	}
	switch {
	case away != nil:
		e.log.Warn("agent is not enrolled", "agent", csr.CommonName, "peer", from.Peer, "err", err)
		e.refuseBusy(w, errBusyBroker)
		return
	case err != nil:
		e.log.Error("agent is not enrolled", "agent", csr.CommonName, "peer", from.Peer, "err", err)
		refuse(w, http.StatusInternalServerError, errors.New("the certificate could not be made; the aggregator's log says why"))
		return
	}
	e.enrolled.Inc()
	e.log.Info("agent enrolled", "agent", csr.CommonName, "peer", from.Peer, "token", from.By, "until", made.NotAfter)
	e.give(w, made)
}

// admit makes the agent's user at the broker, if that is where it ships to.
func (e *enroller) admit(ctx context.Context, name string) error {
	if len(agentBrokers(e.cfg)) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, brokerWithin)
	defer cancel()
	select {
	case e.turns <- struct{}{}:
		defer func() { <-e.turns }()
	case <-ctx.Done():
		return fmt.Errorf("wait for the broker: %w", ctx.Err())
	}
	t, err := agentTopology(e.cfg)
	if err != nil {
		return err
	}
	return t.Admit(ctx, name)
}

// withdraw deletes the user that was made at the broker for an agent that was revoked meanwhile: the broker lets in who has one,
// for it knows nothing of revocations.
func (e *enroller) withdraw(ctx context.Context, name string) {
	if len(agentBrokers(e.cfg)) == 0 {
		return
	}
	all, err := e.authority.List()
	if slices.ContainsFunc(all, func(c ca.Entry) bool { return c.Name == name && c.Valid(time.Now()) }) {
		return // of a later certificate
	}
	ctx, cancel := context.WithTimeout(ctx, brokerWithin)
	defer cancel()
	var t *topology.Topology
	if err == nil {
		t, err = agentTopology(e.cfg)
	}
	if err == nil {
		err = t.Dismiss(ctx, name)
	}
	if err != nil {
		e.log.Error("an agent that was revoked may still have a user at the broker: belfry ca revoke deletes it", "agent", name, "err", err)
	}
}

// agentBrokers are what agents are told to ship to: where their users can be made; else they ship to the aggregator.
func agentBrokers(cfg *config.Config) []string {
	b := cfg.Receive.AMQP
	switch {
	case b == nil || b.Management == nil:
		return nil
	case len(cfg.Enroll.AMQP) > 0:
		return cfg.Enroll.AMQP
	}
	return b.URLs
}

// agentTopology is the broker at which agents have users.
func agentTopology(cfg *config.Config) (*topology.Topology, error) {
	b := cfg.Receive.AMQP
	want := topology.Config{Broker: b.Config, Management: b.Management, Queues: b.Queues}
	want.Broker.AppID = "belfry"
	return topology.New(want)
}

// withEnrolled adds to a list of agents those that have enrolled, and have a valid certificate.
func withEnrolled(names []string, cfg *config.Config) ([]string, error) {
	if !cfg.Enroll.On() || len(agentBrokers(cfg)) == 0 {
		return names, nil
	}
	authority, err := ca.Open(cfg.Enroll.CA)
	if err != nil {
		return nil, err
	}
	all, err := authority.List()
	for _, c := range all {
		if c.How != ca.ByHand && c.Valid(time.Now()) && !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names, err
}

// renew gives a new certificate for one that is about to end.
func (e *enroller) renew(w http.ResponseWriter, r *http.Request) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		refuse(w, http.StatusUnauthorized, errors.New("show the certificate that is to be renewed"))
		return
	}
	old := r.TLS.PeerCertificates[0]
	name, from := old.Subject.CommonName, addressOf(r)
	csr, err := readCSR(w, r)
	if err == nil && csr.CommonName != name {
		err = fmt.Errorf("%w: %q, and the certificate is of %q", token.ErrNotFor, csr.CommonName, name)
	}
	var made *x509.Certificate
	if err == nil {
		made, err = e.authority.Renew(old, csr.Key, e.wanted(csr), from)
	}
	if err != nil {
		e.no(w, r, ca.ByRenewal, name, old.SerialNumber.Text(16), err)
		return
	}
	e.renewed.Inc()
	e.log.Info("certificate renewed", "agent", name, "peer", from, "until", made.NotAfter)
	e.give(w, made)
}

// no refuses a request, and tells of it. Who is refused often is not heard for a while.
func (e *enroller) no(w http.ResponseWriter, r *http.Request, action, name, by string, why error) {
	code := http.StatusBadRequest
	switch {
	case errors.Is(why, token.ErrUnknown):
		code = http.StatusUnauthorized
	case errors.Is(why, token.ErrNotFor), errors.Is(why, token.ErrUsed), errors.Is(why, ca.ErrRevoked), errors.Is(why, ca.ErrForeign):
		code = http.StatusForbidden
	case errors.Is(why, errTaken):
		code = http.StatusConflict
	case errors.Is(why, certs.ErrNoKey), errors.Is(why, errNotKnown), errors.As(why, new(*os.PathError)):
		e.log.Error("certificate not made", "agent", name, "err", why)
		refuse(w, http.StatusInternalServerError, errors.New("the certificate could not be made; the aggregator's log says why"))
		return
	}
	from := addressOf(r)
	if errors.Is(e.door.stranger(r, from, why), serve.ErrBusy) || !e.door.patient(from) {
		e.refuseBusy(w, serve.ErrBusy)
		return
	}
	e.refused.Inc()
	e.tellRefused(r.Context(), action, name, by, from, why)
	refuse(w, code, why)
}

func (e *enroller) refuseBusy(w http.ResponseWriter, why error) {
	w.Header().Set("Retry-After", "5")
	code := http.StatusServiceUnavailable
	if errors.Is(why, serve.ErrBusy) {
		code = http.StatusTooManyRequests
	}
	refuse(w, code, why)
}

func (e *enroller) give(w http.ResponseWriter, made *x509.Certificate) {
	authorities, err := e.authorities()
	if err != nil {
		e.log.Error("certificate not given", "err", err)
		refuse(w, http.StatusInternalServerError, errors.New("the authorities cannot be read; the aggregator's log says why"))
		return
	}
	answer(w, enroll.Answer{
		Certificate: string(certs.EncodePEM(made)), Authorities: string(authorities), URL: e.cfg.Enroll.URL, AMQP: agentBrokers(e.cfg),
	}, nil)
}

// authorities are those that agents need: of the aggregators and of the broker, each once.
func (e *enroller) authorities() ([]byte, error) {
	all := e.authority.PEM()
	known := map[string]bool{string(e.authority.Certificate().Raw): true}
	var files []string
	if t := e.cfg.Receive.HTTP.TLS; t != nil {
		files = append(files, t.CA)
	}
	if b := e.cfg.Receive.AMQP; b != nil {
		files = append(files, b.CA)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for b, rest := pem.Decode(text); b != nil; b, rest = pem.Decode(rest) {
			if b.Type == "CERTIFICATE" && !known[string(b.Bytes)] {
				known[string(b.Bytes)] = true
				all = append(all, pem.EncodeToMemory(&pem.Block{Type: b.Type, Bytes: b.Bytes})...)
			}
		}
	}
	return all, nil
}

// serveEnrollment adds to the operator's API the making of tokens by which agents enrol.
func (a *Aggregator) serveEnrollment(api *serve.API, tokens *token.Store) {
	api.Handle("POST /v1/ca/tokens", serve.ForLocal, func(w http.ResponseWriter, r *http.Request, by serve.Asker) {
		made, secret, err := a.createEnrollment(tokens, r)
		if err == nil {
			a.log.Info("token created", "id", made.ID, "for", made.Enroll.Pattern, "uses", made.Enroll.Uses, "expires", made.Expires, "by", by.Name)
		}
		a.answer(w, newToken{made, secret}, err)
	})
}

func (a *Aggregator) createEnrollment(tokens *token.Store, r *http.Request) (made token.Token, text string, err error) {
	if a.authority == nil {
		return made, "", fmt.Errorf("%w: %w", token.ErrInvalid, errNoAuthority)
	}
	if a.cfg.Receive.HTTP.TLS == nil {
		return made, "", fmt.Errorf("%w: receive.http.tls is not configured: agents have nowhere to enrol", token.ErrInvalid)
	}
	if err := r.ParseForm(); err != nil {
		return made, "", fmt.Errorf("%w: parameters: %w", token.ErrInvalid, err)
	}
	var e token.Enrollment
	e.Pattern = r.Form.Get("pattern")
	expires, err1 := time.Parse(time.RFC3339, r.Form.Get("expires"))
	_, err2 := fmt.Sscan(r.Form.Get("uses"), &e.Uses)
	if err := errors.Join(err1, err2); err != nil {
		return made, "", fmt.Errorf("%w: %w", token.ErrInvalid, err)
	}
	made, secret, err := tokens.CreateEnrollment(e, expires)
	return made, enroll.Token{Secret: secret, Authority: a.authority.Fingerprint()}.String(), err
}

// enrolmentDoubts says what about enrolling is probably not meant; each begins with its key.
func enrolmentDoubts(cfg *config.Config) (all []string) {
	if !cfg.Enroll.On() {
		return nil
	}
	authority, err := ca.Open(cfg.Enroll.CA)
	if err != nil {
		return []string{"enroll.ca: " + err.Error()}
	}
	if c := authority.Certificate(); time.Until(c.NotAfter) < time.Duration(cfg.Enroll.Lifetime) {
		all = append(all, fmt.Sprintf("enroll.ca: the authority itself ends on %s, and with it all that it has signed", c.NotAfter.UTC().Format(time.DateOnly)))
	}
	tls := cfg.Receive.HTTP.TLS
	switch {
	case tls == nil:
		all = append(all, "enroll: receive.http.tls is not configured: agents have nowhere to enrol")
	case !holds(tls.CA, authority.Certificate()):
		all = append(all, fmt.Sprintf("receive.http.tls.ca: %s does not hold the authority of %s: agents that it enrols are not let in", tls.CA, cfg.Enroll.CA))
	}
	if brokers := agentBrokers(cfg); len(brokers) > 0 {
		for _, url := range config.Local(brokers) {
			all = append(all, fmt.Sprintf("enroll.amqp: agents on other machines are told of the broker %s, which is their own machine", url))
		}
	} else if cfg.Receive.AMQP != nil {
		all = append(all, "enroll: receive.amqp.management is not configured: agents that enrol ship to this aggregator, and not to the broker")
	}
	return all
}

func holds(path string, c *x509.Certificate) bool {
	text, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	for b, rest := pem.Decode(text); b != nil; b, rest = pem.Decode(rest) {
		if bytes.Equal(b.Bytes, c.Raw) {
			return true
		}
	}
	return false
}
