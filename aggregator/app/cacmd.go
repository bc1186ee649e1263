package app

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"belfry/aggregator/ca"
	"belfry/aggregator/config"
	"belfry/shared/certs"
	"belfry/shared/conf"
	"belfry/shared/enroll"
	"belfry/shared/owner"
	"belfry/shared/segment"
)

type caCmd struct {
	Init   caInitCmd   `cmd:"" help:"Make an authority: ca.pem and ca.key in its folder. What is there is never written over."`
	Issue  caIssueCmd  `cmd:"" help:"Make a certificate: NAME.pem and NAME.key, and beside them ca.pem."`
	List   caListCmd   `cmd:"" default:"withargs" help:"List the certificates: name, serial, from when to when, state, and how each came."`
	Revoke caRevokeCmd `cmd:"" help:"Revoke a certificate, by its serial, or all valid ones of a name. An aggregator that runs lets its bearer in no more within seconds, and the agent's user and queue at the broker are deleted. What it has signed before and still waits in a queue is taken, unless its key was stolen (--compromised)."`
	Token  caTokenCmd  `cmd:"" help:"Make a token by which an agent enrols: it is shown this once. belfry token lists and revokes such tokens, too."`
}

// Help is what --help says beside the flags.
func (caCmd) Help() string {
	return `The authority lives at one aggregator, in ca of its state. Keep a copy of its folder where nobody else can read it: no
backup of belfry has it. Other aggregators refuse what it has revoked if ca.pem and issued.ndjson are copied, again and again,
into a folder that their enroll.ca names; without ca.key they enrol nobody.`
}

// caDir is where the authority is.
type caDir struct {
	Dir string `help:"Folder of the authority; default: enroll.ca of the configuration, else ca in the state." type:"path" placeholder:"DIR"`
}

// at calls fn with the folder of the authority, as the user that it belongs to, or will. Within the state that is whose the
// state is, who may have put a link there.
func (d caDir) at(c *CLI, fn func(dir string) error) error {
	dir, state, err := config.LoadAuthority(c.Config)
	if err != nil {
		return err
	}
	if d.Dir != "" {
		dir = d.Dir
	}
	home := filepath.Clean(dir)
	if strings.HasPrefix(home, filepath.Clean(state)+"/") {
		home = filepath.Clean(state)
	}
	for {
		if _, err := os.Stat(home); !errors.Is(err, fs.ErrNotExist) || filepath.Dir(home) == home {
			return owner.As(home, func() error { return fn(dir) })
		}
		home = filepath.Dir(home)
	}
}

// open calls fn with the authority, as the user that the state belongs to.
func (d caDir) open(c *CLI, fn func(*ca.CA) error) error {
	return d.at(c, func(dir string) error {
		authority, err := ca.Open(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no authority in %s: belfry ca init makes one", dir)
		}
		if err != nil {
			return err
		}
		return fn(authority)
	})
}

// caller is who calls the command line, for the journal.
func caller() string {
	if name := os.Getenv("SUDO_USER"); name != "" && os.Geteuid() == 0 {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Getuid())
}

type caInitCmd struct {
	caDir `embed:""`
	Name  string `help:"Common name of the authority." default:"Belfry CA"`
	Days  int    `help:"How long it is valid, and with it all that it signs." default:"3650"`
}

// Run makes an authority.
func (i caInitCmd) Run(c *CLI) error {
	if i.Days < 1 {
		return fmt.Errorf("--days: %d is not 1 or more", i.Days)
	}
	if i.Dir == "" {
		_, state, err := config.LoadAuthority(c.Config)
		if err == nil {
			err = owner.Make(state, aggregatorUser)
		}
		if err != nil {
			return fmt.Errorf("make state folder: %w", err)
		}
	}
	return i.at(c, func(dir string) error {
		made, err := ca.Init(dir, i.Name, time.Duration(i.Days)*day)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w: what is there is not written over", err)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.out(), "%s: authority %q, valid until %s; keep a copy of ca.key where nobody else can read it\n",
			dir, i.Name, made.Certificate().NotAfter.UTC().Format(time.DateOnly))
		return err
	})
}

const day = 24 * time.Hour

type caIssueCmd struct {
	caDir  `embed:""`
	Name   string   `arg:"" help:"Common name: belfry for an aggregator, agent-HOST for an agent."`
	Host   []string `help:"Name or address by which it is reached; several with commas." placeholder:"HOST"`
	Usage  []string `help:"Extended key usage: client (it shows who asks), server (it shows who answers); default client, and with --host both." enum:"client,server" placeholder:"client,server"`
	Days   int      `help:"How long it is valid." default:"365"`
	Output string   `help:"Folder that the files go to." short:"o" default:"." type:"path" placeholder:"DIR"`
	Force  bool     `help:"Replace a certificate that names other hosts."`
	CSR    string   `help:"Sign the key of this certificate request (PEM) instead of making one; only the key of it counts." name:"csr" type:"path" placeholder:"FILE"`
}

// Run makes a certificate.
func (i caIssueCmd) Run(c *CLI) error {
	if i.Days < 1 {
		return fmt.Errorf("--days: %d is not 1 or more", i.Days)
	}
	if strings.ContainsAny(i.Name, "/\x00") || strings.HasPrefix(i.Name, ".") || i.Name == "" || i.Name == "ca" {
		return fmt.Errorf("%q cannot name files", i.Name)
	}
	want := certs.Request{
		CommonName: i.Name, Hosts: i.Host, Days: i.Days,
		Client: len(i.Usage) == 0 || slices.Contains(i.Usage, "client"),
		Server: len(i.Usage) == 0 && len(i.Host) > 0 || slices.Contains(i.Usage, "server"),
	}
	public, key, err := i.key()
	if err != nil {
		return err
	}
	var cert, authority []byte
	var serial string
	by := caller()
	if err := i.open(c, func(a *ca.CA) error {
		authority = a.PEM()
		if err := errors.Join(i.free(authority), i.covers()); err != nil {
			return err
		}
		made, err := a.Issue(public, want, ca.Origin{How: ca.ByHand, By: by})
		if err == nil {
			cert, serial = certs.EncodePEM(made), made.SerialNumber.Text(16)
		}
		return err
	}); err != nil {
		return err
	}
	if err := i.write(c, key, cert, authority); err != nil {
		return err
	}
	if want.Server && len(i.Host) == 0 {
		fmt.Fprintln(c.aside(), "belfry: without --host no client can tell that it is the right server")
	}
	_, err = fmt.Fprintf(c.out(), "%s: certificate of %s, serial %s, for %d days\n", filepath.Join(i.Output, i.Name+".pem"), i.Name, serial, i.Days)
	return err
}

// key makes a key, or reads the one that is to be signed.
func (i caIssueCmd) key() (public crypto.PublicKey, key []byte, err error) {
	var text []byte
	if i.CSR != "" {
		text, err = os.ReadFile(i.CSR)
	} else {
		key, text, err = certs.MakeCSR(i.Name)
	}
	if err != nil {
		return nil, nil, err
	}
	csr, err := certs.ReadCSR(text)
	return csr.Key, key, err
}

// free says whether ca.pem of the output may be written: it is not there, or it is this authority's.
func (i caIssueCmd) free(authority []byte) error {
	path := filepath.Join(i.Output, "ca.pem")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && bytes.Contains(text, bytes.TrimSpace(authority)) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%s is of another authority: name another folder with -o", path)
	}
	return err
}

// covers says that the certificate that is there names hosts that the new one would not: whoever reaches it by those would be
// turned away.
func (i caIssueCmd) covers() error {
	path := filepath.Join(i.Output, i.Name+".pem")
	old, err := certs.ReadCertificate(path)
	if i.Force || err != nil {
		return nil // whatever is there, it is of no use
	}
	names := slices.Clone(old.DNSNames)
	for _, ip := range old.IPAddresses {
		names = append(names, ip.String())
	}
	names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(i.Host, n) })
	if len(names) > 0 {
		return fmt.Errorf("%s names %s, and the new certificate would not: name it by --host too, or --force", path, strings.Join(names, ", "))
	}
	return nil
}

// write writes the files, as who calls; those of the aggregator are for whom its state belongs to.
func (i caIssueCmd) write(c *CLI, key, cert, authority []byte) error {
	_, state, err := config.LoadAuthority(c.Config)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(i.Output, 0o755); err != nil {
		return err
	}
	base := filepath.Join(i.Output, i.Name)
	if key != nil {
		if err := segment.ReplaceFile(base+".key", key, 0o600); err != nil {
			return err
		}
		if _, err := os.Stat(state); err == nil && i.Name == aggregatorUser {
			if err := owner.Give(base+".key", state); err != nil {
				return err
			}
		}
	}
	if err := segment.ReplaceFile(base+".pem", cert, 0o644); err != nil {
		return err
	}
	path := filepath.Join(i.Output, "ca.pem")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return segment.ReplaceFile(path, authority, 0o644)
}

type caListCmd struct {
	caDir `embed:""`
	Name  string `arg:"" optional:"" help:"Only those of this name."`
	JSON  bool   `help:"Print JSON, one object a line." name:"json"`
}

// Run prints the certificates.
func (l caListCmd) Run(c *CLI) error {
	return l.open(c, func(a *ca.CA) error {
		all, err := a.List()
		if err != nil {
			return err
		}
		now := time.Now()
		w := tabwriter.NewWriter(c.out(), 0, 0, 2, ' ', 0)
		if !l.JSON {
			fmt.Fprintln(w, "NAME\tSERIAL\tFROM\tUNTIL\tSTATE\tCAME BY")
		}
		for _, e := range all {
			if l.Name != "" && e.Name != l.Name {
				continue
			}
			state := e.State(now)
			if l.JSON {
				text, err := json.Marshal(struct {
					ca.Entry
					State string `json:"state"`
				}{e, state})
				if err != nil {
					return err
				}
				fmt.Fprintf(w, "%s\n", text)
				continue
			}
			if e.Reason != "" {
				state += " (" + printable(e.Reason) + ")"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", printable(e.Name), e.Serial, e.From.UTC().Format(time.RFC3339), e.Until.UTC().Format(time.RFC3339), state, e.How)
		}
		return w.Flush()
	})
}

type caRevokeCmd struct {
	caDir       `embed:""`
	Which       string `arg:"" help:"Common name, or serial."`
	Reason      string `help:"Why." required:""`
	Compromised bool   `help:"Its key was stolen: what it has signed before counts no more either, and goes to the dead letters."`
}

// Run revokes certificates, and deletes at the broker what is of a name that has none any more.
func (r caRevokeCmd) Run(ctx context.Context, c *CLI) error {
	if r.Reason == "" || len(r.Reason) > maxReason {
		return fmt.Errorf("--reason: there must be one, of at most %d bytes", maxReason)
	}
	var all []ca.Entry
	by := caller()
	err := r.open(c, func(a *ca.CA) error {
		gone, err := a.Revoke(r.Which, r.Reason, by, r.Compromised)
		if err != nil {
			return err
		}
		for _, e := range gone {
			fmt.Fprintf(c.out(), "revoked: %s, serial %s\n", printable(e.Name), e.Serial)
		}
		if len(gone) == 0 {
			fmt.Fprintf(c.out(), "%s: nothing valid is left to revoke\n", printable(r.Which))
		}
		all, err = a.List()
		return err
	})
	if err != nil {
		return err
	}
	return dismiss(ctx, c, r.Which, all)
}

// dismiss deletes at the broker the user and the queue of an agent that has no valid certificate. That may be done again.
func dismiss(ctx context.Context, c *CLI, which string, all []ca.Entry) error {
	name := which
	for _, e := range all {
		if e.Name == which || ca.SameSerial(e.Serial, which) {
			name = e.Name
		}
	}
	for _, e := range all {
		if e.Name == name && e.Valid(time.Now()) {
			return nil
		}
	}
	if enroll.CheckName(name) != nil {
		return nil // no agent
	}
	cfg, err := config.Load(c.Config)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && len(agentBrokers(cfg)) == 0 {
		return nil
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, brokerWithin)
		defer cancel()
		t, failed := agentTopology(cfg)
		if err = failed; err == nil {
			err = t.Dismiss(ctx, name)
		}
	}
	if err != nil {
		return fmt.Errorf("it is revoked, but its user may still be at the broker; run this again: %w", err)
	}
	_, err = fmt.Fprintf(c.out(), "deleted at the broker: user and queue of %s\n", name)
	return err
}

type caTokenCmd struct {
	Name    string        `arg:"" optional:"" help:"Host or agent that it is for, as web01 or agent-web01."`
	Pattern string        `help:"For all hosts of such names that have no certificate yet, as web*; instead of NAME." placeholder:"PATTERN"`
	TTL     conf.Duration `help:"How long it may be used." name:"ttl" default:"1h"`
	Uses    int           `help:"How many certificates it may bring." default:"1"`
	JSON    bool          `help:"Print JSON, the token as \"token\"." name:"json"`
}

// Run makes a token, and prints it.
func (t caTokenCmd) Run(ctx context.Context, c *CLI) error {
	if (t.Name == "") == (t.Pattern == "") {
		return errors.New("give either the name of a host or --pattern")
	}
	pattern := t.Pattern
	if pattern == "" {
		var err error
		if pattern, err = enroll.AgentName(t.Name); err != nil {
			return err
		}
	} else if !strings.HasPrefix(pattern, "agent-") {
		pattern = "agent-" + pattern
	}
	v := url.Values{
		"pattern": {pattern}, "uses": {strconv.Itoa(t.Uses)}, "expires": {time.Now().Add(time.Duration(t.TTL)).UTC().Format(time.RFC3339)},
	}
	var made newToken
	if err := c.tell(ctx, http.MethodPost, "/v1/ca/tokens", v, &made); err != nil {
		return err
	}
	if t.JSON {
		return json.NewEncoder(c.out()).Encode(made)
	}
	_, err := fmt.Fprintln(c.out(), made.Secret)
	return err
}
