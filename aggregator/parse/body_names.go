package parse

import "strings"

// meaning says what a pair is.
type meaning struct {
	as    as
	field string // of ECS, where the kind alone does not say it
}

// as is how a value is read.
type as uint8

const (
	asField     as = iota // as it is, where the field's type allows that
	asMessage             // what the program said
	asTime                // when
	asLevel               // a level by its name
	asUser                // who did it
	asError               // what went wrong, in words
	asSource              // an address of where it came from
	asServer              // another address
	asMethod              // of HTTP
	asHost                // a host with or without a port, only beside a method of HTTP
	asStatus              // likewise, from 100 to 599
	asURL                 // likewise, a path
	asBytes               // a number of bytes, of Caddy
	asDuration            // a length of time with its unit
	asMillis              // a number of milliseconds
	asCaller              // file:line
	asTransport           // tcp, udp or icmp
	asID                  // of a trace or a span
	asList                // one value of a list of ECS
)

// foreign lists the names that many programs use for one thing, in lower case, with what they mean. A name that means
// several things ("action", "host", "ip", "id", "name", "type") is not in it, nor is one under which secrets stand.
var foreign = []struct {
	names string
	as    as
	field string
}{
	{"message msg short_message @message", asMessage, ""},
	{"time ts t timestamp @timestamp asctime eventtime rt devtime datetime timemillis requestreceivedtimestamp", asTime, ""},
	{"level lvl severity loglevel log_level levelname log.level @level", asLevel, ""},
	{"user username user_name usrname user.name user.username useridentity.username", asUser, ""},
	{"src srcip src_ip sourceip source_ip sourceipaddress client_ip clientip remote_ip remoteip remote_addr remoteaddr " +
		"source.ip rhost request.remote_ip req.remoteaddress client_addr sourceips", asSource, ""},
	{"dst dstip dst_ip destip dest_ip destination_ip destination.ip", asServer, "destination"},
	{"request.client_ip client.ip", asServer, "client"},
	{"spt sport srcport src_port source_port source.port request.remote_port req.remoteport", asField, "source.port"},
	{"dpt dport dstport dst_port dest_port destination_port destination.port", asField, "destination.port"},
	{"proto protocol transport", asTransport, "network.transport"},
	{"suser", asField, "source.user.name"},
	{"duser", asField, "destination.user.name"},
	{"shost", asField, "source.domain"},
	{"dhost", asField, "destination.domain"},
	{"device.event_id", asField, "event.code"},
	{"device.severity", asField, "event.severity"},
	{"pid process.pid", asField, "process.pid"},
	{"tid thread_id threadid process.thread.id", asField, "process.thread.id"},
	{"thread thread_name threadname process.thread.name", asField, "process.thread.name"},
	{"logger logger_name loggername @module log.logger", asField, "log.logger"},
	{"caller @caller", asCaller, ""},
	{"source.function log.origin.function", asField, "log.origin.function"},
	{"source.file log.origin.file.name", asField, "log.origin.file.name"},
	{"source.line log.origin.file.line", asField, "log.origin.file.line"},
	{"error err error.message err.message thrown.message", asError, ""},
	{"error.type err.type thrown.name", asField, "error.type"},
	{"error.stack_trace err.stack stacktrace stack_trace thrown.extendedstacktrace", asField, "error.stack_trace"},
	{"trace_id traceid trace.id", asID, "trace.id"},
	{"span_id spanid span.id", asID, "span.id"},
	{"method requestmethod http_method request_method request.method req.method http.request.method", asMethod, "http.request.method"},
	{"status status_code statuscode http_status res.statuscode response.status http.response.status_code responsestatus.code",
		asStatus, "http.response.status_code"},
	{"path uri url request_uri requesturi request.uri req.url url.original", asURL, ""},
	{"user_agent useragent http_user_agent request.headers.user-agent req.headers.user-agent user_agent.original",
		asField, "user_agent.original"},
	{"request.host", asHost, "url.domain"},
	{"size", asBytes, "http.response.body.bytes"},
	{"duration elapsed latency took", asDuration, ""},
	{"duration_ms elapsed_ms latency_ms took_ms responsetime", asMillis, ""},
}

// meanings is foreign by name.
var meanings = func() map[string]meaning {
	all := make(map[string]meaning)
	for _, f := range foreign {
		for name := range strings.FieldsSeq(f.names) {
			all[name] = meaning{f.as, f.field}
		}
	}
	return all
}()

// longestMeaning bounds a name that is looked up.
const longestMeaning = 32

// nameOf returns what a name means, however it is written.
func nameOf(key string) (meaning, bool) {
	if len(key) > longestMeaning {
		return meaning{}, false
	}
	var buf [longestMeaning]byte
	m, ok := meanings[string(lower(buf[:0], key))]
	return m, ok
}
