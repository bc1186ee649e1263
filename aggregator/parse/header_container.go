package parse

import "strings"

// scanDocker reads what Docker's driver json-file writes (moby, daemon/logger/jsonfilelog/jsonlog/jsonlogbytes.go): always
// these members in this order, stream and attrs only if there are any.
//
//	{"log":"text\n","stream":"stdout","attrs":{"tag":"x"},"time":"2026-11-23T17:54:31.123456789Z"}
func scanDocker(h *header, s string) bool {
	const first = `{"log":`
	if !strings.HasPrefix(s, first) {
		return false
	}
	text, at, ok := jsonString(s, len(first))
	if !ok {
		return false
	}
	rest, stream := s[at:], ""
	if after, ok := strings.CutPrefix(rest, `,"stream":"`); ok {
		if stream, rest, ok = strings.Cut(after, `"`); !ok || !isStream(stream) {
			return false
		}
	}
	if after, ok := strings.CutPrefix(rest, `,"attrs":`); ok {
		end := skipJSON(after, 0, 0)
		if end == 0 {
			return false
		}
		rest = after[end:]
	}
	when, ok := between(rest, `,"time":"`, `"}`)
	if !ok {
		return false
	}
	st, after, ok := scanStamp(when)
	if !ok || after != "" || !st.zoned {
		return false
	}
	h.stamp, h.stream = st, stream
	h.text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	h.message = h.text
	return true
}

func isStream(s string) bool { return s == "stdout" || s == "stderr" }

// scanCRI reads what stands behind the time in the logs of Kubernetes' runtimes (design-proposals-archive,
// node/kubelet-cri-logging.md): F for a whole line, P for a part of one, more tags behind a colon.
//
//	2026-11-23T17:54:31.123456789Z stdout F text
func (h *header) scanCRI(s string) bool {
	if !strings.HasPrefix(s, " std") || !h.stamp.zoned || h.priority != "" {
		return false
	}
	stream, rest := word(s[1:])
	tags, text, _ := strings.Cut(rest, " ")
	tag, _, _ := strings.Cut(tags, ":")
	if !isStream(stream) || tag != "F" && tag != "P" {
		return false
	}
	h.stream, h.text = stream, text
	return true
}
