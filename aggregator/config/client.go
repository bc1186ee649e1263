package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"

	"belfry/shared/conf"
)

// Client says which aggregator the command line asks. Without a server it is the one on this machine, over its socket.
type Client struct {
	Server    string `yaml:"server"`     // https://host:port of an aggregator's TLS door; default none
	CA        string `yaml:"ca"`         // file of the authorities that its certificate may come from; default the system's
	TokenFile string `yaml:"token_file"` // file with a token of scope search or admin, and nothing else; default none
}

// Validate reports every fault, each with its key.
func (c Client) Validate() error {
	var errs []error
	if err := CheckServer(c.Server); err != nil {
		errs = append(errs, fmt.Errorf("server: %w", err))
	}
	if c.Server == "" && (c.CA != "" || c.TokenFile != "") {
		errs = append(errs, errors.New("server: must be given with ca and token_file"))
	}
	return errors.Join(errs...)
}

// CheckServer accepts the address of an aggregator's API: a token goes nowhere but over TLS. Nothing at all is no fault.
func CheckServer(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		u.Path != "" && u.Path != "/" {
		return fmt.Errorf("%q is not https://host:port", text)
	}
	return nil
}

// ServerHost returns the host:port of an address that CheckServer accepts.
func ServerHost(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "8443"))
}

// LoadClient reads what the command line needs, the section and the operator's socket: who searches need not be able to
// read the aggregator's key.
func LoadClient(path string) (Client, string, error) {
	var c Config
	if err := conf.Read(path, &c); errors.Is(err, fs.ErrPermission) {
		return Client{}, "", fmt.Errorf("%w (who is in the group belfry may read it and search; from elsewhere, --server and a token)", err)
	} else if err != nil {
		return Client{}, "", err
	}
	if err := c.Client.Validate(); err != nil {
		return Client{}, "", fmt.Errorf("%s: client.%w", path, err)
	}
	return c.Client, cmp.Or(c.Serve.Socket, defaultSocket), nil
}
