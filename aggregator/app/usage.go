package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Usage returns the error of a command line that cannot be read, with what helps. A query that begins with a minus is taken
// for a flag.
func Usage(err error) error {
	var p *kong.ParseError
	if !errors.As(err, &p) || p.Context == nil {
		return fmt.Errorf("%w (belfry --help tells more)", err)
	}
	flag, _ := strings.CutPrefix(err.Error(), "unknown flag ")
	flag, _, _ = strings.Cut(flag, ",") // which one may have been meant is behind it
	node := p.Context.Selected()
	arg := slices.IndexFunc(p.Context.Args, func(a string) bool { return strings.HasPrefix(a, flag) })
	if node == nil || arg < 0 || strings.HasPrefix(flag, "--") || !slices.ContainsFunc(node.Positional, func(v *kong.Value) bool { return v.Name == "query" }) {
		return fmt.Errorf("%w (belfry --help tells more)", err)
	}
	return fmt.Errorf("%w (a query that begins so goes behind --, as: %s -- %s)", err, node.FullPath(), quoted(printable(p.Context.Args[arg])))
}

// quoted writes an argument as a shell reads it.
func quoted(arg string) string { return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'" }
