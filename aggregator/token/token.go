// Package token keeps the secrets by which a program that has no certificate shows who it is.
//
// A token is 256 random bits. The one who creates it sees it once; the file holds its SHA-256, its name, what it is for
// and when it ends. The name is how its bearer is known: two valid tokens never have the same.
//
// The file is one JSON object, {"version":1,"tokens":[…]}, readable by its owner alone, and is replaced in one step. A
// Store is the only writer. It is safe for concurrent use.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"belfry/shared/segment"
)

// Scopes are what a token may be for: to bring events, to search, to administer.
var Scopes = []string{"ingest", "search", "admin"}

// Bounds of a store. Every token costs each check a comparison.
const (
	maxTokens = 5000
	maxName   = 64
)

// prefix lets people and scanners see what a secret is.
const prefix = "belfry_"

const fileVersion = 1

// Errors by which a caller may tell what was wrong.
var (
	ErrInvalid = errors.New("token cannot be made")
	ErrExists  = errors.New("there is a token of that name already")
	ErrUnknown = errors.New("there is no such token")
)

// Token is what is known of a token; not the secret.
type Token struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Scopes  []string  `json:"scopes"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never

	Enroll *Enrollment `json:"enroll,omitempty"` // of the scope enroll; else nil
}

// Expired reports whether a token is no longer valid.
func (t Token) Expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// kept is a token as the file has it.
type kept struct {
	Token
	SHA256 string `json:"sha256"` // of the secret, in hex
	hash   [sha256.Size]byte
}

// Store holds the tokens of one file.
type Store struct {
	path string
	now  func() time.Time

	mu     sync.RWMutex
	tokens []kept
}

type file struct {
	Version int    `json:"version"`
	Tokens  []kept `json:"tokens"`
}

// Open reads the tokens. A file that is not there holds none.
func Open(path string) (*Store, error) {
	s := &Store{path: path, now: time.Now}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("read tokens in %s: %w", path, err)
	}
	if f.Version != fileVersion {
		return nil, fmt.Errorf("read tokens in %s: version %d, this program reads %d", path, f.Version, fileVersion)
	}
	for i := range f.Tokens {
		k := &f.Tokens[i]
		hash, err := hex.DecodeString(k.SHA256)
		if err != nil || len(hash) != len(k.hash) {
			return nil, fmt.Errorf("read tokens in %s: tokens[%d].sha256 is no SHA-256", path, i)
		}
		copy(k.hash[:], hash)
	}
	s.tokens = f.Tokens
	return s, nil
}

// Create makes a token and returns its secret, which nobody can tell again. An empty name is made up. A zero expiry is
// none. An expired token gives up its name.
func (s *Store) Create(name string, scopes []string, expires time.Time) (Token, string, error) {
	return s.add(Token{Name: name, Scopes: slices.Clone(scopes), Expires: expires.UTC()})
}

// add makes a token of what is wanted.
func (s *Store) add(want Token) (Token, string, error) {
	var raw [32]byte
	rand.Read(raw[:]) // never fails (crypto/rand)
	secret := prefix + base64.RawURLEncoding.EncodeToString(raw[:])
	hash := sha256.Sum256([]byte(secret))
	k := kept{Token: want, SHA256: hex.EncodeToString(hash[:]), hash: hash}
	var id [4]byte
	rand.Read(id[:])
	k.ID = hex.EncodeToString(id[:])
	now := s.now().UTC()
	k.Created = now
	if k.Name == "" {
		k.Name = "token-" + k.ID
	}
	if err := check(k.Token, now); err != nil {
		return Token{}, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := make([]kept, 0, len(s.tokens)+1)
	for _, t := range s.tokens {
		switch {
		case t.ID == k.ID || t.Name == k.Name && !t.Expired(now):
			return Token{}, "", fmt.Errorf("%w: %s", ErrExists, k.Name)
		case t.Enroll != nil && t.Expired(now): // what it has brought is in the authority's journal
		case t.Name != k.Name:
			rest = append(rest, t)
		}
	}
	if len(rest) >= maxTokens {
		return Token{}, "", fmt.Errorf("%w: there are %d already; revoke some", ErrInvalid, maxTokens)
	}
	return k.Token, secret, s.replace(append(rest, k))
}

func check(t Token, now time.Time) error {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...))
	}
	if len(t.Name) > maxName || strings.ContainsFunc(t.Name, unusual) {
		wrong("name: %q is not 1 to %d letters, digits and . _ - @", t.Name, maxName)
	}
	if len(t.Scopes) == 0 {
		wrong("scopes: one of %s must be given", strings.Join(Scopes, ", "))
	}
	for i, scope := range t.Scopes {
		if t.Enroll != nil && scope == ScopeEnroll {
			continue
		}
		if !slices.Contains(Scopes, scope) || slices.Contains(t.Scopes[:i], scope) {
			wrong("scopes: %q is not one of %s, each once", scope, strings.Join(Scopes, ", "))
		}
	}
	if t.Expired(now) {
		wrong("expires: %s is over", t.Expires.Format(time.RFC3339))
	}
	return errors.Join(errs...)
}

// unusual reports whether a character is none for a name: names stand in logs, in queries and on terminals.
func unusual(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-@", r)
}

// replace writes the tokens down, and uses them from then on. The caller holds mu.
func (s *Store) replace(tokens []kept) error {
	text, err := json.MarshalIndent(file{fileVersion, tokens}, "", "  ")
	if err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	if err := segment.ReplaceFile(s.path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	s.tokens = tokens
	return nil
}

// List returns all tokens, the expired too, in the order of their making.
func (s *Store) List() []Token {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]Token, len(s.tokens))
	for i, k := range s.tokens {
		all[i] = k.Token
	}
	return all
}

// Revoke ends the token of an id or a name, at once.
func (s *Store) Revoke(which string) (Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.tokens, func(k kept) bool { return k.ID == which })
	if at < 0 {
		at = slices.IndexFunc(s.tokens, func(k kept) bool { return k.Name == which })
	}
	if at < 0 {
		return Token{}, fmt.Errorf("%w: %q", ErrUnknown, which)
	}
	gone := s.tokens[at].Token
	return gone, s.replace(slices.Concat(s.tokens[:at], s.tokens[at+1:]))
}

// Check returns whose token a secret is, and what it is for. ok is false if it is none, or has expired. How long it
// takes tells nothing about the secret.
func (s *Store) Check(secret string) (name string, scopes []string, ok bool) {
	hash := sha256.Sum256([]byte(secret))
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := -1
	for i := range s.tokens {
		if subtle.ConstantTimeCompare(hash[:], s.tokens[i].hash[:]) == 1 {
			found = i
		}
	}
	if found < 0 || s.tokens[found].Expired(s.now()) {
		return "", nil, false
	}
	return s.tokens[found].Name, s.tokens[found].Scopes, true
}
