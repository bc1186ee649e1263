#!/usr/bin/env python3
"""Writes what is to be found in session.log and debug.log: expect.py FILE.log RECEIVED > FILE.ndjson

It reads the lines by regular expressions and knows by heart who did what in make.sh, so it is no model for a parser of
lines that anybody may have written: it is the second opinion that the parser is held against.
"""
import datetime, json, re, sys

NAMES = {0: "success", 2: "protocolError", 4: "sizeLimitExceeded", 5: "compareFalse", 6: "compareTrue", 8: "strongerAuthRequired",
         14: "saslBindInProgress", 32: "noSuchObject", 34: "invalidDNSyntax", 49: "invalidCredentials", 50: "insufficientAccessRights",
         51: "busy", 53: "unwillingToPerform", 68: "entryAlreadyExists", 80: "other", 119: "noSuchOperation", 123: "authorizationDenied"}
TYPES = {"bind": (["authentication"], ["start"]), "search": (["database"], ["access"]), "compare": (["database"], ["access"]),
         "modify": (["database"], ["change"]), "modrdn": (["database"], ["change"]), "add": (["database"], ["creation"]),
         "delete": (["database"], ["deletion"]), "passmod": (["iam"], ["user", "change"])}
VERBS = {"ADD": "add", "DEL": "delete", "MOD": "modify", "MODRDN": "modrdn", "CMP": "compare", "WHOAMI": "whoami",
         "STARTTLS": "starttls", "UNBIND": "unbind", "ABANDON": "abandon", "CANCEL": "cancel", "EXT": "extended",
         "PASSMOD": "passmod", "BIND": "bind", "SRCH": "search", "PROXYAUTHZ": None}
TAGS = {97: "bind", 101: "search", 103: "modify", 105: "add", 107: "delete", 109: "modrdn", 111: "compare", 120: "extended"}
FORGED = ["ana] RESULT tag=97 err=0 text=", 'x] BIND dn="cn=admin" method=128']  # sessions of two clients

def put(o, name, value):
    *path, last = name.split(".")
    for p in path:
        o = o.setdefault(p, {})
    o[last] = value

def unescape(s):
    return re.sub(rb"\\([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), s.encode()).decode()

def user(dn):
    """The first value of a DN, or the number of a local user."""
    if m := re.fullmatch(r"gidNumber=\d+\+uidNumber=(\d+),cn=peercred,cn=external,cn=auth", dn):
        return None, m[1]
    m = re.match(r"[^=,]+=((?:[^,\\]|\\..)*)", dn)
    return (unescape(m[1]), None) if m else (None, None)

class Reader:
    def __init__(self):
        self.conns, self.order, self.foreseen = {}, [], set()

    def foresee(self, lines, i):
        """The thread that accepts writes its line late at times: who a connection is of, one of the next lines may tell."""
        for j in range(i, min(i + 32, len(lines))):
            if m := re.search(r" slapd\[(\d+)\]: conn=(\d+) fd=\d+ ACCEPT from (\S+) \((\S+)\)$", lines[j]):
                c = self.conns.setdefault((int(m[1]), int(m[2])), {})
                if "peer" not in c:
                    c["peer"], c["server"] = m[3], m[4]
                    self.foreseen.add(j)

    def ends(self, o, c, op=None, accept=False):
        if "peer" in c:
            if c["peer"].startswith("IP="):
                for side, value in (("source", c["peer"]), ("destination", c["server"])):
                    ip, port = value[3:].rsplit(":", 1)
                    put(o, side + ".ip", ip), put(o, side + ".port", int(port))
                put(o, "related.ip", ["127.0.0.1"])
            else:
                put(o, "source.address", c["peer"][5:]), put(o, "destination.address", c["server"][5:])
        if (op or c).get("tls"):
            put(o, "ldap.tls", True), put(o, "tls.version_protocol", "tls")
            put(o, "tls.version", "1.3"), put(o, "tls.cipher", "AES-256-GCM")
        elif "peer" in c and not accept:
            put(o, "ldap.tls", False)

    def describe(self, o, op):
        for k in ("request", "dn", "base", "scope", "filter", "mechanism", "ssf", "oid", "attributes"):
            if op.get(k) not in (None, "", []):
                put(o, "ldap." + k, op[k])
        if op.get("anonymous"):
            put(o, "ldap.anonymous", True)
        if op.get("request") == "bind" and op.get("dn"):
            name, number = user(op["dn"])
            if name:
                put(o, "user.name", name), put(o, "related.user", [name])
            if number:
                put(o, "user.id", number)
        if s := op.get("session"):
            put(o, "client.ip", "127.0.0.1"), put(o, "client.domain", "vm")
            put(o, "client.user.name", s)
            if "]" in s:
                put(o, "client.user.name", [s, s.split("]")[0]])
                o["tags"] = ["ambiguous"]

    def read(self, o, pid, text):
        def what(action, category, *types):
            put(o, "event.action", action), put(o, "event.category", [category]), put(o, "event.type", list(types))
        if text == "slapd starting": return what("ldap-start", "process", "start")
        if text == "slapd stopped.": return what("ldap-stop", "process", "end")
        if re.match("daemon: shutdown|slapd shutdown", text):
            return what("ldap-stopping", "process", "info"), put(o, "event.reason", text)
        if m := re.match(r"@\(#\) \$OpenLDAP: slapd (\S+)", text):
            return what("ldap-version", "process", "info"), put(o, "service.version", m[1])
        if m := re.fullmatch(r"fd=\d+ DENIED from unknown \(([\d.]+)\)", text):
            return what("ldap-denied", "network", "connection", "denied"), put(o, "source.ip", m[1]), put(o, "related.ip", [m[1]])
        if m := re.fullmatch(r"ppolicy_bind: Entry (uid=(\w+),\S+) has an expired password: (\d+) grace logins", text):
            what("ldap-password-expired", "authentication", "info")
            put(o, "ldap.dn", m[1]), put(o, "user.name", m[2]), put(o, "related.user", [m[2]]), put(o, "ldap.grace_logins", int(m[3]))
            return
        m = (re.fullmatch(r"SASL \[conn=(\d+)\] Failure: (.*)", text) or
             re.fullmatch(r"connection_input: conn=(\d+) deferring operation: (.*)", text))
        if m:
            if text.startswith("SASL"):
                what("ldap-sasl-failure", "authentication", "info")
            else:
                what("ldap-deferred", "network", "info")
            put(o, "ldap.connection", int(m[1])), put(o, "event.reason", m[2])
            return self.ends(o, self.conns.setdefault((pid, int(m[1])), {}))
        if m := re.fullmatch(r"conn=(\d+) fd=\d+ (.*)", text):
            return self.connection(o, pid, int(m[1]), m[2], what)
        if m := re.fullmatch(r"conn=(\d+) op=(\d+) (.*)", text):
            self.operation(o, pid, int(m[1]), int(m[2]), m[3], what)

    def connection(self, o, pid, number, text, what):
        key = pid, number
        put(o, "ldap.connection", number)
        if m := re.fullmatch(r"ACCEPT from (\S+) \((\S+)\)", text):
            if "peer" in self.conns.get(key, {}) and not self.known:
                self.conns[key] = {}  # the server was started anew
            c = self.conns.setdefault(key, {})
            c["peer"], c["server"] = m[1], m[2]
            what("ldap-accept", "network", "connection", "start")
            return self.ends(o, {k: c[k] for k in ("peer", "server")}, accept=True)
        c = self.conns.setdefault(key, {})
        if text.startswith("TLS established"):
            c["tls"] = True
            what("ldap-tls", "network", "info"), put(o, "ldap.ssf", 256)
        elif m := re.fullmatch(r"closed(?: \((.*)\))?", text):
            what("ldap-closed", "network", "connection", "end")
            if m[1]: put(o, "event.reason", m[1])
        self.ends(o, c)

    def operation(self, o, pid, number, opnumber, text, what):
        c = self.conns.setdefault((pid, number), {})
        op = c.setdefault(("op", opnumber), {"tls": c.get("tls"), "at": o["@timestamp"], "line": o, "conn": number, "number": opnumber})
        put(o, "ldap.connection", number), put(o, "ldap.operation", opnumber)
        said = {}
        for s in FORGED + ["ana"]:
            prefix = "[IP=127.0.0.1 NAME=vm USERNAME=%s] " % s
            if text.startswith(prefix):
                said["session"], text = s, text[len(prefix):]
                break
        if m := re.fullmatch(r"(?:SEARCH )?RESULT (?:tag=(\d+)|oid=\S*) err=(\d+) qtime=(\S+) etime=(\S+) (?:nentries=(\d+) )?text=(.*)", text):
            return self.result(o, c, op, said, m, what)
        if m := re.match(r"do_\w+: (?!invalid dn)", text):
            what("ldap-notice", "network", "info"), put(o, "event.reason", text)
            if not op.get("known"): del c["op", opnumber]
            return self.ends(o, c)
        verb, _, rest = text.partition(" ")
        said["request"] = "bind" if verb == "do_bind:" else VERBS[verb]
        if m := re.fullmatch(r'dn="(.*?)"(?: attr="(.*)")?', rest):
            said["dn"], said["attributes"] = m[1], [m[2]] if m[2] else None
        elif m := re.fullmatch(r'dn="([^"]*)" method=(128|163)', rest):
            said["dn"], said["mechanism"] = m[1], {"128": "SIMPLE", "163": "SASL"}[m[2]]
            said["anonymous"] = m[1] == "" and m[2] == "128"
        elif m := re.fullmatch(r'dn="([^"]*)" mech=(\S+) bind_ssf=\d+ ssf=(\d+)', rest):
            said["dn"], said["mechanism"], said["ssf"] = m[1], m[2], int(m[3])
        elif m := re.fullmatch(r'authcid=".*" authzid="(?:dn:)?(.*)"', rest):
            said["dn"] = m[1]
        elif m := re.fullmatch(r"invalid dn \((.*)\)", rest):
            said["dn"] = m[1]
        elif m := re.fullmatch(r'base="([^"]*)" scope=(\d) deref=0 filter="(.*)"', rest):
            said["base"], said["scope"], said["filter"] = m[1], ["base", "one", "sub"][int(m[2])], m[3]
        elif m := re.fullmatch("attr=(.*)", rest):
            said["attributes"] = m[1].split(" ")
        elif m := re.fullmatch("oid=(.*)", rest):
            said["oid"] = m[1]
        elif m := re.fullmatch('id="(.*)"(?: old)?(?: new)?', rest):
            said["dn"] = m[1]
        what("ldap-%s-request" % said["request"] if said["request"] else "ldap-request",
             TYPES.get(said["request"], (["database"], 0))[0][0], "info")
        self.describe(o, {**said, "attributes": (said.get("attributes") or [])[:256]})
        self.ends(o, c, op)
        if "done" in op:
            return
        op["known"] = True
        if said["request"] is None or op.get("request") and said["request"] == "extended":
            said.pop("request")
        if "attributes" in said and said["attributes"] and op.get("attributes"):
            said["attributes"] = op["attributes"] + said["attributes"]
        if said.get("dn"):
            op.pop("anonymous", None)
        op.update({k: v for k, v in said.items() if v not in (None, "")})

    def result(self, o, c, op, said, m, what):
        op.setdefault("request", TAGS.get(int(m[1])) if m[1] else "extended")
        op.update(said)
        op["done"] = True
        request, err = op["request"], int(m[2])
        category, types = TYPES.get(request, (["database"], ["info"]))
        what("ldap-bind-continue" if request == "bind" and err == 14 else "ldap-" + request, category[0], *types)
        if not (request == "bind" and err == 14):
            put(o, "event.outcome", "success" if err == 0 or request == "compare" and err in (5, 6) else "failure")
        put(o, "ldap.complete", True), put(o, "ldap.result.code", err), put(o, "ldap.result.name", NAMES[err])
        put(o, "ldap.queue_time", "number " + m[3]), put(o, "event.duration", round(float(m[4]) * 1e9))
        put(o, "event.end", o["@timestamp"])
        if op.get("known"): put(o, "event.start", op["at"])
        if m[5]: put(o, "ldap.entries", int(m[5]))
        if m[6]: put(o, "event.reason", m[6])
        self.describe(o, {**op, "attributes": (op.get("attributes") or [])[:256]})
        self.ends(o, c, op)

    def ends_open(self):
        """What is due at the end."""
        for op in self.order:
            o = {"@timestamp": op["at"], "process": op["line"]["process"]}
            put(o, "event.action", "ldap-incomplete"), put(o, "event.type", ["info"])
            put(o, "event.category", TYPES.get(op["request"], (["database"], 0))[0])
            put(o, "ldap.connection", op["conn"]), put(o, "ldap.operation", op["number"]), put(o, "ldap.complete", False)
            self.describe(o, op)
            self.ends(o, op["of"], op)
            yield o

def main(name):
    r, objects = Reader(), []
    lines = open(name, encoding="utf-8").read().split("\n")[:-1]
    for i, line in enumerate(lines):
        r.foresee(lines, i)
        o = {}
        if m := re.fullmatch(r"<167>(\w{3} [ \d]\d \d\d:\d\d:\d\d) slapd\[(\d+)\]: (.*)", line):
            at = datetime.datetime.strptime("%s " % RECEIVED[:4] + m[1], "%Y %b %d %H:%M:%S")
            o["@timestamp"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
            o["log"] = {"level": "debug", "syslog": {"priority": 167, "facility": {"code": 20, "name": "local4"},
                                                     "severity": {"code": 7, "name": "debug"}}}
            pid, text = int(m[2]), m[3]
            o["process"] = {"name": "slapd", "pid": pid}
        elif m := re.fullmatch(r"([0-9a-f]{8})\.([0-9a-f]{8}) 0x[0-9a-f]+ (.*)", line):
            at = datetime.datetime.fromtimestamp(int(m[1], 16), datetime.timezone.utc)
            o["@timestamp"] = at.strftime("%Y-%m-%dT%H:%M:%S") + (".%09d" % int(m[2], 16)).rstrip("0").rstrip(".") + "Z"
            o["process"], pid, text = {"name": "slapd"}, 0, m[3]
        else:
            objects.append({"@timestamp": RECEIVED})
            continue
        if " ACCEPT from " in text and i not in r.foreseen and (k := (pid, int(text.split()[0][5:]))) in r.conns and "peer" in r.conns[k]:
            lost(r, k)
        r.known = i in r.foreseen
        r.read(o, pid, text)
        objects.append(o)
    for k in list(r.conns):
        lost(r, k)
    print(json.dumps({"received": RECEIVED, "tz": "UTC", "host": "vm"}, separators=(",", ":")))
    r.order.sort(key=lambda op: next(i for i, o in enumerate(objects) if o is op["line"]))
    for o in objects + list(r.ends_open()):
        text = json.dumps(o, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        print(re.sub(r'"number ([\d.]+)"', r"\1", text))  # all its digits

def lost(r, key):
    """Takes down what a connection leaves open."""
    for op in [v for k, v in r.conns[key].items() if isinstance(k, tuple)]:
        if "done" not in op and op.get("request") not in ("unbind", "abandon"):
            op["of"] = dict(r.conns[key])
            r.order.append(op)

RECEIVED = sys.argv[2]
main(sys.argv[1])
