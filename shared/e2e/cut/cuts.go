package main

// cut is one broken link: a piece of the source, and what takes its place.
type cut struct {
	link, what     string
	file, from, to string
}

// cuts lists the links in the order of the road.
var cuts = []cut{
	{"read", "the agent reads no bytes of its files",
		"agent/input/file/read.go", "if err != nil || !grown {", "if err != nil || !grown || grown {"},
	{"ship", "the shipper takes a batch for confirmed and sends nothing",
		"agent/ship/ship.go", "s.road.Send(ctx, f.batch, func(err error) { s.results <- result{seq, err} })",
		"s.results <- result{seq, nil}"},
	{"consume", "the aggregator acknowledges what a queue brings, and does nothing with it",
		"aggregator/receive/amqp/amqp.go", "q.handle(ctx, message(q.name, &d), func(err error) {",
		"func(_ context.Context, _ Message, done func(error)) { done(nil) }(ctx, message(q.name, &d), func(err error) {"},
	{"ledger", "no event is taken for a repeat",
		"aggregator/ledger/state.go", "func (s state) held(offset uint64) bool {",
		"func (s state) held(offset uint64) bool {\n\tif offset < 1<<63 {\n\t\treturn false\n\t}"},
	{"parse", "lines are indexed as they came",
		"aggregator/app/pipeline.go", "p.parser.Parse(e, now)", ""},
	{"index", "what is in the log gets into no storage",
		"aggregator/index/embedded/add.go", "a.x.storage.MustAddRows(a.rows)", ""},
	{"alert", "no rule is evaluated",
		"aggregator/app/app.go", "if err := a.alerts.Process(position, events); err != nil {",
		"if err := error(nil); err != nil {"},
	{"irc", "the bot says that it said what it did not say",
		"aggregator/notify/irc/irc.go", "err := b.send(ctx, ping(b.cfg.Oncall, text))", "err := ctx.Err()"},
	{"http", "the door takes events, and throws them away",
		"aggregator/receive/http/http.go", "queued, err := d.sink.Events(r.Context(), events)", "queued, err := false, error(nil)"},
	{"relay", "the relay throws messages away",
		"agent/app/relay.go", "return r.ship.Add(ctx, r.place, first, r.offset, line)", "_, _ = first, line\n\treturn nil"},
}
