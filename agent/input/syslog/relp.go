package syslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// errProtocol says that a peer does not keep to RELP.
var errProtocol = errors.New("not the protocol")

// Of the answers of RELP.
const (
	answerWithin = 30 * time.Second // how long a peer may leave its answers unread
	answerAtStop = time.Second      // likewise, when we stop
	relpVersion  = "0"
)

// relpSession is the server's side of RELP, the Reliable Event Logging Protocol, version 0 (librelp's doc/relp.html): a frame is
//
//	TXNR SP COMMAND SP LENGTH [SP DATA] LF
//
// and a "syslog" command is answered with "TXNR rsp 6 200 OK" when its message is on the disk. What was read together is
// answered together: the sender's window, not our disk, bounds the rate. A sender that got no answer sends again, so a message
// may come twice, and is never lost.
type relpSession struct {
	wire    *wire
	handler *handler
	conn    net.Conn
	sync    func() error // returns when all that was put is on the disk
	max     int          // longest message that is kept whole
	stop    context.Context

	opened, closed bool
	deaf           bool // the peer does not read its answers
	frame          relpFrame
	message        []byte // of the frame that is being read, as far as it is kept
	answers        []byte // not sent yet
}

func (s *relpSession) take(data []byte, atEnd bool) (used int, err error) {
	s.wire.sender.Received = time.Now()
	for !s.closed && err == nil {
		n, done, e := s.frame.next(data[used:], s.keep)
		used += n
		if err = e; err != nil || !done {
			break
		}
		err = s.do()
		s.message = recycle(s.message)
	}
	if e := s.answer(); err == nil {
		err = e
	}
	if err == nil && s.closed {
		err = errClosed
	}
	return used, err
}

var errClosed = errors.New("closed by the sender")

// keep takes a part of a frame's data.
func (s *relpSession) keep(part []byte) {
	s.message = append(s.message, part[:min(len(part), max(s.max, relpOffers)-len(s.message))]...)
}

// do does what a frame that is complete asks for.
func (s *relpSession) do() error {
	f := &s.frame
	switch {
	case string(f.command) == "open" && !s.opened:
		return s.open()
	case !s.opened:
		return fmt.Errorf("%w: %q before open", errProtocol, f.command)
	case string(f.command) == "syslog":
		return s.log()
	case string(f.command) == "close":
		s.closed = true
		s.respond(nil)
		return nil
	}
	return s.refuse(fmt.Sprintf("command %q is not known", f.command))
}

// relpOffers is how much of the offers of an open is looked at.
const relpOffers = 4096

// open agrees on what both sides know.
func (s *relpSession) open() error {
	version, commands := "", ""
	for offer := range bytes.Lines(s.message) {
		name, value, _ := bytes.Cut(bytes.TrimRight(offer, "\n"), []byte("="))
		switch string(name) {
		case "relp_version":
			version = string(value)
		case "commands":
			commands = string(value)
		}
	}
	if version != relpVersion && version != "1" { // librelp asks for the highest that it knows
		return s.refuse("relp_version " + version + " is not known")
	}
	if !bytes.Contains([]byte(","+commands+","), []byte(",syslog,")) {
		return s.refuse("the command syslog is not offered")
	}
	s.opened = true
	s.respond([]byte("200 OK\nrelp_version=" + relpVersion + "\nrelp_software=belfry\ncommands=syslog"))
	return nil
}

var ok = []byte("200 OK")

// log hands a message on. Its answer waits until it is on the disk.
func (s *relpSession) log() error {
	whole := s.frame.length
	message := s.message[:min(len(s.message), s.max)]
	if len(message) == whole {
		message = trim(message)
		whole = len(message)
	} else {
		message = wholeRunes(message)
	}
	if blank(message) {
		s.wire.frames.empty()
	} else if err := pass(s.wire.parser(message, whole), s.handler, len(message)); err != nil {
		return fmt.Errorf("message not taken: %w", err)
	}
	s.respond(ok)
	return nil
}

// refuse answers that something cannot be done, and ends the session.
func (s *relpSession) refuse(why string) error {
	s.respond([]byte("500 " + why))
	return fmt.Errorf("%w: %s", errProtocol, why)
}

// respond writes an answer to the frame into those that wait.
func (s *relpSession) respond(data []byte) {
	s.answers = strconv.AppendUint(s.answers, s.frame.txnr, 10)
	s.answers = append(s.answers, " rsp "...)
	s.answers = strconv.AppendInt(s.answers, int64(len(data)), 10)
	if len(data) > 0 {
		s.answers = append(append(s.answers, ' '), data...)
	}
	s.answers = append(s.answers, '\n')
}

// answer sends the answers when what they are about is on the disk.
func (s *relpSession) answer() error {
	if len(s.answers) == 0 {
		return nil
	}
	if err := s.sync(); err != nil {
		s.answers = s.answers[:0]
		return fmt.Errorf("messages are not kept: %w", err)
	}
	return s.write()
}

func (s *relpSession) write() error {
	defer func() { s.answers = s.answers[:0] }()
	within := answerWithin
	if s.stop.Err() != nil {
		within = answerAtStop
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	hurry := context.AfterFunc(s.stop, func() { _ = s.conn.SetWriteDeadline(time.Now().Add(answerAtStop)) }) // fails if it is closed
	defer hurry()
	_, err := s.conn.Write(s.answers)
	s.deaf = err != nil
	return err
}

// end tells the sender that no more is taken: it will not wait for answers to what we have not read.
func (s *relpSession) end() {
	if s.deaf {
		return
	}
	s.answers = append(s.answers[:0], "0 serverclose 0\n"...)
	_ = s.write() // who does not hear it sees the connection end
}

// Bounds of a frame's header.
const (
	maxCommand     = 32        // bytes
	relpDigits     = 9         // of TXNR and LENGTH
	maxRelpMessage = 128 << 20 // bytes: who claims more is not trusted
)

// relpFrame reads frames from what comes in pieces.
type relpFrame struct {
	txnr    uint64
	command []byte // valid until the next frame
	length  int

	state relpState
	left  int // bytes of the data that are to come
	name  [maxCommand]byte
}

type relpState int

const (
	inHeader relpState = iota
	inData
	atLineEnd
)

// next reads on in the present frame. It returns how much of data it used, and whether the frame is complete. keep is called
// with the parts of its data.
func (f *relpFrame) next(data []byte, keep func([]byte)) (used int, done bool, err error) {
	if f.state == inHeader {
		n, err := f.header(data)
		if n == 0 || err != nil {
			return 0, false, err
		}
		used = n
	}
	if f.state == inData {
		part := data[used:min(len(data), used+f.left)]
		keep(part)
		used += len(part)
		if f.left -= len(part); f.left > 0 {
			return used, false, nil
		}
		f.state = atLineEnd
	}
	if used == len(data) {
		return used, false, nil
	}
	if data[used] != '\n' {
		return used, false, fmt.Errorf("%w: %q where the frame %d must end", errProtocol, data[used], f.txnr)
	}
	f.state = inHeader
	return used + 1, true, nil
}

// header reads "TXNR SP COMMAND SP LENGTH", and the blank behind it if there is data. It returns 0 if it must see more.
func (f *relpFrame) header(data []byte) (n int, err error) {
	txnr, at, err := relpNumber(data, 0)
	if err != nil || at == 0 {
		return 0, err
	}
	if data[at] != ' ' {
		return 0, fmt.Errorf("%w: %q behind the number of a frame", errProtocol, data[at])
	}
	at++
	end := bytes.IndexByte(data[at:min(len(data), at+maxCommand+1)], ' ')
	if end < 0 && len(data) > at+maxCommand || end == 0 {
		return 0, fmt.Errorf("%w: a command of no or more than %d bytes", errProtocol, maxCommand)
	}
	if end < 0 {
		return 0, nil
	}
	command := data[at : at+end]
	length, at, err := relpNumber(data, at+end+1)
	if err != nil || at == 0 {
		return 0, err
	}
	if length > maxRelpMessage {
		return 0, fmt.Errorf("%w: a frame of %d bytes", errProtocol, length)
	}
	f.txnr, f.length, f.left = uint64(txnr), length, length
	f.command = f.name[:copy(f.name[:], command)]
	f.state = atLineEnd
	if length > 0 {
		if data[at] != ' ' {
			return 0, fmt.Errorf("%w: %q behind the length of frame %d", errProtocol, data[at], txnr)
		}
		f.state = inData
		at++
	}
	return at, nil
}

// relpNumber reads a number from byte at on, and returns where it ends; 0 if it must see more.
func relpNumber(data []byte, at int) (value, end int, err error) {
	for i := at; i < len(data); i++ {
		c := data[i]
		if c < '0' || c > '9' {
			if i == at {
				return 0, 0, fmt.Errorf("%w: %q where a number must be", errProtocol, c)
			}
			return value, i, nil
		}
		if value = value*10 + int(c-'0'); i-at >= relpDigits {
			return 0, 0, fmt.Errorf("%w: a number of more than nine digits", errProtocol)
		}
	}
	return 0, 0, nil
}
