// Package corpus holds log lines that real programs wrote: Debian 12's sudo, su, sshd, slapd and account tools, and
// what is to be found in each of them. It is for tests and the demo; no program is linked with it.
package corpus

import (
	_ "embed"
	"strings"
)

//go:embed auth-mixed.log
var authMixed string

//go:embed auth-mixed.ndjson
var authMixedFields string

// AuthMixed returns the lines of an auth.log in which all of these programs wrote, without line ends.
func AuthMixed() []string { return lines(authMixed) }

// AuthMixedFields returns, for each line of AuthMixed, the fields that are to be found in it, as one ECS object: read on
// 2026-11-23 at 18:54:31 UTC in the zone UTC, after the lines before it. What names the event or repeats the line is
// not in it.
func AuthMixedFields() []string { return lines(authMixedFields) }

func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }
