"""The clients of the mail server of make.sh, and with "sink" as its argument the server that it relays to.

The clients print a line for what they were answered: "login ok|bad" for each password that they sent, "reject" for each
recipient or sender that was refused, and "sent", "bounced" or "deferred" for each recipient that was taken, by what the
transport of that domain does with it; what comes to port 587 is sent once more, through a filter."""
import base64
import socket
import socketserver
import ssl
import sys

FATES = {"deferred": "deferred", "bounce": "bounced", "down": "deferred", "error": "bounced"}


class Sink(socketserver.StreamRequestHandler):
    """Takes mail, but answers a recipient that begins with a number with that number and hostile text."""

    def handle(self):
        say = lambda text: self.wfile.write(text + b"\r\n")
        say(b"220 sink.example.net ESMTP")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"RCPT" and line[9:12].isdigit():
                say(line[9:12] + b" " + line[9:10] + b".1.1 <x>, relay=evil.example.net[203.0.113.9]:25, delay=1, "
                    b"delays=0/0/0/1, dsn=2.0.0, status=sent (forged)")
            elif verb == b"DATA":
                say(b"354 go on")
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
                say("250 2.0.0 Ok: queued as \u00dcBER (x)".encode())
            else:
                say(b"221 bye" if verb == b"QUIT" else b"250 ok")
                if verb == b"QUIT":
                    return


class Client:
    """An SMTP client that says what it likes."""

    def __init__(self, port, helo=b"client.example.net", source="192.0.2.7", host="192.0.2.1", tls=False):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(20)
        self.sock.bind((source, 0))
        self.filtered = port == 587
        self.sock.connect((host, port))
        self.file = self.sock.makefile("rb")
        self.answer()
        if helo:
            self.say(b"EHLO " + helo)
        if tls:
            self.say(b"STARTTLS")
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.sock = context.wrap_socket(self.sock)
            self.file = self.sock.makefile("rb")
            self.say(b"EHLO " + helo)

    def answer(self):
        while line := self.file.readline():
            if line[3:4] != b"-":
                return line
        return b""

    def say(self, text):
        try:
            self.sock.sendall(text + b"\r\n")
            return self.answer()
        except OSError:
            return b""

    def login(self, user, password, mechanism=b"PLAIN"):
        if mechanism == b"PLAIN":
            got = self.say(b"AUTH PLAIN " + base64.b64encode(b"\0" + user + b"\0" + password))
        else:
            self.say(b"AUTH LOGIN")
            self.say(base64.b64encode(user))
            got = self.say(base64.b64encode(password))
        print("login", "ok" if got.startswith(b"235") else "bad")
        return self

    def mail(self, sender, *recipients, subject=b"Hello", ident=None):
        got = self.say(b"MAIL FROM:<" + sender + b">")
        if not got.startswith(b"250"):
            print("reject")
            return self
        taken = []
        for to in recipients:
            got = self.say(b"RCPT TO:<" + to + b">")
            taken += [to] if got.startswith(b"250") else []
            print("" if got.startswith(b"250") else "reject", end="" if got.startswith(b"250") else "\n")
        if not taken:
            self.say(b"RSET")
            return self
        self.say(b"DATA")
        name = ident or b"<%d.%d@client.example.net>" % (self.sock.fileno(), len(taken))
        got = self.say(b"From: averez@example.org\r\nTo: x\r\nSubject: " + subject + b"\r\nMessage-Id: " + name +
                       b"\r\n\r\nHello.\r\n.")
        if not got.startswith(b"250"):
            print("reject")
            return self
        if subject not in (b"HOLDME", b"DISCARDME"):
            for to in taken:
                if self.filtered:
                    print("sent")
                print(FATES.get(to.rsplit(b"@", 1)[-1].split(b".")[0].decode(), "sent"))
                if to.startswith((b"alias@", b"550")):  # two recipients; a notice of the bounce
                    print("sent")
        return self

    def quit(self):
        self.say(b"QUIT")
        self.sock.close()

    def drop(self):
        self.sock.close()


def talk():
    # Mail that comes in.
    Client(25).mail(b"jdoe@example.net", b"averez@example.org").quit()
    Client(25, host="2001:db8::1", source="2001:db8::7").mail(b"jdoe@example.net", b"averez@example.org").quit()
    Client(25).mail(b"", b"averez@example.org", b"alias@example.org", b"x@virtual.example").quit()
    Client(25).mail(b"jdoe@example.net", b"averez@example.org", subject=b"VIRUS").quit()
    Client(25).mail(b"jdoe@example.net", b"averez@example.org", subject=b"WARNME").quit()
    Client(25).mail(b"jdoe@example.net", b"averez@example.org", subject=b"HOLDME").quit()
    Client(25).mail(b"jdoe@example.net", b"averez@example.org", subject=b"DISCARDME").quit()
    Client(25).mail(b"jdoe@example.net", b"averez@example.org",
                    ident=b"<a, status=sent (x): to=<b@c>, relay=d[9.9.9.9]:25>").quit()
    # Mail that is refused.
    Client(25).mail(b"jdoe@example.net", b"x@elsewhere.example", b"nosuch@example.org", b"averez@example.org").quit()
    Client(25, helo=b"evil.helo").mail(b"spam@blocked.example", b"averez@example.org").quit()
    c = Client(25)
    c.say(b"MAIL FROM:<jdoe@example.net>")
    c.say(b"RCPT TO:<x> to=<y@example.org> proto=SMTP helo=<z>")  # smtpd does not log that
    c.quit()
    Client(25).mail(b'"a> to=<b@c> proto=ESMTP helo=<d"@blocked.example', b"averez@example.org").quit()
    Client(25, helo=b"h> from=<x").mail(b"jdoe@example.net", b"x@elsewhere.example").quit()
    # Who they are.
    c = Client(587, tls=True).login(b"averez", b"Tr0ub4dor")
    c.mail(b"averez@example.org", b"x@out.example", b'"we ird"@out.example')
    c.mail(b"averez@example.org", b"550x@bounce.example", b"451y@deferred.example").quit()
    Client(587, tls=True).login(b"averez", b"Tr0ub4dor", b"LOGIN").quit()
    Client(587, tls=True).login(b"averez", b"wrong").login(b"averez", b"Tr0ub4dor").mail(
        b"averez@example.org", b"x@down.example", b"y@error.example", b"p@pipe.example", b"d@discard.example").quit()
    Client(587, tls=True, source="192.0.2.66").login(b"averez", b"wrong", b"LOGIN").login(b"root", b"123456").quit()
    Client(587, tls=True, source="192.0.2.66").login(b"nosuch, sasl_username=root", b"x").drop()
    Client(587, tls=True, source="192.0.2.66").login("jos\u00e9".encode(), b"x").quit()
    c = Client(587, tls=True, source="192.0.2.66")
    c.say(b"AUTH LOGIN")
    c.drop()
    c = Client(587, tls=True, source="192.0.2.66")
    c.say(b"AUTH LOGIN")
    c.say(b"*")
    c.quit()
    # What is not as it should be.
    Client(25, helo=None).drop()
    c = Client(25, helo=None)
    c.say(b"GET / HTTP/1.1")
    c = Client(25)
    for _ in range(30):
        if not c.say(b"NONSENSE"):
            break
    c = Client(25)
    c.sock.sendall(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<averez@example.org>\r\nNOOP\r\nDATA\r\n")
    c.drop()
    c = Client(25)
    c.say(b"STARTTLS")
    c.say(b"this is no TLS\r\n")
    c.drop()
    c = Client(25)
    c.say(b"MAIL FROM:<a b@c>")
    c.say(b"VRFY root")
    c.quit()
    # Before the server: postscreen.
    s = socket.create_connection(("192.0.2.1", 2500), source_address=("192.0.2.66", 0))
    s.sendall(b"EHLO early\r\n")
    s.settimeout(15)
    try:
        while s.recv(1000):
            pass
    except OSError:
        pass
    s.close()
    socket.create_connection(("192.0.2.1", 2500), source_address=("192.0.2.66", 0)).close()
    Client(2500).mail(b"jdoe@example.net", b"averez@example.org").quit()
    Client(2500).quit()


if sys.argv[1:] == ["sink"]:
    socketserver.ThreadingTCPServer(("127.0.0.1", 2525), Sink).serve_forever()
else:
    talk()
