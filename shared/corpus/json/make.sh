#!/bin/bash
# Makes libraries.log, caddy.log and cee.log here, and ../logfmt/libraries.log: what the usual libraries for logs, Caddy and
# rsyslog really write. Run as root on Debian 12 with Go in the path; it leaves no process and no file behind.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
pids=
trap 'for p in $pids; do kill "$p" 2>/dev/null || true; wait "$p" 2>/dev/null || true; done; rm -rf "$work"' EXIT
command -v npm >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends npm >/dev/null
command -v rsyslogd >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends rsyslog >/dev/null
command -v curl >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends curl >/dev/null
cd "$work"

cat >go.mod <<'END'
module corpus

go 1.26

require (
	github.com/rs/zerolog v1.34.0
	github.com/sirupsen/logrus v1.10.2
	go.uber.org/zap v1.28.0
)
END
cat >main.go <<'END'
package main

import (
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/rs/zerolog"
	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
)

var broken = errors.New(`open "/x": no such file`)

func main() {
	if os.Args[1] == "json" {
		json()
	} else {
		text()
	}
}

func json() {
	cfg := zap.NewProductionConfig()
	cfg.OutputPaths = []string{"stdout"}
	z, err := cfg.Build()
	if err != nil {
		panic(err)
	}
	z.Named("http").Info("zap started", zap.Int("port", 8080), zap.String("user", "alice"))
	z.Error("zap broke", zap.Error(broken), zap.Strings("tried", []string{"a", "b"}))
	r := zerolog.New(os.Stdout).With().Timestamp().Caller().Logger()
	r.Warn().Str("user", "eve").Str("remote_addr", "192.0.2.7:4711").Msg("zerolog refused")
	r.Error().Err(broken).Dur("elapsed", 1500*time.Microsecond).Msg("zerolog <broke> \"again\"\n\tand again é")
	l := logrus.New()
	l.Out, l.Formatter = os.Stdout, &logrus.JSONFormatter{}
	l.WithFields(logrus.Fields{"client_ip": "2001:db8::7", "size": 10, "level_of": "x"}).Info("logrus group of walruses")
	l.WithError(broken).Error("logrus broke")
	s := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{AddSource: true}))
	s.Info("slog says", "method", "GET", "path", "/a?b=c", "status", 200, "duration", 1500*time.Microsecond)
	s.Error("slog broke", "err", broken, slog.Group("req", "id", "7", "deep", map[string]any{"n": 1.5, "list": []any{1, map[string]int{"x": 1}}}))
}

func text() {
	s := slog.New(slog.NewTextHandler(os.Stdout, nil))
	s.Info("slog says", "method", "GET", "path", "/a?b=c", "status", 200, "duration", 1500*time.Microsecond, "user", "alice")
	s.Error("slog \"broke\"", "err", broken, slog.Group("req", "id", 7), "empty", "", "new line", "a\nb")
	l := logrus.New()
	l.Out, l.Formatter = os.Stdout, &logrus.TextFormatter{DisableColors: true}
	l.WithFields(logrus.Fields{"src": "192.0.2.7", "omg": true}).Warn("logrus tremendously sized cow")
	l.WithError(broken).Error("logrus broke")
}
END
go mod tidy >/dev/null 2>&1
go run . json >"$here/libraries.log"
go run . text >"$here/../logfmt/libraries.log"

npm install --silent --no-audit --no-fund pino@9 bunyan@1 >/dev/null 2>&1
cat >main.js <<'END'
const pino = require('pino'), bunyan = require('bunyan')
const err = new Error('it "broke"')
err.stack = 'Error: it "broke"\n    at main.js:1:2'
const p = pino({ name: 'shop' }, pino.destination({ sync: true }))
p.info('pino says')
p.child({ req: { method: 'POST', url: '/cart?x=1' } }).warn({ res: { statusCode: 503 }, responseTime: 12 }, 'pino request')
p.error(err, 'pino broke')
const b = bunyan.createLogger({ name: 'shop' })
b.info('bunyan says')
b.fatal({ err: { message: 'no', name: 'Error', stack: 'Error: no\n    at x' }, user: 'alice' }, 'bunyan broke')
END
node main.js | sed "s/\"hostname\":\"$(hostname)\"/\"hostname\":\"vm\"/" >>"$here/libraries.log"

apt-get -o APT::Sandbox::User=root download -qq caddy >/dev/null
dpkg -x caddy_*.deb root
cat >Caddyfile <<'END'
{
	admin off
	auto_https off
}
http://127.0.0.1:18080 {
	log {
		output stdout
		format json
	}
	respond /secret 403
	respond "hello"
}
END
HOME="$work" root/usr/bin/caddy run --config Caddyfile --adapter caddyfile >caddy.out 2>/dev/null &
pids="$pids $!"
until curl -s -o /dev/null --max-time 2 http://127.0.0.1:18080/up; do sleep 0.2; done
curl -s -o /dev/null -A 'curl/7 (x; "y")' 'http://127.0.0.1:18080/a%20b?c=d&e=f' -H 'X-Forwarded-For: 9.9.9.9'
curl -s -o /dev/null -X DELETE http://127.0.0.1:18080/secret -u alice:hush
until [ "$(grep -c handled caddy.out)" = 3 ]; do sleep 0.1; done
grep handled caddy.out >"$here/caddy.log"

cat >rsyslog.conf <<END
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="$work/log")
template(name="cee" type="list") {
	constant(value="<") property(name="pri") constant(value=">") property(name="timereported" dateFormat="rfc3164")
	constant(value=" vm ") property(name="syslogtag") constant(value=" @cee: {")
	property(name="msg" outname="msg" format="jsonf" position.from="2") constant(value=",")
	property(name="syslogseverity-text" outname="severity" format="jsonf") constant(value=",")
	property(name="procid" outname="procid" format="jsonf") constant(value=",")
	property(name="timereported" dateFormat="rfc3339" outname="time" format="jsonf") constant(value="}\n")
}
action(type="omfile" file="$work/cee" template="cee")
END
rsyslogd -n -f "$work/rsyslog.conf" -i "$work/pid" &
pids="$pids $!"
until [ -S "$work/log" ]; do sleep 0.1; done
logger --socket "$work/log" --priority local0.warning --tag app --id=77 -- 'a "quoted" \ text	with a tab'
logger --socket "$work/log" --priority local0.info --tag app --id=78 -- 'plain'
until [ "$(wc -l <"$work/cee" 2>/dev/null)" = 2 ]; do sleep 0.1; done
cat "$work/cee" >"$here/cee.log"
