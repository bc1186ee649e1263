package parse

import "testing"

func TestKernel(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		check(t, newReader().says("kernel", text), want...)
	}
	f("[   12.5] Out of memory: Killed process 4711 (my) app) total-vm:10kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:1000 "+
		"pgtables:44kB oom_score_adj:0", "event.action=oom-kill", "process.name=my) app", "process.pid=4711", "user.id=1000",
		"event.category=process", "event.type=end", "-event.outcome")
	f("Memory cgroup out of memory: Killed process 7 (x) total-vm:1kB, UID:0 pgtables:1kB oom_score_adj:0",
		"event.action=oom-kill", "process.name=x")
	f("Out of memory: Kill process 9 (java) score 900 or sacrifice child", "event.action=oom-kill", "process.pid=9", "process.name=java")
	f("[99.1][ T12] app[4711]: segfault at 0 ip 00007f sp 00007f error 4 in libc.so.6[7f00+1000] likely on CPU 1 (core 1, socket 0)",
		"event.action=process-segfault", "process.name=app", "process.pid=4711", "file.name=libc.so.6")
	f("a[1]: segfault [22]: segfault at 0 ip 1 sp 2 error 4", "process.name=a[1]: segfault ", "process.pid=22")
	f("traps: app[5] trap invalid opcode ip:1 sp:2 error:0 in app[1+2]", "event.action=process-trap", "process.pid=5", "file.name=app")
	f("traps: app[5] general protection fault ip:1 sp:2 error:0 in app[1+2]", "event.action=process-trap", "process.pid=5")
	f("usb 1-1.2: new high-speed USB device number 4 using xhci_hcd", "event.action=usb-attach", "kernel.usb.port=1-1.2")
	f("usb 1-1: New USB device found, idVendor=0781, idProduct=5567, bcdDevice= 1.00", "event.action=usb-identify",
		"kernel.usb.vendor_id=0781", "kernel.usb.product_id=5567")
	f("usb 1-1: SerialNumber: x: y", "kernel.usb.serial=x: y", "event.category=host", "event.type=info")
	f("usb 1-1: USB disconnect, device number 4", "event.action=usb-detach")
	f("e1000e 0000:00:1f.6 eth0: NIC Link is Up 1000 Mbps Full Duplex", "event.action=link-up", "observer.ingress.interface.name=eth0")
	f("IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready", "event.action=link-up", "observer.ingress.interface.name=eth0")
	f("virtio_net virtio0 eth0: Link is Down", "event.action=link-down")
	f("device eth0 entered promiscuous mode", "event.action=promiscuous-on", "observer.ingress.interface.name=eth0")
	f("veth1: left promiscuous mode", "event.action=promiscuous-off", "observer.ingress.interface.name=veth1")
	f("TCP: request_sock_TCP: Possible SYN flooding on port 192.0.2.1:80. Sending cookies.", "event.action=syn-flood",
		"destination.ip=192.0.2.1", "destination.port=80")
	f("TCP: request_sock_TCP: Possible SYN flooding on port [::]:80. Sending cookies.", "destination.ip=::", "destination.port=80")
	f("TCP: request_sock_TCP: Possible SYN flooding on port 80. Dropping request.", "destination.port=80")
	f("wireguard: wg0: Receiving handshake initiation from peer 3 (192.0.2.7:51820)", "event.action=wireguard-handshake-initiation",
		"source.ip=192.0.2.7", "source.port=51820", "wireguard.peer=3", "observer.ingress.interface.name=wg0")
	f("wireguard: wg0: Invalid MAC of handshake, dropping packet from [2001:db8::7]:51820", "event.type=connection|denied",
		"source.ip=2001:db8::7", "source.port=51820")
	f("wireguard: wg0: Handshake for peer 1 (192.0.2.7:51820) did not complete after 5 seconds, retrying (try 2)",
		"event.action=wireguard-handshake-timeout", "wireguard.peer=1")
	f("wireguard: wg0: Packet has unallowed src IP (10.0.0.9) from peer 1 (192.0.2.7:51820)", "wireguard.peer=1", "source.ip=192.0.2.7")
	for _, text := range []string{"", "[", "[1.5]", "[1.5] ", "Out of memory: Kill", "Out of memory: Killed process 1 (", "usb ", "usb 1-1: x",
		"a[x]: segfault at 0", "wireguard: wg0: x", ": Link is Up", "TCP: : Possible SYN", "Linux version 6.1"} {
		f(text, "-event.action", "process.name=kernel")
	}
}

func FuzzKernel(f *testing.F) {
	fuzzProgram(f, "kernel", "[1.5][ T1] Out of memory: Killed process 1 (a) total-vm:1kB, UID:0 x", "a[1]: segfault at 0 in b[c",
		"usb 1-1: Product: x", "b0 c: Link is Up", "wireguard: wg0: Handshake for peer 1 (1.2.3.4:5) x",
		"wireguard: w: Packet has unallowed src IP (1.1.1.1) from peer 1 ([::1]:5)", "TCP: a: Possible SYN flooding on port [::]:1. x")
}
