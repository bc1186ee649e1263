package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/alecthomas/kong"

	"belfry/shared/check"
	"belfry/shared/cmdline"
)

// Exit codes of the command line, as those of grep.
const (
	ExitNothing = 1 // searched, and found nothing; or looked for what should not be there, and found some
	exitFailure = 2
)

// errWrong says that a parser does not find what is to be found.
var errWrong = errors.New("fields are wrong")

// errNothing says that a search found nothing.
var errNothing = errors.New("nothing found")

// ExitCode returns the exit code for a command's error.
func ExitCode(err error) int {
	if code, told := check.Code(err); told {
		return code
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errNothing), errors.Is(err, errWrong), errors.Is(err, errSome), errors.Is(err, errDiffers), errors.Is(err, errFindings):
		return ExitNothing
	}
	return exitFailure
}

// Told reports whether the command has said by itself what was wrong.
func Told(err error) bool {
	_, told := check.Code(err)
	return told
}

// CLI is the command line: its flags, and the commands.
type CLI struct {
	Config string `help:"Configuration file." default:"${config}" type:"path" short:"c"`
	Socket string `help:"Unix socket of the aggregator; default: the one in the configuration." type:"path"`
	Debug  bool   `help:"Log more."`

	Server    string `help:"Aggregator to ask, as https://logs.example.org:8443, with a token; default: client.server of the configuration, else the socket on this machine." env:"BELFRY_SERVER" placeholder:"URL"`
	CA        string `help:"File of the authorities that its certificate may come from; default: client.ca, else the system's." name:"ca" env:"BELFRY_CA" type:"path" placeholder:"FILE"`
	TokenFile string `help:"File with a token of scope search or admin; default: client.token_file. A token in the variable BELFRY_TOKEN goes before it." type:"path" placeholder:"FILE"`
	// Prints the version and ends.
	PrintVersion kong.VersionFlag `help:"Print the version." name:"version"`

	Serve       serveCmd    `cmd:"" help:"Run the aggregator until SIGTERM."`
	Reload      reloadCmd   `cmd:"" help:"Have the aggregator of this machine load its configuration, rules and parsers anew. Exit code 0 if they are in force, 2 if not, with the reason."`
	Check       checkCmd    `cmd:"" help:"Check configuration, rules and parsers, the machine that they are for, and whether broker and servers can be reached. Exit code 0 if there are warnings at most, 2 if there are errors."`
	Reindex     reindexCmd  `cmd:"" help:"Move events from one engine of the index to the other; what is interrupted goes on where it was."`
	Search      searchCmd   `cmd:"" help:"Search all events. Exit code 0 if there are some, 1 if none, 2 on an error."`
	Tail        tailCmd     `cmd:"" help:"Follow events live."`
	Status      statusCmd   `cmd:"" help:"Ask the running aggregator how it is: its index, and alerts that wait."`
	Top         topCmd      `cmd:"" help:"Watch the running aggregator: what comes in and is indexed in a second, what waits, who is silent. The key q ends it."`
	Hosts       hostsCmd    `cmd:"" help:"Who ships, who is silent, and how far behind each is."`
	Gaps        gapsCmd     `cmd:"" help:"What is missing, and has not been accepted."`
	Audit       auditCmd    `cmd:"" help:"Prove that nothing is missing: what has become of each byte of each host's files. Exit code 0 if nothing is missing, 1 if something is, 2 on an error."`
	Parse       parseCmd    `cmd:"" help:"Read log lines from standard input and print them as ECS, one JSON object a line."`
	Dead        deadCmd     `cmd:"" help:"What could never be taken: look at it, send it again, or drop it."`
	Topology    topologyCmd `cmd:"" help:"What Belfry needs at the broker: exchanges, queues and their slots, the users of agents."`
	Authority   caCmd       `cmd:"" name:"ca" help:"The certificates of agents and aggregators, for who has no authority of his own: make, issue, revoke, list; tokens by which agents enrol."`
	Token       tokenCmd    `cmd:"" help:"Tokens, by which senders without a certificate are let in, and who asks from elsewhere: at this aggregator alone."`
	Index       indexCmd    `cmd:"" help:"The index: what it holds."`
	Erase       eraseCmd    `cmd:"" help:"Erase events for good, as the law may ask for. Who erased what, and why, is kept. Exit code 1 if there are none."`
	Erasures    erasuresCmd `cmd:"" help:"What was erased by way of this aggregator, by whom, and why. Those that share an index keep a list each; belfry search event.dataset:belfry.erase tells of all."`
	Backup      backupCmd   `cmd:"" help:"Write a backup: events, ledger, dead letters, alerts, tokens, configuration. No file of a key, certificate or password that this names is in it, but the key of what is masked; a password that stands in it is."`
	Support     supportCmd  `cmd:"" name:"support-bundle" help:"Write all that somebody who helps must know into one file, without secrets, log lines and events."`
	Restore     restoreCmd  `cmd:"" help:"Put a backup back into an empty state, whichever engine it came from."`
	ShowVersion versionCmd  `cmd:"" name:"version" help:"Print the version."`

	Completion cmdline.Completion `cmd:"" help:"Print a script that completes commands and flags in a shell."`
	Man        cmdline.Man        `cmd:"" hidden:"" help:"Print the manual page."`

	Version string       `kong:"-"`
	Log     *slog.Logger `kong:"-"`
	Out     io.Writer    `kong:"-"` // default standard output
	Err     io.Writer    `kong:"-"` // for what is no answer; default standard error, where progress is shown if that is a terminal
	In      io.Reader    `kong:"-"` // for answers of a person; default standard input, if that is a terminal
	way     *road
}

func (c *CLI) out() io.Writer {
	if c.Out != nil {
		return c.Out
	}
	return os.Stdout
}

// aside is where what is no answer is told.
func (c *CLI) aside() io.Writer {
	if c.Err != nil {
		return c.Err
	}
	return os.Stderr
}

type (
	serveCmd   struct{}
	versionCmd struct{}
	statusCmd  struct {
		JSON bool `help:"Print JSON." name:"json"`
	}
)

func (serveCmd) Run(ctx context.Context, c *CLI) error {
	return Serve(ctx, c.Config, c.Log)
}

func (versionCmd) Run(c *CLI) error {
	_, err := fmt.Fprintln(c.out(), "belfry", c.Version)
	return err
}
