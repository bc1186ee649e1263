package lines

import (
	"bytes"
	"time"

	"github.com/valyala/fastjson"
)

// Bounds of what is beside the text in a container's line.
const (
	criHeader = 128
	jsonRest  = 4 << 10
)

// unwrap takes a line's text out of its format, and returns its stream. A line that is not of the format stays as it is.
func (r *Reader) unwrap(e *entry) int {
	stream := stdout
	switch r.c.format {
	case CRI:
		stream = unwrapCRI(e)
	case DockerJSON:
		stream = unwrapDocker(e, &r.scratch.json)
	}
	e.Malformed = stream == noStream
	e.Text = e.Text[:min(len(e.Text), r.c.keep)]
	return stream
}

// unwrapCRI reads
//
//	2016-10-06T00:17:09.669794202Z stdout P text
//
// where P says that the line goes on in the next piece of its stream, and F that it ends here; more tags may follow, each
// behind a colon (kubernetes/design-proposals-archive, node/kubelet-cri-logging.md).
func unwrapCRI(e *entry) int {
	at, rest, _ := bytes.Cut(e.Text, []byte(" "))
	name, rest, _ := bytes.Cut(rest, []byte(" "))
	tags, text, _ := bytes.Cut(rest, []byte(" "))
	tag, _, _ := bytes.Cut(tags, []byte(":"))
	full, part := string(tag) == "F", string(tag) == "P"
	if len(e.Text)-len(text) > criHeader || !full && !part {
		return noStream
	}
	when, err := parseTime(at)
	stream := streamOf(name)
	if err != nil || stream == noStream {
		return noStream
	}
	e.Time, e.Stream, e.open = when, streamNames[stream], part
	e.Length -= len(e.Text) - len(text)
	e.Text = text
	return stream
}

// unwrapDocker reads
//
//	{"log":"text\n","stream":"stdout","time":"2016-10-06T00:17:09.669794202Z"}
//
// where a text without a line end goes on in the next one of its stream.
func unwrapDocker(e *entry, p *fastjson.Parser) int {
	if e.Length > len(e.Text) {
		return noStream // it was cut
	}
	v, err := p.ParseBytes(e.Text)
	if err != nil || v.Type() != fastjson.TypeObject {
		return noStream
	}
	text := v.Get("log")
	when, err := parseTime(v.GetStringBytes("time"))
	stream := streamOf(v.GetStringBytes("stream"))
	if err != nil || stream == noStream || text == nil || text.Type() != fastjson.TypeString {
		return noStream
	}
	e.Time, e.Stream = when, streamNames[stream]
	log := text.GetStringBytes()
	e.Text = bytes.TrimSuffix(log, []byte("\n"))
	e.open = len(e.Text) == len(log)
	e.Length = len(e.Text)
	return stream
}

func parseTime(text []byte) (t time.Time, err error) {
	err = t.UnmarshalText(text)
	return t.UTC(), err
}

var streamNames = [streams]string{"stdout", "stderr"}

func streamOf(name []byte) int {
	switch string(name) {
	case "stdout":
		return stdout
	case "stderr":
		return stderr
	default:
		return noStream
	}
}
