package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"belfry/agent/enroll"
)

// EnrollOptions say what Enroll is to do.
type EnrollOptions = enroll.Options

// Enroll gets a certificate from an aggregator, and returns what is to be said of it.
func Enroll(ctx context.Context, o EnrollOptions) (string, error) {
	r, err := enroll.Enroll(ctx, o)
	if err != nil {
		return "", err
	}
	to := r.Ship.URL
	if len(r.Ship.AMQP) > 0 {
		to = strings.Join(r.Ship.AMQP, ", ")
	}
	return fmt.Sprintf("%s is enrolled, with a certificate until %s that it renews by itself; it ships to %s\n"+
		"An agent that runs already takes it by belfry-agent reload.", r.Name, r.Until.UTC().Format(time.RFC3339), to), nil
}
