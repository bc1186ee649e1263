package parse

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// ldapResults names the result codes of LDAP (RFC 4511, section 4.1.9, and the IANA registry of LDAP parameters).
var ldapResults = map[int]string{
	0: "success", 1: "operationsError", 2: "protocolError", 3: "timeLimitExceeded", 4: "sizeLimitExceeded",
	5: "compareFalse", 6: "compareTrue", 7: "authMethodNotSupported", 8: "strongerAuthRequired", 10: "referral",
	11: "adminLimitExceeded", 12: "unavailableCriticalExtension", 13: "confidentialityRequired",
	14: "saslBindInProgress", 16: "noSuchAttribute", 17: "undefinedAttributeType", 18: "inappropriateMatching",
	19: "constraintViolation", 20: "attributeOrValueExists", 21: "invalidAttributeSyntax", 32: "noSuchObject",
	33: "aliasProblem", 34: "invalidDNSyntax", 36: "aliasDereferencingProblem", 48: "inappropriateAuthentication",
	49: "invalidCredentials", 50: "insufficientAccessRights", 51: "busy", 52: "unavailable",
	53: "unwillingToPerform", 54: "loopDetect", 64: "namingViolation", 65: "objectClassViolation",
	66: "notAllowedOnNonLeaf", 67: "notAllowedOnRDN", 68: "entryAlreadyExists", 69: "objectClassModsProhibited",
	71: "affectsMultipleDSAs", 80: "other", 118: "canceled", 119: "noSuchOperation", 120: "tooLate",
	121: "cannotCancel", 122: "assertionFailed", 123: "authorizationDenied", 4096: "e-syncRefreshRequired",
}

// The result codes that an outcome depends on.
const (
	ldapSuccess      = 0
	ldapCompareFalse = 5
	ldapCompareTrue  = 6
	ldapReferral     = 10
	ldapInProgress   = 14 // SASL: the bind goes on
)

func ldapResult(code int) string {
	if name, ok := ldapResults[code]; ok {
		return name
	}
	return "unknown(" + strconv.Itoa(code) + ")"
}

// ldapRequests names the requests by the tag of their response (RFC 4511, section 4).
var ldapRequests = map[string]string{
	"97": "bind", "101": "search", "103": "modify", "105": "add", "107": "delete", "109": "modrdn", "111": "compare",
	"120": "extended",
}

// ldapTypes are the category and types of ECS for a finished request.
var ldapTypes = map[string][]string{
	"bind":    {"authentication", "start"},
	"search":  {"database", "access"},
	"compare": {"database", "access"},
	"modify":  {"database", "change"},
	"modrdn":  {"database", "change"},
	"add":     {"database", "creation"},
	"delete":  {"database", "deletion"},
	"passmod": {"iam", "user", "change"},
}

var ldapScopes = map[string]string{"0": "base", "1": "one", "2": "sub", "3": "children"}

// ldapUser returns who a DN names: the value of its first RDN, unescaped (RFC 4514). Of an RDN with several values it
// takes the uid. A local user that came by ldapi has a number instead.
func ldapUser(dn string) (name, id string) {
	first := true
	for rest := dn; rest != ""; {
		var part string
		var sep byte
		part, sep, rest = cutRDN(rest)
		attr, value, ok := strings.Cut(part, "=")
		if !ok {
			return "", ""
		}
		switch attr = strings.TrimSpace(attr); {
		case strings.EqualFold(attr, "uidNumber"):
			id = unescapeDN(value)
		case strings.EqualFold(attr, "gidNumber"):
		case strings.EqualFold(attr, "uid") || first:
			name, first = unescapeDN(value), false
		}
		if sep != '+' {
			break
		}
	}
	return name, id
}

// cutRDN splits a DN at the first comma or plus that is not escaped.
func cutRDN(s string) (part string, sep byte, rest string) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ',', '+':
			return s[:i], s[i], s[i+1:]
		}
	}
	return s, 0, ""
}

// unescapeDN takes the backslashes off a value: `\2C` and `\,` are both a comma.
func unescapeDN(s string) string {
	s = strings.TrimSpace(s)
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		if i+2 < len(s) {
			if b, err := hex.AppendDecode(out, []byte(s[i+1:i+3])); err == nil {
				out = b
				i += 2
				continue
			}
		}
		i++
		out = append(out, s[i])
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}
