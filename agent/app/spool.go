package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"text/tabwriter"

	"belfry/agent/config"
	"belfry/agent/input/file"
	"belfry/agent/input/syslog"
	"belfry/agent/spool"
	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/segment"
)

// ErrDamaged says that a spool holds what cannot be read.
var ErrDamaged = errors.New("the spool is damaged: belfry-agent spool repair keeps all that is good")

// SpoolPath is where the relay's messages wait.
func SpoolPath(state string) string { return filepath.Join(state, "spool") }

// CheckSpool reads the whole spool and says what is there. It changes nothing, and may run beside the agent. It returns
// ErrDamaged if something cannot be read.
func CheckSpool(state string, w io.Writer) error {
	all, err := spool.Check(SpoolPath(state))
	damaged := writeSpool(w, all)
	if err == nil && damaged {
		err = ErrDamaged
	}
	return err
}

// RepairSpool writes damaged files of the spool anew, with all that is good in them, and keeps them beside. No agent may run.
func RepairSpool(state string, w io.Writer) (err error) {
	lock, err := segment.Lock(filepath.Join(state, "lock"))
	if errors.Is(err, fs.ErrNotExist) { // nothing was ever kept
		writeSpool(w, nil)
		return nil
	}
	if err != nil {
		return fmt.Errorf("take state folder: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	all, err := spool.Repair(SpoolPath(state))
	if writeSpool(w, all) && err == nil {
		fmt.Fprintln(w, "repaired; what was damaged is kept beside, as NAME.damaged")
	}
	return err
}

// writeSpool writes a table of the queues, and below each damaged place. It returns whether there is any.
func writeSpool(w io.Writer, all []spool.QueueReport) (damaged bool) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "RECORDS\tBYTES\tWAITING\tBYTES\tDAMAGED\t  QUEUE\n")
	for _, q := range all {
		fmt.Fprintf(t, "%d\t%d\t%d\t%d\t%d\t  %s\n", q.Records, q.Bytes, q.Waiting, q.WaitingBytes, len(q.Damage), q.Name)
	}
	_ = t.Flush() // to the terminal
	for _, q := range all {
		for _, d := range q.Damage {
			if d.Torn {
				fmt.Fprintf(w, "%s: a write was cut off, or its end is damaged: %s; the next start goes on behind it\n", q.Name, d)
				continue
			}
			damaged = true
			fmt.Fprintf(w, "%s: damaged: %s\n", q.Name, d)
		}
		if q.CursorLost {
			damaged = true
			fmt.Fprintf(w, "%s: the cursor cannot be read: all that is there will be sent again\n", q.Name)
		}
	}
	return damaged
}

// DumpSpool writes what waits in the spool, one event a line, as it would be sent. It changes nothing.
func DumpSpool(cfg *config.Config, version string, w io.Writer) error {
	id, err := knownIdentity(cfg.State)
	if err != nil {
		return err
	}
	events := relayed{src: file.Source{Agent: id, Version: version, Host: cfg.Host, Zone: zone(cfg.Zone)}}
	dir := SpoolPath(cfg.State)
	names, err := spool.Names(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		place := batch.Place{Stream: event.HashKey("syslog", id.String(), pathOf(name))}
		err := spool.Each(dir, name, func(r spool.Record) error {
			m, err := readKept(r.Payload)
			if err != nil {
				return fmt.Errorf("%s: record %d: %w", name, r.LSN, err)
			}
			m.Priority = syslog.PriorityOf(m.Raw)
			place.Epoch = r.Epoch
			_, err = w.Write(append(events.event(place, r.First, &m), '\n'))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
