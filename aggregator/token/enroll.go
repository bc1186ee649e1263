package token

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// ScopeEnroll is the scope of a token by which agents get certificates. It goes with no other.
const ScopeEnroll = "enroll"

// maxUses bounds the uses of one token.
const maxUses = 10_000

// Errors of a token that does not let a name in.
var (
	ErrNotFor = errors.New("the token is not for that name")
	ErrUsed   = errors.New("the token is used up")
)

// Enrollment says for whom a token of the scope enroll is.
type Enrollment struct {
	Pattern string `json:"pattern"` // a common name, or a pattern of some, as agent-web*
	Uses    int    `json:"uses"`    // how many certificates it may bring
	Used    []Use  `json:"used,omitempty"`
}

// One reports whether it is for one name alone.
func (e Enrollment) One() bool { return !strings.ContainsAny(e.Pattern, `*?[\`) }

// Use is one certificate that a token has brought.
type Use struct {
	Name string    `json:"name"`
	Key  string    `json:"key"` // what tells the request: the same one is answered again
	At   time.Time `json:"at"`
}

// CreateEnrollment makes a token of the scope enroll. It ends; those that have ended make room for it.
func (s *Store) CreateEnrollment(e Enrollment, expires time.Time) (Token, string, error) {
	if _, err := path.Match(e.Pattern, ""); err != nil || e.Pattern == "" {
		return Token{}, "", fmt.Errorf("%w: pattern: %q is none such as web*", ErrInvalid, e.Pattern)
	}
	if e.Uses < 1 || e.Uses > maxUses {
		return Token{}, "", fmt.Errorf("%w: uses: %d is not between 1 and %d", ErrInvalid, e.Uses, maxUses)
	}
	if expires.IsZero() {
		return Token{}, "", fmt.Errorf("%w: expires: such a token must end", ErrInvalid)
	}
	return s.add(Token{Scopes: []string{ScopeEnroll}, Expires: expires.UTC(), Enroll: &Enrollment{Pattern: e.Pattern, Uses: e.Uses}})
}

// Redeem uses a token for a certificate of a name; key tells the request. It is on the disk when it returns. allowed is
// asked once the token is known to be for the name, and whether this request has used it before. The errors wrap ErrUnknown,
// ErrNotFor or ErrUsed, or are those of allowed.
func (s *Store) Redeem(secret, name, key string, allowed func(t Token, again bool) error) (Token, error) {
	hash := sha256.Sum256([]byte(secret))
	s.mu.Lock()
	defer s.mu.Unlock()
	at := -1
	for i := range s.tokens {
		if subtle.ConstantTimeCompare(hash[:], s.tokens[i].hash[:]) == 1 {
			at = i
		}
	}
	if at < 0 || s.tokens[at].Enroll == nil || s.tokens[at].Expired(s.now()) {
		return Token{}, fmt.Errorf("%w: it is none for enrolling, has expired, or was revoked", ErrUnknown)
	}
	t := s.tokens[at]
	if fits, _ := path.Match(t.Enroll.Pattern, name); !fits { // it was checked when it was made
		return t.Token, fmt.Errorf("%w: %s; it is for %s", ErrNotFor, name, t.Enroll.Pattern)
	}
	again := slices.ContainsFunc(t.Enroll.Used, func(u Use) bool { return u.Name == name && u.Key == key })
	if !again && len(t.Enroll.Used) >= t.Enroll.Uses {
		return t.Token, fmt.Errorf("%w: %d of %d uses", ErrUsed, len(t.Enroll.Used), t.Enroll.Uses)
	}
	if err := allowed(t.Token, again); err != nil || again {
		return t.Token, err
	}
	used := *t.Enroll
	used.Used = append(slices.Clone(used.Used), Use{name, key, s.now().UTC()})
	t.Enroll = &used
	all := slices.Clone(s.tokens)
	all[at] = t
	return t.Token, s.replace(all)
}
