package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"belfry/aggregator/config"
	"belfry/shared/certs"
	"belfry/shared/conf"
	"belfry/shared/ops"
)

// tokenVariable is the environment's variable with a token. There is no flag for it: who lists processes reads those.
const tokenVariable = "BELFRY_TOKEN"

// road is how the command line reaches the aggregator.
type road struct {
	client *http.Client
	base   string // of its addresses
	name   string // for people
	token  conf.Secret
}

// local reports whether it is the socket on this machine: where nobody listens there, no aggregator runs.
func (w *road) local() bool { return w.base == socketBase }

// socketBase is the base of addresses that go over the socket.
const socketBase = "http://belfry"

// road returns the way to the aggregator: the socket that a flag names, the server that a flag or the environment
// names, the server of the configuration, and else the socket on this machine.
func (c *CLI) road() (*road, error) {
	if c.way != nil {
		return c.way, nil
	}
	want := config.Client{Server: c.Server}
	socket := c.Socket
	if socket == "" && want.Server == "" {
		var err error
		if want, socket, err = config.LoadClient(c.Config); err != nil {
			return nil, err
		}
	}
	var err error
	if want.Server == "" {
		c.way = &road{client: ops.Client(socket), base: socketBase, name: socket}
	} else {
		c.way, err = c.encrypted(want)
	}
	return c.way, err
}

// encrypted is the way to a server.
func (c *CLI) encrypted(want config.Client) (*road, error) {
	if c.CA != "" {
		want.CA = c.CA
	}
	if c.TokenFile != "" {
		want.TokenFile = c.TokenFile
	}
	if err := config.CheckServer(want.Server); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	token, err := readToken(want.TokenFile)
	if err != nil {
		return nil, err
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if want.CA != "" {
		if t.RootCAs, err = certs.Pool(want.CA); err != nil {
			return nil, fmt.Errorf("read the server's authorities: %w", err)
		}
	}
	host := config.ServerHost(want.Server)
	return &road{
		client: &http.Client{
			Transport: &http.Transport{TLSClientConfig: t, Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second},
			// A token is for the server that was named, and for none that this one names.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		base: "https://" + host, name: host, token: token,
	}, nil
}

// readToken returns the token of the environment, else of a file, which not everybody may read.
func readToken(path string) (conf.Secret, error) {
	if t := strings.TrimSpace(os.Getenv(tokenVariable)); t != "" {
		return conf.Secret(t), nil
	}
	if path == "" {
		return "", fmt.Errorf("a token is needed: in %s, or in the file that client.token_file or --token-file names", tokenVariable)
	}
	st, err := os.Stat(path)
	if err == nil && st.Mode().Perm()&0o007 != 0 {
		err = fmt.Errorf("%s: everybody on this machine can read it: chmod o= it, and make another token", path)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err == nil && len(strings.Fields(string(text))) != 1 {
		err = fmt.Errorf("%s: it must hold one token, and nothing else", path)
	}
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	return conf.Secret(strings.TrimSpace(string(text))), nil
}

// ask asks the aggregator.
func (c *CLI) ask(ctx context.Context, path string, v url.Values) (io.ReadCloser, error) {
	return c.call(ctx, http.MethodGet, path, v, nil)
}

// maxTries is how often a question is asked that the aggregator has no room or no time for.
const maxTries = 5

// call sends a request to the aggregator. What is only asked, is asked again when it is too much at once, and anything while
// the aggregator starts.
func (c *CLI) call(ctx context.Context, method, path string, v url.Values, content io.Reader) (io.ReadCloser, error) {
	way, err := c.road()
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		resp, err := way.send(ctx, method, path, v, content)
		if err != nil {
			return nil, fmt.Errorf("ask the aggregator at %s: %w", way.name, explain(err))
		}
		if resp.StatusCode == http.StatusOK {
			return resp.Body, nil
		}
		wait, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // 0 where there is none
		again := resp.StatusCode == http.StatusTooManyRequests && method == http.MethodGet ||
			resp.StatusCode == http.StatusServiceUnavailable && content == nil // it starts: nothing of it was done
		if !again || wait < 1 || wait > 10 || try == maxTries {
			defer resp.Body.Close()
			return nil, refusal(resp, v.Get("q"))
		}
		resp.Body.Close()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(wait) * time.Second):
		}
	}
}

func (w *road) send(ctx context.Context, method, path string, v url.Values, content io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, w.base+path+"?"+v.Encode(), content)
	if err != nil {
		return nil, err
	}
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token.Reveal())
	}
	return w.client.Do(req)
}

// explain says what can be done about an error of asking.
func explain(err error) error {
	err = ops.Explain(err)
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: name the aggregator's authority in client.ca, --ca or BELFRY_CA", err)
	case errors.As(err, &name):
		return fmt.Errorf("%w: its certificate does not name this host", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (or ask with a token: --server)", err)
	}
	return err
}

// refusal makes an error of an answer that is none; a fault of the query is pointed at.
func refusal(resp *http.Response, q string) error {
	var body struct {
		Error  string `json:"error"`
		Column int    `json:"column"`
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("read the aggregator's answer: %w", err)
	}
	if resp.StatusCode == http.StatusNotFound && !json.Valid(text) {
		return errors.New("the aggregator does not know this question: it may be older than this program")
	}
	if json.Unmarshal(text, &body) != nil || body.Error == "" {
		return fmt.Errorf("the aggregator answers %s: %s", resp.Status, printable(strings.TrimSpace(string(text))))
	}
	if body.Column > 0 {
		return fmt.Errorf("%s\n  %s\n  %s^", printable(body.Error), printable(q), strings.Repeat(" ", body.Column-1))
	}
	return errors.New(printable(body.Error))
}
