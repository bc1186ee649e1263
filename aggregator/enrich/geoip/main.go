// Command geoip writes a database in MaxMind's format from CSV on its standard input: first and last address of a range,
// number and organization of its autonomous system. It is what `make geoip` makes of lists that come as CSV only.
package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	err := convert(os.Stdin, out)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "geoip:", err)
		os.Exit(1)
	}
}

// convert reads all of from before it writes. An error of a line names it.
func convert(from io.Reader, to io.Writer) error {
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: "asn", RecordSize: 28,
		// A list may hold what is reserved, and 2001::/32, which would be another way to IPv4.
		IncludeReservedNetworks: true, DisableIPv4Aliasing: true,
		Description: map[string]string{"en": "autonomous systems, made from CSV"},
	})
	if err != nil {
		return fmt.Errorf("make database: %w", err)
	}
	r := csv.NewReader(from)
	r.ReuseRecord = true
	r.FieldsPerRecord = 4
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read ranges: %w", err)
		}
		if err := insert(tree, fields); err != nil {
			line, _ := r.FieldPos(0)
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	if _, err := tree.WriteTo(to); err != nil {
		return fmt.Errorf("write database: %w", err)
	}
	return nil
}

func insert(tree *mmdbwriter.Tree, fields []string) error {
	first, err := netip.ParseAddr(fields[0])
	if err != nil {
		return err
	}
	last, err := netip.ParseAddr(fields[1])
	if err != nil {
		return err
	}
	number, err := strconv.ParseUint(fields[2], 10, 32)
	if err != nil {
		return fmt.Errorf("number of a system: %w", err)
	}
	return tree.InsertRange(first.AsSlice(), last.AsSlice(), mmdbtype.Map{
		"autonomous_system_number":       mmdbtype.Uint32(number),
		"autonomous_system_organization": mmdbtype.String(fields[3]),
	})
}
