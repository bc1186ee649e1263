package main

// cut is one broken link: pieces of the source, and what takes their place.
type cut struct {
	link, what string
	edits      []edit
}

type edit struct{ file, from, to string }

// cuts lists the links in the order of the road.
var cuts = []cut{
	{"read", "the agent reads no bytes of its files", []edit{
		{"agent/input/file/read.go", "if err != nil || !grown {", "if err != nil || !grown || grown {"},
	}},
	{"ship", "the shipper takes each batch for confirmed, and sends nothing", []edit{
		{"agent/ship/ship.go", "s.road.Send(ctx, f.batch, func(err error) { s.results <- result{seq, err} })",
			"s.results <- result{seq, nil}"},
	}},
	{"consume", "the aggregator acknowledges what a queue brings, and does nothing with it", []edit{
		{"aggregator/receive/amqp/queue.go", "q.handle(ctx, m, func(err error) {",
			"func(_ context.Context, _ Message, done func(error)) { done(nil) }(ctx, m, func(err error) {"},
	}},
	{"proof", "the aggregator believes any signature", []edit{
		{"shared/certs/sign.go", "if err := l.cert.CheckSignature(algorithm(l.cert), message, signature); err != nil {",
			"if err := error(nil); err != nil && algorithm(l.cert) > 0 {"},
	}},
	{"heartbeat", "the aggregator does not hear how far the streams of an agent go", []edit{
		{"aggregator/app/app.go", "if err := a.fleet.Process(position, events); err != nil {", "if err := error(nil); err != nil {"},
	}},
	{"ledger", "no event is taken for a repeat", []edit{
		{"aggregator/app/pipeline.go", "if p.index.Held(pos, offset) {", "if p.index == nil {"},
		{"aggregator/index/embedded/commit.go", "if it := &items[i]; !it.Ranged || !change.Held(it.Pos, it.Offset) {",
			"if it := &items[i]; it != nil {"},
	}},
	{"parse", "lines are indexed as they came", []edit{
		{"aggregator/app/pipeline.go", "p.parser.Parse(e, now)", ""},
	}},
	{"index", "what is in the log gets into no storage", []edit{
		{"aggregator/index/embedded/add.go", "a.x.storage.MustAddRows(a.rows)", ""},
	}},
	{"alert", "no rule is evaluated", []edit{
		{"aggregator/app/app.go", "if err := a.alerts.Process(position, events); err != nil {",
			"if err := error(nil); err != nil {"},
	}},
	{"irc", "the bot claims to have said what it did not say", []edit{
		{"aggregator/notify/irc/irc.go", "err := b.send(ctx, ping(b.cfg.Oncall, text))", "err := ctx.Err()"},
	}},
	{"http", "the door takes events, and throws them away", []edit{
		{"aggregator/receive/http/events.go", "taken, err := d.sink.Events(ctx, events)",
			"taken, err := Taken{}, ctx.Err()"},
	}},
	{"relay", "the relay throws messages away", []edit{
		{"agent/app/relay.go", "return r.ship.Add(ctx, r.place, first, r.offset, line)", "_, _ = first, line\n\treturn nil"},
	}},
}
