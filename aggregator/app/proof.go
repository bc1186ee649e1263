package app

import (
	"errors"
	"fmt"

	"belfry/aggregator/ca"
	"belfry/aggregator/config"
	"belfry/shared/batch"
	"belfry/shared/certs"
)

// aggregatorUser is the common name of all aggregators, and their user at the broker.
const aggregatorUser = "belfry"

// sender is who a batch comes from, as its signature proves it.
type sender struct {
	name    string // common name of the certificate
	foreign bool   // an aggregator made the batch of what others sent: its agent is none
}

// prover tells who has signed a batch, by the authorities that the configuration names.
type prover struct{ trusted []*certs.Verifier }

// newProver returns one that also asks what the authority has revoked, if there is one.
func newProver(cfg *config.Config, authority *ca.CA) (*prover, error) {
	p, known := new(prover), make(map[string]bool)
	add := func(f certs.Files) error {
		if known[f.CA] {
			return nil
		}
		known[f.CA] = true
		v, err := f.Verifier()
		if err == nil && authority != nil {
			v.Revoked = authority.Unsigned
		}
		p.trusted = append(p.trusted, v)
		return err
	}
	var errs []error
	if b := cfg.Receive.AMQP; b != nil {
		errs = append(errs, add(b.Files))
	}
	if t := cfg.Receive.HTTP.TLS; t != nil {
		errs = append(errs, add(t.Files))
	}
	return p, errors.Join(errs...)
}

// prove returns whose manifest it is. What the manifest says of itself counts for nothing before that.
func (p *prover) prove(m *batch.Manifest, text []byte, proof batch.Proof) (sender, error) {
	if len(proof.Signature) == 0 {
		return sender{}, fmt.Errorf("%w: the batch has none", errSignature)
	}
	var errs []error
	for _, v := range p.trusted {
		name, err := v.Verify(batch.Signed(text), proof.Signature, proof.Chain, m.Sealed)
		if err == nil {
			return sender{name: name, foreign: name == aggregatorUser}, nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return sender{}, fmt.Errorf("%w: this aggregator knows no authority: it has neither receive.amqp nor receive.http.tls", errSignature)
	}
	return sender{}, fmt.Errorf("%w: %w", errSignature, errors.Join(errs...))
}
