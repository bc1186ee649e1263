// Legal tells of which modules a Go program is made: as an SBOM, or with the text of their licences.
//
//	legal sbom PROGRAM NAME VERSION     CycloneDX 1.6, as JSON
//	legal licences PROGRAM              the licences and notices of all modules, as text
package main

import (
	"bufio"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "legal:", err)
		os.Exit(2)
	}
}

func run(args []string, out io.Writer) error {
	switch {
	case len(args) == 4 && args[0] == "sbom":
		info, err := buildinfo.ReadFile(args[1])
		if err != nil {
			return err
		}
		return writeSBOM(out, info, args[2], args[3])
	case len(args) == 2 && args[0] == "licences":
		info, err := buildinfo.ReadFile(args[1])
		if err != nil {
			return err
		}
		return writeLicences(out, modules(info))
	}
	return errors.New("usage: legal sbom PROGRAM NAME VERSION, or legal licences PROGRAM")
}

// modules returns what a program was linked with, after replacements.
func modules(info *debug.BuildInfo) []*debug.Module {
	var all []*debug.Module
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		all = append(all, m)
	}
	return all
}

// purl names a module of Go as a package URL.
func purl(path, version string) string { return "pkg:golang/" + path + "@" + version }

// writeSBOM writes a CycloneDX bill of materials. It has neither a time nor a serial number: of the same program it is
// the same.
func writeSBOM(out io.Writer, info *debug.BuildInfo, name, version string) error {
	bom := cyclonedx.NewBOM()
	setting := func(key string) string {
		for _, s := range info.Settings {
			if s.Key == key {
				return s.Value
			}
		}
		return ""
	}
	properties := []cyclonedx.Property{
		{Name: "cdx:gomod:build:env:GOOS", Value: setting("GOOS")},
		{Name: "cdx:gomod:build:env:GOARCH", Value: setting("GOARCH")},
		{Name: "cdx:gomod:build:env:CGO_ENABLED", Value: setting("CGO_ENABLED")},
	}
	main := cyclonedx.Component{
		BOMRef: name, Type: cyclonedx.ComponentTypeApplication, Name: name, Version: version, Properties: &properties,
		Licenses: &cyclonedx.Licenses{{License: &cyclonedx.License{ID: "Apache-2.0"}}},
	}
	bom.Metadata = &cyclonedx.Metadata{Component: &main}
	components := []cyclonedx.Component{{
		BOMRef: purl("std", info.GoVersion), Type: cyclonedx.ComponentTypeLibrary, Name: "std", Version: info.GoVersion,
		PackageURL: purl("std", strings.TrimPrefix(info.GoVersion, "go")),
	}}
	refs := []string{components[0].BOMRef}
	for _, m := range modules(info) {
		c := cyclonedx.Component{
			BOMRef: purl(m.Path, m.Version), Type: cyclonedx.ComponentTypeLibrary, Name: m.Path, Version: m.Version,
			PackageURL: purl(m.Path, m.Version), Properties: &[]cyclonedx.Property{{Name: "cdx:gomod:sum", Value: m.Sum}},
		}
		components, refs = append(components, c), append(refs, c.BOMRef)
	}
	bom.Components = &components
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: name, Dependencies: &refs}}
	return cyclonedx.NewBOMEncoder(out, cyclonedx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cyclonedx.SpecVersion1_6)
}

// licence is a file that a module's copies must carry.
var licence = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice|patents)([-._].*)?$`)

// writeLicences writes the licences of modules and of Go itself. A module without any is an error: nobody may ship it.
func writeLicences(out io.Writer, all []*debug.Module) error {
	w := bufio.NewWriter(out)
	root, err := goEnv("GOROOT")
	if err != nil {
		return err
	}
	if err := writeFolder(w, "Go", root); err != nil {
		return err
	}
	for _, m := range all {
		dir, err := folder(m)
		if err != nil {
			return err
		}
		if err := writeFolder(w, m.Path+" "+m.Version, dir); err != nil {
			return err
		}
	}
	return w.Flush()
}

func writeFolder(w *bufio.Writer, title, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.IsDir() || !licence.MatchString(e.Name()) })
	if len(entries) == 0 {
		return fmt.Errorf("%s: no licence in %s", title, dir)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		line := strings.Repeat("=", 78)
		fmt.Fprintf(w, "%s\n%s: %s\n%s\n\n%s\n\n", line, title, e.Name(), line, strings.TrimSpace(string(text)))
	}
	return nil
}

// folder returns where the sources of a module lie; they are fetched if need be.
func folder(m *debug.Module) (string, error) {
	text, err := exec.Command("go", "mod", "download", "-json", m.Path+"@"+m.Version).Output() //nolint:noctx // it ends with this program
	if err != nil {
		return "", fmt.Errorf("find the sources of %s: %w", m.Path, err)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(text, &found); err != nil {
		return "", fmt.Errorf("find the sources of %s: %w", m.Path, err)
	}
	return found.Dir, nil
}

func goEnv(name string) (string, error) {
	text, err := exec.Command("go", "env", name).Output() //nolint:noctx // it ends with this program
	return strings.TrimSpace(string(text)), err
}
