package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// udpCounts is what the kernel counted of UDP on the whole machine, since it started.
type udpCounts struct {
	full    int // RcvbufErrors: datagrams dropped at a socket whose buffer was full
	errors  int // InErrors: these, and what was wrong in itself
	nobody  int // NoPorts: for a port that nobody has
	backlog int // packets dropped before any socket was looked for (/proc/net/softnet_stat)
}

func readUDPCounts() (c udpCounts, err error) {
	snmp, err1 := os.ReadFile("/proc/net/snmp")
	softnet, err2 := os.ReadFile("/proc/net/softnet_stat")
	if err := errors.Join(err1, err2); err != nil {
		return c, err
	}
	for _, field := range []struct {
		name string
		into *int
	}{{"RcvbufErrors", &c.full}, {"InErrors", &c.errors}, {"NoPorts", &c.nobody}} {
		if *field.into, err = udpField(string(snmp), field.name); err != nil {
			return c, err
		}
	}
	c.backlog, err = backlogDrops(string(softnet))
	return c, err
}

// udpField reads a /proc/net/snmp: a line "Udp:" of names, and one of values.
func udpField(text, name string) (int, error) {
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "Udp:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, n := range names {
			if n == name && i < len(fields) {
				return strconv.Atoi(fields[i])
			}
		}
	}
	return 0, fmt.Errorf("no %s of Udp in /proc/net/snmp", name)
}

// backlogDrops reads a /proc/net/softnet_stat: a line for each CPU; its second number, in hex, counts what was dropped.
func backlogDrops(text string) (sum int, err error) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			return 0, fmt.Errorf("read /proc/net/softnet_stat: %q", line)
		}
		n, err := strconv.ParseInt(fields[1], 16, 64)
		if err != nil {
			return 0, fmt.Errorf("read /proc/net/softnet_stat: %w", err)
		}
		sum += int(n)
	}
	return sum, nil
}

func (c udpCounts) since(before udpCounts) udpCounts {
	return udpCounts{c.full - before.full, c.errors - before.errors, c.nobody - before.nobody, c.backlog - before.backlog}
}

func (c udpCounts) String() string {
	return fmt.Sprintf("the kernel: %d dropped at a full buffer, %d with other errors, %d for nobody's port, %d in its backlog",
		c.full, c.errors-c.full, c.nobody, c.backlog)
}
