package irc

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/VictoriaMetrics/metrics"
)

const channel = "#ops"

var quiet = slog.New(slog.DiscardHandler)

func config(d *ircd) Config { return Config{Server: d.addr, Channel: channel, Oncall: "anna"} }

// start runs a bot until the end of the test.
func start(t *testing.T, cfg Config) (*Bot, *metrics.Set) {
	t.Helper()
	set := metrics.NewSet()
	b, err := New(cfg, quiet, set)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Run does not end")
		}
	})
	return b, set
}

func send(t *testing.T, b *Bot, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := b.Send(ctx, text); err != nil {
		t.Fatal(err)
	}
}

// fails waits until the bot says why it cannot send.
func fails(t *testing.T, b *Bot, want string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err := b.Send(ctx, "lost")
		cancel()
		if err == nil {
			t.Fatal("the line was sent")
		}
		if strings.Contains(err.Error(), want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v, want %q", err, want)
		}
	}
}

func TestPing(t *testing.T) {
	d := needIRCd(t)
	anna := d.person("anna")
	b, set := start(t, config(d))
	send(t, b, "[high] su through sudo: averez ran /usr/bin/su")
	got := anna.last("PRIVMSG")
	want := "PRIVMSG #ops :anna: [high] su through sudo: averez ran /usr/bin/su"
	if !strings.HasSuffix(got, want) || !strings.HasPrefix(got, ":belfry!") {
		t.Errorf("anna read %q, want %q of belfry", got, want)
	}
	if n := set.GetOrCreateCounter("belfry_notify_irc_sent_total").Get(); n != 1 {
		t.Errorf("%d lines sent, want 1", n)
	}
	if n := set.GetOrCreateCounter("belfry_notify_irc_oncall_absent_total").Get(); n != 0 {
		t.Error("anna is absent")
	}
}

func TestPingOverTLS(t *testing.T) {
	d := needIRCd(t)
	anna := d.person("anna")
	cfg := config(d)
	cfg.Server, cfg.TLS, cfg.CA = d.tls, true, d.ca
	b, _ := start(t, cfg)
	send(t, b, "secret")
	anna.until("anna: secret")

	cfg.CA = ""
	b, _ = start(t, cfg)
	fails(t, b, "certificate")
}

func TestServerRestarts(t *testing.T) {
	d := needIRCd(t)
	b, _ := start(t, config(d))
	send(t, b, "before")
	d.stop()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := b.Send(ctx, "meanwhile"); err == nil {
		t.Error("a line was sent to a server that is not there")
	}
	d.restart()
	anna := d.person("anna")
	send(t, b, "after")
	lines := anna.until("after")
	if slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "meanwhile") }) {
		t.Errorf("a line that failed was said: %q", lines)
	}
}

func TestTextCannotInject(t *testing.T) {
	d := needIRCd(t)
	anna := d.person("anna")
	b, _ := start(t, config(d))
	evil := []string{
		"a\r\nPRIVMSG #ops :forged\r\nQUIT :gone",
		"b\x00c\x01ACTION waves\x01 \x0304red\x02bold\x0f \x1b[31m\u202eabc\u2028QUIT",
		strings.Repeat("é😀", 400) + "\xff\xfe",
		"\xff\xf0\x9f\n" + strings.Repeat("x", 5000),
	}
	for _, text := range evil {
		send(t, b, text)
	}
	anna.say("PRIVMSG belfry :are you there")
	anna.say("PING end")
	said := 0
	for _, line := range anna.until("PONG") {
		switch {
		case strings.Contains(line, " PONG "), strings.Contains(line, " JOIN "):
		case strings.HasPrefix(line, ":belfry!") && strings.Contains(line, " PRIVMSG #ops :anna: "):
			said++
			if len(line) > 510 || !utf8.ValidString(line) || clean(line) != line {
				t.Errorf("%d bytes: %q", len(line), line)
			}
		default:
			t.Errorf("anna read %q", line)
		}
	}
	if said != len(evil) {
		t.Errorf("%d lines were said, want %d", said, len(evil))
	}
}

func TestNickInUse(t *testing.T) {
	d := needIRCd(t)
	d.person("belfry")
	d.person("belfry_")
	anna := d.person("anna")
	b, _ := start(t, config(d))
	send(t, b, "hello")
	if got := anna.last("PRIVMSG"); !strings.HasPrefix(got, ":belfry__!") {
		t.Errorf("anna read %q, want it of belfry__", got)
	}
}

func TestOncallIsAway(t *testing.T) {
	d := needIRCd(t)
	bob := d.person("bob")
	b, set := start(t, config(d))
	send(t, b, "hello")
	bob.until("anna: hello")
	if n := set.GetOrCreateCounter("belfry_notify_irc_oncall_absent_total").Get(); n != 1 {
		t.Errorf("absent %d times, want 1", n)
	}
}

func TestKicked(t *testing.T) {
	d := needIRCd(t)
	anna := d.person("anna") // the first in the channel is its operator
	b, _ := start(t, config(d))
	send(t, b, "one")
	anna.until("anna: one")
	anna.say("KICK #ops belfry :out")
	anna.until("KICK")
	for { // a line that crosses the kick fails
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := b.Send(ctx, "two")
		cancel()
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "the server says 404") {
			t.Fatal(err)
		}
	}
	anna.until("anna: two")
}

func TestRefused(t *testing.T) {
	d := needIRCd(t)
	anna := d.person("anna")
	b, _ := start(t, config(d))
	send(t, b, "one")
	anna.say("MODE #ops +m")
	anna.until("MODE")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := b.Send(ctx, "two"); err == nil || !strings.Contains(err.Error(), "the server says 404") {
		t.Errorf("sent to a channel where the bot has no voice: %v", err)
	}
	anna.say("MODE #ops +v belfry")
	anna.until("+v")
	send(t, b, "three")
	lines := anna.until("anna: three")
	if strings.Contains(strings.Join(lines, "\n"), "two") {
		t.Errorf("the refused line was said: %q", lines)
	}
}

func TestNotLetIn(t *testing.T) {
	d := needIRCd(t)
	anna := d.person("anna")
	anna.say("MODE #ops +k key")
	anna.until("+k")
	b, _ := start(t, config(d))
	fails(t, b, "the server says 475")
	anna.say("MODE #ops -k key")
	send(t, b, "two")
	anna.until("anna: two")
}

// A server that takes lines and answers for none must not count as one that did.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = c.Write([]byte(":s 001 belfry :hi\r\n:s 422 belfry :no motd\r\n:belfry!b@h JOIN #ops\r\n"))
	}()
	b, set := start(t, Config{Server: l.Addr().String(), Channel: channel, Oncall: "anna"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := b.Send(ctx, "hello"); err == nil || !strings.Contains(err.Error(), "answer") {
		t.Errorf("a line that nobody answered for counts as sent: %v", err)
	}
	if n := set.GetOrCreateCounter("belfry_notify_irc_failures_total").Get(); n != 1 {
		t.Errorf("%d failures, want 1", n)
	}
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pace
		begin := time.Now()
		f := func(want time.Duration) {
			t.Helper()
			if err := p.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(begin); got != want {
				t.Errorf("sent after %v, want %v", got, want)
			}
		}
		for range burst {
			f(0)
		}
		f(2 * time.Second)
		f(4 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.wait(ctx); err == nil {
			t.Error("sent too early")
		}
		f(6 * time.Second)
		time.Sleep(time.Hour)
		begin = time.Now()
		for range burst {
			f(0)
		}
		f(2 * time.Second)
	})
}

func TestText(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := ping("anna", text); got != "anna: "+want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	f("plain: text, ünïcode 日本", "plain: text, ünïcode 日本")
	f("a\r\nb\tc", "a  b c")
	f("a\x00\x03\x7f\u0085b", "a��� b")
	f("\u202e\u200b", "��")
	f("\xff", "�")
	f(strings.Repeat("é", 300), strings.Repeat("é", 195)+"…")
}

func FuzzText(f *testing.F) {
	f.Add("a\r\nb\x00\x01\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got := ping("anna", text)
		if len(got) > maxText || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\x01\x02\x03\x1b") {
			t.Errorf("%q became %q", text, got)
		}
	})
}

func TestValidate(t *testing.T) {
	good := Config{Server: "irc.example.org:6697", TLS: true, Channel: "#ops", Oncall: "anna"}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	f := func(change func(*Config), want string) {
		t.Helper()
		c := good
		change(&c)
		err := c.Validate()
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Error("the password shows")
		}
	}
	f(func(c *Config) { c.Server = "irc.example.org" }, "server: ")
	f(func(c *Config) { c.Server = ":6697" }, "server: ")
	f(func(c *Config) { c.Nick = "a b" }, "nick: ")
	f(func(c *Config) { c.Nick = "1a" }, "nick: ")
	f(func(c *Config) { c.Oncall = "" }, "oncall: ")
	f(func(c *Config) { c.Oncall = "a\r\nQUIT" }, "oncall: ")
	f(func(c *Config) { c.Channel = "ops" }, "channel: ")
	f(func(c *Config) { c.Channel = "#a,#b" }, "channel: ")
	f(func(c *Config) { c.Channel = "#a\r\nQUIT" }, "channel: ")
	f(func(c *Config) { c.TLS, c.CA = false, "x" }, "ca: ")
	f(func(c *Config) { c.SASL = &SASL{User: "u"} }, "sasl: user")
	f(func(c *Config) { c.TLS, c.SASL = false, &SASL{User: "u", Password: "hunter2"} }, "sasl: would")
	many := Config{}
	if got := strings.Count(many.Validate().Error(), "\n"); got != 2 {
		t.Errorf("%d faults of an empty configuration, want 3: %v", got+1, many.Validate())
	}
}

// A name that was misspelt once stays: dashboards hold it.
func TestMetricNames(t *testing.T) {
	set := metrics.NewSet()
	if _, err := New(Config{Server: "localhost:1", Channel: channel, Oncall: "anna"}, quiet, set); err != nil {
		t.Fatal(err)
	}
	want := []string{"belfry_notify_irc_connects_total", "belfry_notify_irc_failures_total", "belfry_notify_irc_joined",
		"belfry_notify_irc_oncall_absent_total", "belfry_notify_irc_sent_total"}
	got := set.ListMetricNames()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("metrics %q, want %q", got, want)
	}
}
