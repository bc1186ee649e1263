package stack

import (
	"context"

	"belfry/shared/broker"
	"belfry/shared/certs"
)

// T is what a Fixture needs of a test.
type T interface {
	TB
	Context() context.Context
	TempDir() string
	Cleanup(f func())
	Errorf(format string, args ...any)
}

// Fixture is a RabbitMQ that ends with a test.
type Fixture struct {
	*RabbitMQ
	CA *certs.Authority
	t  T
}

// Everything is a user who may do all to what is Belfry's.
func Everything(name string) User {
	const all = `^belfry\.`
	return User{Name: name, Configure: all, Write: all, Read: all}
}

// AgentUser is a user who may do what an agent of that name does, and nothing else.
func AgentUser(name string) User {
	return User{Name: name, Configure: `^$`, Write: `^belfry\.events$`, Read: `^belfry\.acks\.` + name + `$`}
}

// OpenRabbitMQ starts a broker for a test, with the topology of so many event queues, or skips the test where there is
// none. The first of the users declares the topology. Folder and authority are the fixture's own.
func OpenRabbitMQ(t T, queues int, cfg Rabbit, agents ...string) *Fixture {
	t.Helper()
	Need(t, "rabbitmq-server")
	f := &Fixture{t: t}
	var err error
	cfg.Dir = t.TempDir()
	if f.CA, err = certs.NewAuthority(cfg.Dir); err != nil {
		t.Fatalf("%v", err)
	}
	cfg.Authority = f.CA
	if f.RabbitMQ, err = StartRabbitMQ(t.Context(), cfg); err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := f.Stop(); err != nil {
			t.Errorf("%v", err)
		}
	})
	if err := f.Apply(t.Context(), queues, agents...); err != nil {
		t.Fatalf("%v", err)
	}
	return f
}

// As is how a user reaches the broker: by a new certificate of that name.
func (f *Fixture) As(user string) broker.Config {
	f.t.Helper()
	files, err := f.CA.Issue(user, certs.Request{CommonName: user, Client: true})
	if err != nil {
		f.t.Fatalf("%v", err)
	}
	return broker.Config{URLs: []string{f.URL}, Files: files, AppID: "test"}
}
