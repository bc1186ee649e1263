package https

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Reach tries the way to the aggregator until ctx is done: TLS, whether it lets this certificate in, and whether it is
// ready. It changes nothing. It returns how far the aggregator's clock is ahead of this one, 0 if it does not say.
func Reach(ctx context.Context, cfg Config) (skew time.Duration, err error) {
	settings, err := cfg.Client()
	if err != nil {
		return 0, err
	}
	t := &http.Transport{DisableKeepAlives: true}
	t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		var err error
		if settings.ServerName, _, err = net.SplitHostPort(addr); err != nil {
			return nil, err
		}
		return (&tls.Dialer{Config: settings}).DialContext(ctx, network, addr)
	}
	client := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, path := range []string{"/v1/acks", "/readyz"} {
		if skew, err = reach(ctx, client, strings.TrimSuffix(cfg.URL, "/")+path); err != nil {
			return 0, err
		}
	}
	return skew, nil
}

func reach(ctx context.Context, client *http.Client, address string) (skew time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10)) // only for the error below
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s answers %s: %s", address, resp.Status, reason(text))
	}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		skew = at.Sub(begun)
	}
	return skew, nil
}
