#!/usr/bin/env python3
"""Writes what is to be found in the lines of make.sh: expect.py FILE.log RECEIVED > FILE.ndjson

As ../slapd/expect.py, it reads by regular expressions what is known to stand there: a second opinion, not a parser.
"""
import datetime, json, re, sys

NAMES = {0: "success", 2: "protocolError", 4: "sizeLimitExceeded", 5: "compareFalse", 6: "compareTrue", 14: "saslBindInProgress",
         19: "constraintViolation", 32: "noSuchObject", 34: "invalidDNSyntax", 49: "invalidCredentials", 50: "insufficientAccessRights",
         53: "unwillingToPerform", 68: "entryAlreadyExists"}
TYPES = {"bind": (["authentication"], ["start"]), "search": (["database"], ["access"]), "compare": (["database"], ["access"]),
         "modify": (["database"], ["change"]), "modrdn": (["database"], ["change"]), "add": (["database"], ["creation"]),
         "delete": (["database"], ["deletion"]), "passmod": (["iam"], ["user", "change"])}
VERBS = {"ADD": "add", "DEL": "delete", "MOD": "modify", "MODRDN": "modrdn", "CMP": "compare", "UNBIND": "unbind", "ABANDON": "abandon",
         "EXT": "extended", "BIND": "bind", "SRCH": "search"}
OIDS = {"1.3.6.1.4.1.4203.1.11.3": "whoami", "1.3.6.1.4.1.4203.1.11.1": "passmod", "1.3.6.1.4.1.1466.20037": "starttls"}
LEVELS = {"ERR": "err", "WARN": "warning", "NOTICE": "notice", "INFO": "info", "CRIT": "crit", "ALERT": "alert", "EMERG": "emerg"}

def put(o, name, value):
    *path, last = name.split(".")
    for p in path:
        o = o.setdefault(p, {})
    o[last] = value

def what(o, action, category, *types):
    put(o, "event.action", action), put(o, "event.category", [category]), put(o, "event.type", list(types))

def user(o, dn):
    if m := re.match(r"[^=,]+=((?:[^,\\]|\\..)*)", dn or ""):
        name = re.sub(rb"\\([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), m[1].encode()).decode()
        put(o, "user.name", name), put(o, "related.user", [name])

def ends(o, c, tls=None, accept=False):
    if "peer" in c:
        for side, value in (("source", c["peer"]), ("destination", c["server"])):
            put(o, side + (".ip" if re.fullmatch(r"[\d.]+", value) else ".address"), value)
        if c["peer"] != "local":
            put(o, "related.ip", [c["peer"]])
    if c.get("tls") if tls is None else tls:
        put(o, "ldap.tls", True), put(o, "tls.version_protocol", "tls")
        put(o, "tls.version", "1.3"), put(o, "tls.cipher", "AES-GCM")
    elif "peer" in c and not accept:
        put(o, "ldap.tls", False)

def describe(o, op):
    for k in ("request", "dn", "base", "scope", "filter", "mechanism", "oid", "attributes"):
        if op.get(k):
            put(o, "ldap." + k, op[k])
    if op.get("anonymous"):
        put(o, "ldap.anonymous", True)
    if op.get("request") == "bind":
        user(o, op.get("dn"))
    if 'attrs="\\28x' in op.get("line", ""):
        o["tags"] = ["ambiguous"]  # the filter that looks like what follows it

def request(text):
    verb, _, rest = text.partition(" ")
    said = {"request": VERBS[verb], "line": text}
    if m := re.fullmatch(r'dn="(.*)" method=(128|sasl) version=3(?: mech=(\S+))?', rest):
        said["dn"], said["mechanism"], said["anonymous"] = m[1], m[3] or "SIMPLE", m[1] == "" and m[2] == "128"
    elif m := re.fullmatch(r'base="(.*?)" scope=(\d) filter="(.*)" attrs=(?:ALL|"(.*?)")', rest):
        said["base"], said["scope"], said["filter"] = m[1], ["base", "one", "sub"][int(m[2])], m[3]
        said["attributes"] = m[4].split(" ") if m[4] else None
    elif m := re.fullmatch(r'oid="(.*?)"(?: name=".*")?', rest):
        said["oid"], said["request"] = m[1], OIDS.get(m[1], "extended")
    elif m := re.match(r'dn="(.*?)"(?: attr="(.*)")?', rest):
        said["dn"], said["attributes"] = m[1], [m[2]] if m[2] else None
    return said

RESULT = (r'RESULT err=(\d+) tag=(\d+) nentries=(\d+) wtime=(\S+) optime=\S+ etime=([\d.]+)(?: notes=(\S+) details="(.*?)")?'
          r'(?: pr_idx=-?\d+ pr_cookie=-?\d+)?(?: dn="(.*?)")?(?: - (.*)|, (.*))?\s*')

def access(o, conns, text):
    if m := re.fullmatch(r"conn=(?:Internal\(\d+\)|(\d+) \(Internal\)) op=(\d+)\(\d+\)\(\d+\) (.*)", text):
        return internal(o, m)
    number, rest = re.fullmatch(r"conn=(\d+) (.*)", text).groups()
    number = int(number)
    put(o, "ldap.connection", number)
    if m := re.fullmatch(r"fd=\d+ slot=\d+ (?:SSL )?connection from (\S+) to (\S+)", rest):
        conns[number] = {"peer": m[1], "server": m[2]}
        what(o, "ldap-accept", "network", "connection", "start")
        return ends(o, conns[number], accept=True)
    c = conns[number]
    if m := re.fullmatch(r"TLS1.3 128-bit AES-GCM(?:; client (.*); issuer (.*))?", rest):
        c["tls"] = True
        what(o, "ldap-tls", "network", "info"), put(o, "ldap.ssf", 128)
        ends(o, c)
        if m[1]: put(o, "tls.client.subject", m[1]), put(o, "tls.client.issuer", m[2])
        return
    if m := re.fullmatch(r'(AUTOBIND dn="|TLS1.3 client bound as )(.*?)"?', rest):
        what(o, "ldap-autobind" if m[1][0] == "A" else "ldap-certificate-mapped", "authentication", "info")
        put(o, "ldap.dn", m[2]), user(o, m[2])
        return ends(o, c)
    if m := re.fullmatch(r"TLS1.3 failed to map client certificate to LDAP DN \((.*)\)", rest):
        what(o, "ldap-certificate-unmapped", "authentication", "info"), put(o, "event.reason", m[1])
        return ends(o, c)
    if m := re.fullmatch(r"op=-?\d+ fd=\d+ Disconnect - (.*?)(?: - ([A-Z]\d))?", rest):
        what(o, "ldap-closed", "network", "connection", "end"), put(o, "event.reason", m[1])
        if m[2]: put(o, "ldap.close_code", m[2])
        return ends(o, c)
    opnumber, rest = re.fullmatch(r"op=(\d+) (.*)", rest).groups()
    put(o, "ldap.operation", int(opnumber))
    op = c.setdefault(int(opnumber), {"tls": c.get("tls", False)})
    if re.match("SORT|ENTRY|STAT|VLV", rest):
        what(o, "ldap-notice", "network", "info"), put(o, "event.reason", rest)
        return ends(o, c)
    if m := re.fullmatch(RESULT, rest):
        return result(o, c, op, m)
    said = request(rest)
    what(o, "ldap-%s-request" % said["request"], TYPES.get(said["request"], (["database"], 0))[0][0], "info")
    describe(o, said)
    ends(o, c, op["tls"])
    if m := re.match(r"ABANDON targetop=(\d+)", rest): put(o, "ldap.abandoned", int(m[1]))
    if "done" not in op:
        op.setdefault("at", o["@timestamp"])
        op.update(said)

def result(o, c, op, m):
    op["done"] = True
    kind, err = op["request"], int(m[1])
    category, types = TYPES.get(kind, (["database"], ["info"]))
    what(o, "ldap-bind-continue" if kind == "bind" and err == 14 else "ldap-" + kind, category[0], *types)
    if not (kind == "bind" and err == 14):
        put(o, "event.outcome", "success" if err == 0 or kind == "compare" and err in (5, 6) else "failure")
    put(o, "ldap.complete", True), put(o, "ldap.result.code", err), put(o, "ldap.result.name", NAMES[err])
    put(o, "ldap.entries", int(m[3])), put(o, "ldap.queue_time", "number " + m[4])
    put(o, "event.duration", round(float(m[5]) * 1e9)), put(o, "event.end", o["@timestamp"])
    if "at" in op: put(o, "event.start", op["at"])
    if m[6]: put(o, "ldap.notes", m[6].split(",")), put(o, "ldap.notes_text", m[7])
    if m[9] or m[10]: put(o, "event.reason", m[9] or m[10])
    describe(o, {**op, "dn": op.get("dn") or m[8]})
    ends(o, c, op["tls"])

def internal(o, m):
    what(o, "ldap-internal", "database", "info"), put(o, "ldap.internal", True), put(o, "ldap.operation", int(m[2]))
    if m[1]: put(o, "ldap.connection", int(m[1]))
    if r := re.fullmatch(RESULT, m[3]):
        put(o, "ldap.result.code", int(r[1])), put(o, "ldap.result.name", NAMES[int(r[1])]), put(o, "ldap.entries", int(r[3]))
        put(o, "event.duration", round(float(r[5]) * 1e9))
        if r[6]: put(o, "ldap.notes", r[6].split(",")), put(o, "ldap.notes_text", r[7])
    else:
        describe(o, request(m[3]))

def security(o, text):
    j = json.loads(text)
    bind = j["event"].startswith("BIND_")
    what(o, "ldap-bind-audit" if bind else "ldap-audit", "authentication" if bind else "network", "info")
    put(o, "ldap.audit", j["event"]), put(o, "ldap.connection", j["conn_id"])
    for name, key in (("ldap.operation", "op_id"), ("ldap.mechanism", "bind_method"), ("ldap.dn", "dn"), ("event.reason", "msg"),
                      ("source.ip", "client_ip"), ("destination.ip", "server_ip")):
        if j.get(key) not in (None, ""):
            put(o, name, j[key])
    for side, key in (("source", "client_ip"), ("destination", "server_ip")):
        if side in o and not re.fullmatch(r"[\d.]+", j[key]):
            o[side] = {"address": j[key]}
    if re.fullmatch(r"[\d.]+", j.get("client_ip", "")): put(o, "related.ip", [j["client_ip"]])
    if j.get("msg") == "ANONYMOUS_BIND": put(o, "ldap.anonymous", True)
    user(o, j.get("dn"))

def main(name, received):
    conns = {}
    print(json.dumps({"received": received, "tz": "UTC", "host": "vm"}, separators=(",", ":")))
    for line in open(name, encoding="utf-8").read().split("\n")[:-1]:
        o = {"@timestamp": received}
        if m := re.fullmatch(r'\[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d)\.(\d{9}) \+0000\] (.*)|\{ "date": "\[(.*?)\.(\d{9}) .*', line):
            at = datetime.datetime.strptime((m[1] or m[4]).replace("\\", ""), "%d/%b/%Y:%H:%M:%S")
            o["@timestamp"] = at.strftime("%Y-%m-%dT%H:%M:%S") + ("." + (m[2] or m[5])).rstrip("0").rstrip(".") + "Z"
            o["process"] = {"name": "ns-slapd"}
            if line[0] == "{":
                security(o, line)
            elif e := re.fullmatch(r"- ([A-Z]+) - (?:(\S+) - )?(.*)", m[3]):
                what(o, "ldap-server-message", "process", "info")
                put(o, "log.level", LEVELS[e[1]]), put(o, "event.reason", e[3])
                if e[2]: put(o, "log.logger", e[2])
            else:
                access(o, conns, m[3])
        text = json.dumps(o, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        print(re.sub(r'"number ([\d.]+)"', r"\1", text))

main(*sys.argv[1:])
