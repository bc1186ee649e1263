"""The clients of the mail server of make.sh. They print, for each password that they sent, "login ok" or
"login bad"."""
import base64
import socket
import ssl

CONTEXT = ssl.create_default_context()
CONTEXT.check_hostname, CONTEXT.verify_mode = False, ssl.CERT_NONE


class Client:
    def __init__(self, port, source="192.0.2.7", host="192.0.2.1", tls=False):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(8)
        self.sock.bind((source, 0))
        self.sock.connect((host, port))
        if tls:
            self.sock = CONTEXT.wrap_socket(self.sock)
        self.file = self.sock.makefile("rb")
        if port == 4190:
            self.sieve_answer()
        elif port != 993 or tls:
            self.file.readline()

    def say(self, text, until=b""):
        try:
            self.sock.sendall(text + b"\r\n")
            while line := self.file.readline():
                if line.startswith(until):
                    return line
        except OSError:
            pass
        return b""

    def starttls(self):
        self.say(b"a STARTTLS", b"a ")
        self.sock = CONTEXT.wrap_socket(self.sock)
        self.file = self.sock.makefile("rb")
        return self

    def told(self, good):
        print("login", "ok" if good else "bad")
        return self

    def imap(self, user, password):
        return self.told(self.say(b'a LOGIN "%s" "%s"' % (user, password), b"a ").startswith(b"a OK"))

    def plain(self, user, password, as_user=b""):
        text = base64.b64encode(as_user + b"\0" + user + b"\0" + password)
        return self.told(self.say(b"a AUTHENTICATE PLAIN " + text, b"a ").startswith(b"a OK"))

    def pop3(self, user, password):
        self.say(b"USER " + user)
        return self.told(self.say(b"PASS " + password).startswith(b"+OK"))

    def sieve_answer(self):
        while got := self.file.readline():
            if got.startswith((b"OK", b"NO", b"BYE")):
                return got
        return b""

    def sieve(self, user, password):
        self.sock.sendall(b'AUTHENTICATE "PLAIN" "%s"\r\n' % base64.b64encode(b"\0" + user + b"\0" + password))
        return self.told(self.sieve_answer().startswith(b"OK"))

    def smtp(self, user, password):
        self.say(b"EHLO x", b"250 ")
        text = base64.b64encode(b"\0" + user + b"\0" + password)
        return self.told(self.say(b"AUTH PLAIN " + text).startswith(b"235"))

    def quit(self, text=b"a LOGOUT"):
        self.say(text, b"a " if text == b"a LOGOUT" else b"")
        self.sock.close()

    def drop(self):
        self.file.close()
        self.sock.close()


def talk():
    Client(143).imap(b"averez", b"Tr0ub4dor").quit()
    Client(993, tls=True).imap(b"averez", b"Tr0ub4dor").quit()
    Client(993, tls=True, host="2001:db8::1", source="2001:db8::7").plain(b"averez", b"Tr0ub4dor").drop()
    Client(143).starttls().plain(b"averez", b"Tr0ub4dor").quit()
    Client(993, tls=True).imap(b"averez", b"wrong").quit()
    Client(993, tls=True, source="192.0.2.66").imap(b"averez", b"wrong").imap(b"root", b"x").imap(b"admin", b"y").drop()
    Client(993, tls=True, source="192.0.2.66").imap(b"averez", b"wrong").imap(b"averez", b"Tr0ub4dor").quit()
    Client(993, tls=True, source="192.0.2.66").imap(b"nosuch", b"x").drop()
    Client(993, tls=True, source="192.0.2.66").plain(b"x>, method=PLAIN, rip=9.9.9.9, lip=<1", b"x").drop()
    Client(993, tls=True, source="192.0.2.66").plain("jos\u00e9".encode(), b"x").drop()
    Client(993, tls=True, source="192.0.2.66").plain(b"we ird", b"x").quit()
    Client(993, tls=True, source="192.0.2.66").plain(b"averez", b"Tr0ub4dor", as_user=b"jdoe").quit()
    Client(993, tls=True).imap(b"jdoe", b"locked").quit()
    Client(110).pop3(b"averez", b"Tr0ub4dor").quit(b"QUIT")
    Client(110).pop3(b"averez", b"wrong").quit(b"QUIT")
    Client(995, tls=True, source="192.0.2.66").pop3(b"nosuch", b"x").drop()
    Client(4190).sieve(b"averez", b"Tr0ub4dor").quit(b"LOGOUT")
    Client(4190).sieve(b"averez", b"wrong").quit(b"LOGOUT")
    Client(588).smtp(b"averez", b"wrong").quit(b"QUIT")
    Client(588).smtp(b"averez", b"Tr0ub4dor").quit(b"QUIT")
    # What gives no password.
    Client(143).drop()
    Client(143).quit()
    Client(993).drop()
    c = Client(143)
    c.say(b"GET / HTTP/1.0")
    c.drop()
    try:
        c = Client(993, tls=False)
        c.sock.sendall(b"no TLS at all\r\n\r\n")
        c.file.read()
        c.drop()
    except OSError:
        pass
    c = Client(143)
    c.sock.sendall(b"a AUTHENTICATE PLAIN\r\n")
    c.file.readline()
    c.drop()


talk()
