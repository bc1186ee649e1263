// Package corpus holds log lines that real programs wrote: Debian 12's sudo, su, sshd, slapd and account tools. It is
// for tests and the demo; no program is linked with it.
package corpus

import (
	_ "embed"
	"strings"
)

//go:embed auth-mixed.log
var authMixed string

// AuthMixed returns the lines of an auth.log in which all of these programs wrote, without line ends.
func AuthMixed() []string {
	return strings.Split(strings.TrimSuffix(authMixed, "\n"), "\n")
}
