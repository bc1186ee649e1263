package parse

import "strings"

// scanKernel reads what Linux says: packets (see scanNetfilter), records of audit where no daemon takes them (see
// scanAudit), and a few lines that tell of processes that died, devices that came, and links that went up or down. Most
// of what a kernel says is read by nobody but people: that is not understood here.
func scanKernel(p *Parser, l *line) bool {
	l.text = cutUptime(l.text)
	if rest, ok := strings.CutPrefix(l.text, "audit: "); ok {
		return p.audit(l, rest)
	}
	return scanNetfilter(p, l) || l.oomKill() || l.segfault() || l.usbDevice() || l.linkState() || scanWireGuard(l) || l.synFlood()
}

// cutUptime cuts off "[12345.678901] ", the seconds since the start, as printk.time writes them, and "[    T1] ", the task
// that printk.caller adds.
func cutUptime(s string) string {
	if s == "" || s[0] != '[' {
		return s
	}
	end := strings.IndexByte(s[:min(len(s), 24)], ']')
	if end < 0 || !isDecimal(strings.TrimLeft(s[1:end], " ")) {
		return s
	}
	rest := s[end+1:]
	if len(rest) > 3 && rest[0] == '[' {
		if end := strings.IndexByte(rest[:min(len(rest), 16)], ']'); end > 0 {
			rest = rest[end+1:]
		}
	}
	return strings.TrimPrefix(rest, " ")
}

// process says which process a line of the kernel is about. The header's program is the kernel's own.
func (l *line) process(name, pid string) {
	l.event.Set("process.name", name)
	if isNumber(pid) {
		l.event.Set("process.pid", pid)
	}
}

// oomKill reads the end of a process for which there was no memory (mm/oom_kill.c). Its name may hold anything, up to 15
// bytes, so it ends where the kernel's own words begin, at the right.
//
//	Out of memory: Killed process 4711 (name) total-vm:1kB, anon-rss:2kB, … UID:0 pgtables:3kB oom_score_adj:0
//	Memory cgroup out of memory: Killed process 4711 (name) …        Out of memory: Kill process 4711 (name) score 9 or …
func (l *line) oomKill() bool {
	kind, rest, ok := strings.Cut(l.text, ": Kill")
	if !ok || !strings.HasSuffix(kind, "ut of memory") {
		return false
	}
	pid, rest := digits(strings.TrimPrefix(strings.TrimPrefix(rest, "ed"), " process "))
	rest, ok = strings.CutPrefix(rest, " (")
	name, after, found := lastOf(rest, ") total-vm:", ") score ", ") ")
	if pid == "" || !ok || !found || name == "" {
		return false
	}
	l.is("oom-kill", "process", "end")
	l.process(name, pid)
	if _, uid, ok := cutLast(after, "UID:"); ok {
		uid, _ = digits(uid)
		l.number("user.id", uid)
	}
	return true
}

// lastOf splits s at the last of the first separator that is in it.
func lastOf(s string, separators ...string) (before, after string, ok bool) {
	for _, sep := range separators {
		if before, after, ok = cutLast(s, sep); ok {
			return before, after, true
		}
	}
	return s, "", false
}

// traps are what a kernel says of a process that made a mistake, behind its name and number (arch/x86/mm/fault.c,
// arch/x86/kernel/traps.c).
var traps = [...]struct{ text, action string }{
	{"]: segfault at ", "process-segfault"},
	{"] general protection fault ", "process-trap"},
	{"] general protection ip:", "process-trap"},
	{"] trap ", "process-trap"},
}

// segfault reads "name[4711]: segfault at 0 ip … sp … error 4 in file[…]" and "traps: name[4711] trap invalid opcode …".
// A name has at most 15 bytes, which is too short for what follows it: the first such text is the kernel's.
func (l *line) segfault() bool {
	text := strings.TrimPrefix(l.text, "traps: ")
	for _, t := range traps {
		head, rest, ok := strings.Cut(text, t.text)
		name, pid, found := cutLast(head, "[")
		if !ok || !found || !isNumber(pid) || name == "" || len(name) > 15 {
			continue
		}
		l.is(t.action, "process", "end")
		l.process(name, pid)
		if _, file, ok := cutLast(rest, " in "); ok {
			if file, _, ok = cutLast(file, "["); ok {
				l.put("file.name", file)
			}
		}
		return true
	}
	return false
}

// usbDevice reads what stands at the beginning and the end of a device at a bus (drivers/usb/core/hub.c).
//
//	usb 1-1: new high-speed USB device number 4 using xhci_hcd        usb 1-1: USB disconnect, device number 4
//	usb 1-1: New USB device found, idVendor=0781, idProduct=5567, bcdDevice= 1.00
//	usb 1-1: Product: Cruzer                                           usb 1-1: SerialNumber: 2004
func (l *line) usbDevice() bool {
	rest, ok := strings.CutPrefix(l.text, "usb ")
	bus, rest, found := strings.Cut(rest, ": ")
	if !ok || !found {
		return false
	}
	switch name, value, _ := strings.Cut(rest, ": "); {
	case strings.HasPrefix(rest, "new ") && strings.Contains(rest, " USB device number "):
		l.is("usb-attach", "host", "info")
	case strings.HasPrefix(rest, "USB disconnect, device number "):
		l.is("usb-detach", "host", "info")
	case strings.HasPrefix(rest, "New USB device found, idVendor="):
		l.is("usb-identify", "host", "info")
		vendor, more, _ := strings.Cut(rest[len("New USB device found, idVendor="):], ", idProduct=")
		product, _, _ := strings.Cut(more, ",")
		l.put("kernel.usb.vendor_id", vendor)
		l.put("kernel.usb.product_id", product)
	case name == "Product" || name == "Manufacturer" || name == "SerialNumber":
		l.is("usb-identify", "host", "info")
		l.put(map[string]string{"Product": "kernel.usb.product", "Manufacturer": "kernel.usb.vendor",
			"SerialNumber": "kernel.usb.serial"}[name], value)
	default:
		return false
	}
	l.put("kernel.usb.port", bus)
	return true
}

// links are what a kernel says of an interface, around its name.
var links = [...]struct{ before, after, action string }{
	{"", ": Link is Up", "link-up"},
	{"", ": Link is Down", "link-down"},
	{"", ": NIC Link is Up", "link-up"},
	{"", ": NIC Link is Down", "link-down"},
	{"", ": link becomes ready", "link-up"},
	{"", ": link up", "link-up"},
	{"", ": link down", "link-down"},
	{"device ", " entered promiscuous mode", "promiscuous-on"},
	{"device ", " left promiscuous mode", "promiscuous-off"},
	{"", ": entered promiscuous mode", "promiscuous-on"},
	{"", ": left promiscuous mode", "promiscuous-off"},
}

// linkState reads what became of an interface. Its name is the last word before what is said of it.
func (l *line) linkState() bool {
	for _, k := range links {
		at := strings.Index(l.text, k.after)
		if at < 0 || !strings.HasPrefix(l.text[:at], k.before) {
			continue
		}
		name := l.text[len(k.before):at]
		if _, last, ok := cutLast(name, " "); ok {
			name = last
		}
		if name == "" {
			continue
		}
		l.is(k.action, "network", "info")
		l.put("observer.ingress.interface.name", name)
		return true
	}
	return false
}

// synFlood reads "TCP: request_sock_TCP: Possible SYN flooding on port 192.0.2.1:80. Sending cookies." (net/ipv4/tcp_input.c)
func (l *line) synFlood() bool {
	_, rest, ok := strings.Cut(l.text, ": Possible SYN flooding on port ")
	if !ok || !strings.HasPrefix(l.text, "TCP: ") {
		return false
	}
	where, _, _ := strings.Cut(rest, ". ")
	l.is("syn-flood", "network", "connection")
	if addr, port, ok := cutLast(where, ":"); ok {
		addr = strings.TrimSuffix(strings.TrimPrefix(addr, "["), "]")
		l.destination(addr, port)
	} else {
		l.port("destination.port", where)
	}
	return true
}
