// Belfry-agent follows the logs of its host and ships them, each line once.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"belfry/agent/app"
	"belfry/agent/config"
	"belfry/shared/bundle"
	"belfry/shared/check"
	"belfry/shared/cmdline"
	"belfry/shared/ops"
	"belfry/shared/quiet"
)

// version is set by the linker.
var version = "0.1.0-dev"

type cli struct {
	Config       string           `help:"Configuration file." default:"${config}" type:"path" short:"c"`
	Debug        bool             `help:"Log more."`
	PrintVersion kong.VersionFlag `help:"Print the version." name:"version"`

	Run     runCmd     `cmd:"" help:"Run the agent until SIGTERM."`
	Reload  reloadCmd  `cmd:"" help:"Have the running agent load its configuration anew. Exit code 0 if it is in force, 2 if not, with the reason."`
	Check   checkCmd   `cmd:"" help:"Check the configuration, the machine that it is for, and whether the receiver can be reached. Exit code 0 if there are warnings at most, 2 if there are errors."`
	Enroll  enrollCmd  `cmd:"" help:"Get a certificate from an aggregator by a token, and be told where to ship to. The key is made here and stays here; the running agent renews the certificate by itself."`
	Status  statusCmd  `cmd:"" help:"Ask the running agent what it follows, how far it is, and why."`
	Top     topCmd     `cmd:"" help:"Watch the running agent: what it ships in a second, how far it is behind, which files that is of. Keys: q ends, r b n sort by rate, behind, name."`
	Support supportCmd `cmd:"" name:"support-bundle" help:"Write all that somebody who helps must know into one file, without secrets, log lines and events."`
	Spool   spoolCmd   `cmd:"" help:"Look at what the syslog relay keeps on the disk, or mend it."`
	DryRun  dryRunCmd  `cmd:"" name:"dry-run" help:"Print the events that a file would be sent as. It is only read; nothing is sent."`
	Version versionCmd `cmd:"" help:"Print the version."`

	Completion cmdline.Completion `cmd:"" help:"Print a script that completes commands and flags in a shell."`
	Man        cmdline.Man        `cmd:"" hidden:"" help:"Print the manual page."`
}

type (
	runCmd   struct{}
	checkCmd struct {
		check.Style
		Offline bool   `help:"Ask nobody: neither the broker nor the aggregator."`
		As      string `help:"Where root checks, look with the rights of this user, if there is one, and those of the service." default:"belfry-agent" placeholder:"USER"`
	}
	statusCmd struct {
		Part   string `arg:"" optional:"" help:"Only the files that have this in their paths, and what each was taken for, when and why."`
		JSON   bool   `help:"Print JSON." name:"json"`
		Socket string `help:"Unix socket of the agent; default: agent.sock in the configuration's state." type:"path"`
	}
	enrollCmd struct {
		Server string `help:"The aggregator's TLS port." required:"" placeholder:"https://HOST:8443"`
		Token  string `help:"What belfry ca token has printed. Others on this machine may see a flag; a variable they do not." required:"" env:"BELFRY_TOKEN"`
		Name   string `help:"Common name of the certificate, as the token has it; default: agent-HOST, of host in the configuration or the system's name." placeholder:"agent-HOST"`
		CA     string `help:"File of the authorities that the aggregator's certificate may come from; default: the one that the token names." name:"ca" type:"path" placeholder:"FILE"`
		Force  bool   `help:"Enrol again, although there is a valid certificate."`
	}
	topCmd struct {
		Interval time.Duration `help:"Time between two looks." default:"1s"`
		Once     bool          `help:"Print what is so in one interval, and end; so it is where there is no terminal."`
		Socket   string        `help:"Unix socket of the agent; default: agent.sock in the configuration's state." type:"path"`
	}
	supportCmd struct {
		Output string `short:"o" help:"The file, which must not be there yet; default: belfry-agent-support-TIME.tar.gz in this folder." type:"path" placeholder:"FILE"`
	}
	reloadCmd struct {
		Socket string `help:"Unix socket of the agent; default: agent.sock in the configuration's state." type:"path"`
	}
	dryRunCmd struct {
		File  string `arg:"" help:"The file, plain or an archive." type:"path"`
		Limit int    `help:"Print so many events at most; 0 is no limit." default:"0"`
	}
	versionCmd struct{}

	spoolCmd struct {
		Check  spoolCheckCmd  `cmd:"" help:"Read all of it, and say what waits and what is damaged; exit code 2 if anything is. It changes nothing."`
		Dump   spoolDumpCmd   `cmd:"" help:"Print what waits, one event a line. It changes nothing."`
		Repair spoolRepairCmd `cmd:"" help:"Write damaged files anew with all that is good in them. The agent must be stopped."`
	}
	spoolCheckCmd  struct{}
	spoolDumpCmd   struct{}
	spoolRepairCmd struct{}
)

// gcPercent keeps the heap small: what an agent holds, it holds for long, and what it reads makes little garbage.
const gcPercent = 20

// returnEvery is how often what is free goes back to the system: of a host at rest it would lie there for minutes.
const returnEvery = time.Minute

// exitFailure is the exit code of whatever went wrong.
const exitFailure = 2

func main() {
	quiet.Over()
	err := run()
	if code, told := check.Code(err); told {
		os.Exit(code)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "belfry-agent:", err)
		os.Exit(exitFailure)
	}
}

// commandLine makes the parser of the command line.
func commandLine(c *cli) (*kong.Kong, error) {
	return kong.New(c, kong.Name("belfry-agent"),
		kong.Vars{"config": config.Path, "version": "belfry-agent " + version},
		kong.Description("Follows the logs of this host through every rotation and ships them, each line once."),
		kong.Bind(manual()))
}

func run() error {
	var c cli
	parser, err := commandLine(&c)
	if err != nil {
		return err
	}
	k, err := parser.Parse(os.Args[1:])
	if err != nil {
		return fmt.Errorf("%w (belfry-agent --help tells more)", err)
	}
	return k.Run(&c)
}

func (c *cli) logger() *slog.Logger {
	level := slog.LevelInfo
	if c.Debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

func (runCmd) Run(c *cli) error {
	debug.SetGCPercent(gcPercent)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	go returnMemory(ctx)
	return app.Serve(ctx, c.Config, version, c.logger())
}

func returnMemory(ctx context.Context) {
	for often := time.Tick(returnEvery); ; debug.FreeOSMemory() {
		select {
		case <-often:
		case <-ctx.Done():
			return
		}
	}
}

func (k checkCmd) Run(c *cli) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	service := check.Service{User: k.As, Unit: "belfry-agent.service", Caps: "cap_dac_read_search"}
	ran, err := service.Again(ctx)
	if ran {
		return err
	}
	r := app.Check(ctx, c.Config, k.Offline)
	if err != nil {
		r.Warn("", "%v: root looked", err)
	}
	return r.Write(os.Stdout, k.Style)
}

func (e enrollCmd) Run(c *cli) error {
	cfg, err := config.LoadForEnrolling(c.Config)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	text, err := app.Enroll(ctx, app.EnrollOptions{
		State: cfg.State, Host: cfg.Host, Server: e.Server, Token: e.Token, Name: e.Name, CA: e.CA, Force: e.Force,
	})
	if err != nil {
		return err
	}
	fmt.Println(text)
	return nil
}

func (r reloadCmd) Run(c *cli) error {
	socket, err := c.socketOf(r.Socket)
	if err != nil {
		return err
	}
	return app.Reload(context.Background(), socket, os.Stdout)
}

// socketOf returns the socket of the agent: the one that a flag names, else that of the configuration.
func (c *cli) socketOf(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	state, err := config.LoadState(c.Config)
	return app.SocketPath(state), err
}

// shortestInterval keeps a view from being all that an agent does.
const shortestInterval = 100 * time.Millisecond

func (p topCmd) Run(c *cli) error {
	if p.Interval < shortestInterval {
		return fmt.Errorf("--interval: %v is less than %v", p.Interval, shortestInterval)
	}
	socket, err := c.socketOf(p.Socket)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := app.NewTop(socket).Run(ctx, p.Interval, p.Once, os.Stdout); err != nil {
		return fmt.Errorf("ask the agent at %s: %w", socket, err)
	}
	return nil
}

func (s supportCmd) Run(c *cli) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	return bundle.Save(ctx, app.Bundle(ctx, c.Config, version), s.Output, os.Stdout)
}

func (s statusCmd) Run(c *cli) error {
	socket, err := c.socketOf(s.Socket)
	if err != nil {
		return err
	}
	text, err := ask(socket)
	if err != nil {
		return fmt.Errorf("ask the agent at %s: %w", socket, ops.Explain(err))
	}
	if s.JSON {
		_, err = os.Stdout.Write(text)
		return err
	}
	var st app.Status
	if err := json.Unmarshal(text, &st); err != nil {
		return fmt.Errorf("read the agent's answer: %w", err)
	}
	return st.Write(os.Stdout, s.Part)
}

// errEnough ends a preview at its limit.
var errEnough = errors.New("enough")

func (d dryRunCmd) Run(c *cli) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	printed := 0
	err = app.DryRun(cfg, version, d.File, os.Stderr, func(event []byte) error {
		if d.Limit > 0 && printed == d.Limit {
			return errEnough
		}
		printed++
		_, err := out.Write(append(event, '\n'))
		return err
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return errors.Join(err, out.Flush())
}

func (spoolCheckCmd) Run(c *cli) error {
	state, err := config.LoadState(c.Config)
	if err != nil {
		return err
	}
	return app.CheckSpool(state, os.Stdout)
}

func (spoolRepairCmd) Run(c *cli) error {
	state, err := config.LoadState(c.Config)
	if err != nil {
		return err
	}
	return app.RepairSpool(state, os.Stdout)
}

func (spoolDumpCmd) Run(c *cli) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	return errors.Join(app.DumpSpool(cfg, version, out), out.Flush())
}

func ask(socket string) ([]byte, error) {
	client := ops.Client(socket)
	client.Timeout = 10 * time.Second
	resp, err := client.Get("http://agent/status")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, 64<<20))
}

func (versionCmd) Run(*cli) error {
	_, err := fmt.Println("belfry-agent", version)
	return err
}
