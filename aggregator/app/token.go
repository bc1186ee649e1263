package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"belfry/aggregator/serve"
	"belfry/aggregator/token"
	"belfry/shared/conf"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make a token, and print it: it is shown this once. On standard output stands the token alone."`
	List   tokenListCmd   `cmd:"" default:"withargs" help:"List the tokens, the expired too."`
	Revoke tokenRevokeCmd `cmd:"" help:"End a token, at once."`
}

type (
	tokenCreateCmd struct {
		Name    string         `arg:"" optional:"" help:"How its bearer is known: what comes by it has this as agent.name. Default: one is made up."`
		Scope   []string       `help:"What it is for: ingest, search, admin; several with commas." enum:"ingest,search,admin" default:"ingest"`
		Expires *conf.Duration `help:"How long it is valid, as 90d; default for ever."`
		JSON    bool           `help:"Print JSON, the token as \"token\"." name:"json"`
	}
	tokenListCmd struct {
		JSON bool `help:"Print JSON, one object a line." name:"json"`
	}
	tokenRevokeCmd struct {
		Token string `arg:"" help:"Its id or its name."`
	}
)

// newToken is a token with its secret.
type newToken struct {
	token.Token
	Secret string `json:"token"`
}

// Run makes a token and prints it.
func (t tokenCreateCmd) Run(ctx context.Context, c *CLI) error {
	v := url.Values{"name": {t.Name}, "scope": t.Scope}
	if t.Expires != nil { // none at all is over at once
		v.Set("expires", time.Now().Add(time.Duration(*t.Expires)).UTC().Format(time.RFC3339))
	}
	var made newToken
	if err := c.tell(ctx, http.MethodPost, "/v1/tokens", v, &made); err != nil {
		return err
	}
	if t.JSON {
		return json.NewEncoder(c.out()).Encode(made)
	}
	_, err := fmt.Fprintln(c.out(), made.Secret)
	return err
}

// Run prints the tokens.
func (t tokenListCmd) Run(ctx context.Context, c *CLI) error {
	var all []token.Token
	if err := c.tell(ctx, http.MethodGet, "/v1/tokens", nil, &all); err != nil {
		return err
	}
	if t.JSON {
		out := json.NewEncoder(c.out())
		for _, k := range all {
			if err := out.Encode(k); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(c.out(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tSCOPES\tCREATED\tEXPIRES")
	for _, k := range all {
		expires := "never"
		if !k.Expires.IsZero() {
			expires = k.Expires.Format(time.RFC3339)
		}
		if k.Expired(time.Now()) {
			expires += " (expired)"
		}
		if e := k.Enroll; e != nil {
			k.Name = fmt.Sprintf("%s (%d of %d)", printable(e.Pattern), len(e.Used), e.Uses)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, strings.Join(k.Scopes, ","), k.Created.Format(time.RFC3339), expires)
	}
	return w.Flush()
}

// Run ends a token.
func (t tokenRevokeCmd) Run(ctx context.Context, c *CLI) error {
	var gone token.Token
	if err := c.tell(ctx, http.MethodDelete, "/v1/tokens/"+url.PathEscape(t.Token), nil, &gone); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.out(), "token %s (%s) is revoked\n", gone.ID, gone.Name)
	return err
}

// tell sends a request to the aggregator on this machine, and reads its answer.
func (c *CLI) tell(ctx context.Context, method, path string, v url.Values, answer any) error {
	body, err := c.call(ctx, method, path, v, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(answer); err != nil {
		return fmt.Errorf("read the aggregator's answer: %w", err)
	}
	return nil
}

// serveTokens adds the tokens to the operator's API. They are not for the network: whoever may make tokens may do
// everything.
func (a *Aggregator) serveTokens(api *serve.API, tokens *token.Store) {
	api.Handle("GET /v1/tokens", serve.ForLocal, func(w http.ResponseWriter, _ *http.Request, _ serve.Asker) { a.answer(w, tokens.List(), nil) })
	api.Handle("POST /v1/tokens", serve.ForLocal, func(w http.ResponseWriter, r *http.Request, by serve.Asker) {
		made, secret, err := createToken(tokens, r)
		if err == nil {
			a.log.Info("token created", "id", made.ID, "name", made.Name, "scopes", made.Scopes, "expires", made.Expires, "by", by.Name)
		}
		a.answer(w, newToken{made, secret}, err)
	})
	api.Handle("DELETE /v1/tokens/{which}", serve.ForLocal, func(w http.ResponseWriter, r *http.Request, by serve.Asker) {
		gone, err := tokens.Revoke(r.PathValue("which"))
		if err == nil {
			a.log.Info("token revoked", "id", gone.ID, "name", gone.Name, "by", by.Name)
		}
		a.answer(w, gone, err)
	})
}

func createToken(tokens *token.Store, r *http.Request) (made token.Token, secret string, err error) {
	if err := r.ParseForm(); err != nil {
		return made, "", fmt.Errorf("%w: parameters: %w", token.ErrInvalid, err)
	}
	var expires time.Time
	if text := r.Form.Get("expires"); text != "" {
		if expires, err = time.Parse(time.RFC3339, text); err != nil {
			return made, "", fmt.Errorf("%w: expires: %w", token.ErrInvalid, err)
		}
	}
	return tokens.Create(r.Form.Get("name"), r.Form["scope"], expires)
}

// answer writes what was asked for, or why not.
func (a *Aggregator) answer(w http.ResponseWriter, what any, err error) {
	code := http.StatusOK
	switch {
	case err == nil:
	case errors.Is(err, token.ErrUnknown):
		code = http.StatusNotFound
	case errors.Is(err, token.ErrInvalid):
		code = http.StatusBadRequest
	case errors.Is(err, token.ErrExists):
		code = http.StatusConflict
	default:
		code = http.StatusInternalServerError
	}
	if err != nil {
		what = map[string]string{"error": err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(what); err != nil {
		a.log.Debug("answer not written", "err", err)
	}
}
