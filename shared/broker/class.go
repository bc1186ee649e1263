package broker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Class is the kind of an error, as an operator tells them apart.
type Class string

// The classes.
const (
	OK         Class = ""
	Refused    Class = "access-refused" // 403: no permission, or not this user
	NotFound   Class = "not-found"      // 404: no such exchange or queue
	Mismatch   Class = "precondition"   // 406: declared otherwise
	TLS        Class = "tls"            // certificates do not fit
	Unroutable Class = "unroutable"     // no queue is bound to the slot
	Nacked     Class = "nacked"         // the queue would not take it
	Timeout    Class = "timeout"        // no confirm in time
	Network    Class = "network"        // anything else between here and there
)

// errors of one message
var (
	errUnroutable = errors.New("no queue is bound to the routing key")
	errNacked     = errors.New("the broker did not take it")
	errTimeout    = errors.New("no confirm in time")
	errLost       = errors.New("connection lost before the confirm")
)

// ClassOf returns the class of an error of this package.
func ClassOf(err error) Class {
	var amqpErr *amqp.Error
	var certErr *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var alert tls.AlertError
	var op *net.OpError
	switch {
	case err == nil:
		return OK
	case errors.Is(err, errUnroutable):
		return Unroutable
	case errors.Is(err, errNacked):
		return Nacked
	case errors.Is(err, errTimeout):
		return Timeout
	case errors.As(err, &certErr), errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &alert),
		errors.As(err, &op) && op.Op == "remote error":
		return TLS
	case errors.As(err, &amqpErr):
		switch amqpErr.Code {
		case amqp.AccessRefused:
			return Refused
		case amqp.NotFound:
			return NotFound
		case amqp.PreconditionFailed:
			return Mismatch
		}
	}
	return Network
}

// Classified is an error with its class in front.
func Classified(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", ClassOf(err), err)
}
