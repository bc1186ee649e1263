package ops

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Samples are the values of metrics at one moment, by name with labels, as `x_total{transport="tcp"}`.
type Samples map[string]float64

// Sum adds up all that have a name, whatever their labels; 0 if there is none.
func (s Samples) Sum(name string) (sum float64) {
	for full, v := range s {
		if base, _, _ := strings.Cut(full, "{"); base == name {
			sum += v
		}
	}
	return sum
}

// maxScrape bounds an answer, in bytes.
const maxScrape = 16 << 20

// Scrape asks a daemon for its metrics (Prometheus' text format, version 0.0.4).
func Scrape(ctx context.Context, client *http.Client, address string) (Samples, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	return readSamples(io.LimitReader(resp.Body, maxScrape))
}

func readSamples(r io.Reader) (Samples, error) {
	all := make(Samples)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		name, value, ok := cutLast(line)
		if line == "" || line[0] == '#' || !ok {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("metric %s: %w", name, err)
		}
		all[name] = v
	}
	return all, lines.Err()
}

// cutLast cuts a line at its last blank: labels may have some.
func cutLast(line string) (name, value string, ok bool) {
	i := strings.LastIndexByte(line, ' ')
	if i < 0 {
		return "", "", false
	}
	return line[:i], line[i+1:], true
}
