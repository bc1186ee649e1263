package parse

import (
	"strconv"
	"strings"
)

// scanHAProxy reads what HAProxy logs of a request or a connection (option httplog, tcplog and httplog clf):
//
//	192.0.2.7:33317 [23/Nov/2026:18:00:49.655] web files/one 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {HOST|AGENT} {SERVER} "GET / HTTP/1.1"
//	192.0.2.7:33317 [23/Nov/2026:18:00:49.655] plain files/one 1/0/109 190 -- 1/1/0/0/0 0/0
//	192.0.2.7:33317 [23/Nov/2026:18:00:49.655] web/1: SSL handshake failure
//
// What a client wrote is in braces or quotes, in which HAProxy writes these as "#22".
func scanHAProxy(p *Parser, l *line) bool {
	var h haproxy
	if !h.scan(l.text) {
		return scanAccess(p, l)
	}
	h.write(l)
	return true
}

type haproxy struct {
	addr, port, frontend, fault string
	backend, server             string
	timers                      string // milliseconds, -1 for what did not come; the last is the whole
	status, bytes               string // no status for TCP
	state                       string // how the session ended
	captured, answered          string // headers
	request                     string
	cut                         bool // the request goes on: the line was too long for HAProxy
}

func (h *haproxy) scan(s string) bool {
	peer, s := word(s)
	var ok bool
	if h.addr, h.port, ok = cutLast(peer, ":"); !ok || canonical(h.addr) == "" && h.addr != "unix" || !isNumber(h.port) {
		return false
	}
	if s, ok = strings.CutPrefix(s, "["); !ok {
		return false
	}
	if _, s, ok = strings.Cut(s, "] "); !ok {
		return false
	}
	if h.frontend, s = word(s); strings.HasSuffix(h.frontend, ":") {
		h.frontend, h.fault = strings.TrimSuffix(h.frontend, ":"), s
		return s != ""
	}
	h.frontend = strings.TrimSuffix(h.frontend, "~") // by TLS
	var where string
	where, s = word(s)
	if h.backend, h.server, ok = strings.Cut(where, "/"); !ok {
		return false
	}
	h.timers, s = word(s)
	if strings.Count(h.timers, "/") == 2 {
		h.bytes, s = word(s)
		return h.scanEnd(s)
	}
	h.status, s = word(s)
	h.bytes, s = word(s)
	_, s = word(s) // cookies
	_, s = word(s)
	return strings.Count(h.timers, "/") == 4 && len(h.status) >= 2 && h.scanEnd(s) && h.request != ""
}

// scanEnd reads "---- 1/1/1/1/0 0/0", headers in braces and the request in quotes, which a line's length may cut.
func (h *haproxy) scanEnd(s string) bool {
	h.state, s = word(s)
	conns, s := word(s)
	queues, s := word(s)
	if strings.Count(conns, "/") != 4 || strings.Count(queues, "/") != 1 || h.bytes == "" {
		return false
	}
	h.captured, s = cutBraces(s)
	h.answered, s = cutBraces(s)
	if rest, ok := strings.CutPrefix(s, `"`); ok {
		h.request = strings.TrimSuffix(rest, `"`)
		h.cut = h.request == rest
	}
	return true
}

func cutBraces(s string) (inner, rest string) {
	if !strings.HasPrefix(s, "{") {
		return "", s
	}
	inner, rest, ok := strings.Cut(s[1:], "} ")
	if !ok {
		return "", s
	}
	return inner, rest
}

func (h *haproxy) write(l *line) {
	switch {
	case h.fault != "":
		l.is("connection-failed", "network", "connection", "error")
		l.put("event.reason", h.fault)
	case h.status == "":
		l.is("connection-end", "network", "connection", "end")
		l.put("network.transport", "tcp")
		l.number("destination.bytes", strings.TrimPrefix(h.bytes, "+"))
	default:
		l.is("http-request", "web", "access")
		l.outcome(h.status[0] <= '3' && h.status[0] > '0')
		if len(h.status) == len("200") && isNumber(h.status) {
			l.writeStatus(h.status)
		}
		l.number("http.response.body.bytes", strings.TrimPrefix(h.bytes, "+"))
		l.writeRequest(h.request, true)
		if h.cut {
			l.tag("truncated")
		}
	}
	if h.addr != "unix" {
		l.source(h.addr, h.port)
	}
	l.put("haproxy.frontend_name", h.frontend)
	l.put("haproxy.backend_name", h.backend)
	l.put("haproxy.server_name", h.server)
	l.put("haproxy.termination_state", h.state)
	l.put("haproxy.captured_request_headers", h.captured)
	l.put("haproxy.captured_response_headers", h.answered)
	if _, whole, ok := cutLast(h.timers, "/"); ok {
		if ms, ok := number(strings.TrimPrefix(whole, "+")); ok && len(whole) <= maxDigits-len("000000") {
			l.put("event.duration", strconv.Itoa(ms*1e6))
		}
	}
}
