package cmdline

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"belfry/shared/e2e/stack"
)

// bold is a letter that a terminal prints twice.
var bold = regexp.MustCompile("(.)\b.")

type sample struct {
	Config string `help:"Configuration file." default:"/etc/x y.yaml" type:"path" short:"c"`
	Token  string `help:"It's a token: secret." env:"SAMPLE_TOKEN"`
	Debug  bool   `help:"Log more."`
	Secret bool   `help:"Nobody sees it." hidden:""`

	Search struct {
		Query  []string `arg:"" optional:"" help:"What to look for."`
		Format string   `help:"How to print." enum:"table,json,csv" default:"table"`
		Follow bool     `help:"Go on." short:"f"`
	} `cmd:"" help:"Search all. Not only some. A \\d+ 'quoted' [one]."`
	Hosts struct {
		List struct {
			JSON bool `name:"json" help:"Print JSON."`
		} `cmd:"" default:"withargs" help:".List hosts."`
		Forget struct {
			Name string `arg:"" help:"Whom."`
		} `cmd:"" help:"Forget a host: for good."`
	} `cmd:"" help:"Who ships."`
	Restore struct {
		File string `arg:"" type:"existingfile" help:"The backup."`
	} `cmd:"" help:"Put it back."`
	Completion Completion `cmd:"" help:"Complete."`
	Man        Man        `cmd:"" hidden:"" help:"Print the page."`
}

// output is what a command of the sample prints.
func output(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	k, err := kong.New(new(sample), kong.Name("sam-ple"), kong.Description("Does nothing at all."), kong.Writers(&out, &out),
		kong.Bind(&Manual{
			Version: "sample 1", Section: 1, Description: []string{"One.", ".Two."}, Files: []Item{{"/etc/x", "A file."}},
			Exit: []Item{{"0", "Well."}}, Examples: []Item{{`sample '\d-"x"'`, "An example."}}, SeeAlso: []string{"man(1)"},
		}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := k.Parse(args)
	if err == nil {
		err = ctx.Run()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// saved writes what the sample prints into a file.
func saved(t *testing.T, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(output(t, args...)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run is what a program prints, without a word about it being wrong.
func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	var errs bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Errorf("%s %q: %v\n%s%s", program, args, err, out, errs.Bytes())
	}
	return string(out)
}

// folder has two files, one of a name with a space.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"backup.tar", "backup two.tar"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// offers is what is to be offered for each line; a real shell says what is.
var offers = []struct {
	line string
	want []string
}{
	{"sam-ple ", []string{"completion", "hosts", "restore", "search"}},
	{"sam-ple se", []string{"search"}},
	{"sam-ple hosts ", []string{"forget", "list"}},
	{"sam-ple --debug hosts fo", []string{"forget"}},
	{"sam-ple -c hosts se", []string{"search"}}, // what follows -c is no command
	{"sam-ple search --format ", []string{"csv", "json", "table"}},
	{"sam-ple search --format c", []string{"csv"}},
	{"sam-ple search word --fo", []string{"--follow", "--format"}},
	{"sam-ple hosts --j", []string{"--json"}},
	{"sam-ple hosts list --co", []string{"--config"}},
	{"sam-ple hosts forget --j", nil}, // of another command
	{"sam-ple restore ba", []string{"backup two.tar", "backup.tar"}},
	{"sam-ple --config ba", []string{"backup two.tar", "backup.tar"}},
	{"sam-ple completion ", []string{"bash", "fish", "zsh"}},
	{"sam-ple --token ", nil},
}

func TestBash(t *testing.T) {
	stack.Need(t, "bash")
	script, dir := saved(t, "sample.bash", "completion", "bash"), folder(t)
	f := func(line string, want ...string) {
		t.Helper()
		// bash makes of a line the words that readline would, "=" being one.
		out := run(t, dir, "bash", "--norc", "-c", `
			source "$1"; read -ra COMP_WORDS <<<"${2//=/ = }"; [[ $2 == *' ' ]] && COMP_WORDS+=('')
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _sam_ple; printf '%s\n' "${COMPREPLY[@]}"`, "bash", script, line)
		expect(t, line, out, want)
	}
	for _, o := range offers {
		f(o.line, o.want...)
	}
	f("sam-ple search --format=c", "csv")
	f("sam-ple search --format=", "csv", "json", "table")
	f("sam-ple --config=hosts se", "search")
}

func TestFish(t *testing.T) {
	stack.Need(t, "fish")
	script, dir := saved(t, "sample.fish", "completion", "fish"), folder(t)
	for _, o := range offers {
		out := run(t, dir, "fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", script, o.line)
		var words []string
		for _, l := range strings.Split(out, "\n") {
			word, _, _ := strings.Cut(l, "\t") // its description follows
			words = append(words, strings.ReplaceAll(word, `\ `, " "))
		}
		expect(t, o.line, strings.Join(words, "\n"), o.want)
	}
}

// A script for zsh is read by it, and known to be of the program.
func TestZsh(t *testing.T) {
	stack.Need(t, "zsh")
	script := saved(t, "_sam-ple", "completion", "zsh")
	run(t, "", "zsh", "-n", script)
	out := run(t, "", "zsh", "-f", "-c", `autoload -U compinit; compinit -D -u; source "$1"; print ${_comps[sam-ple]}`, "zsh", script)
	if out != "_sam_ple\n" {
		t.Errorf("the function for sam-ple is %q", out)
	}
}

func expect(t *testing.T, line, out string, want []string) {
	t.Helper()
	var got []string
	for _, word := range strings.Split(out, "\n") {
		if word != "" {
			got = append(got, word)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%q: offered %q, want %q", line, got, want)
	}
}

func TestMan(t *testing.T) {
	stack.Need(t, "mandoc")
	page := saved(t, "sample.1", "man", "--date", "2026-11-23")
	if lint := run(t, "", "mandoc", "-Tlint", "-Wstyle", page); lint != "" {
		t.Errorf("mandoc: %s", lint)
	}
	text := bold.ReplaceAllString(run(t, "", "mandoc", "-Tutf8", "-O", "width=200", page), "$1")
	for _, want := range []string{
		"sam-ple - does nothing at all\n", "search [QUERY...]\n", "Search all. Not only some. A \\d+ 'quoted' [one].\n",
		"--format=WORD", "How to print. One of table, json, csv. Default: table.\n", "-c, --config=FILE", "hosts forget NAME\n",
		"restore FILE\n", "SAMPLE_TOKEN", "As --token, which goes before it.\n", ".List hosts.\n", ".Two.\n", `sample '\d-"x"'`,
		"/etc/x", "EXIT STATUS\n", "SEE ALSO\n", "2026-11-23",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, hidden := range []string{"--secret", "Print the page"} {
		if strings.Contains(text, hidden) {
			t.Errorf("%q is in the page", hidden)
		}
	}
}

func TestExample(t *testing.T) {
	stack.Need(t, "mandoc")
	path := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(path, []byte("# What it is.\n# It's more.\n#\n# Two.\n\n# == Inputs\n# Of files.\ninputs:\n  # Each one.\n"+
		"  files:\n#  - {paths: ['.x']}\n\n#state: /var/lib   # default\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	page := saved(t, "sample.5", "man", "--date", "2026-11-23", "--yaml", path)
	if lint := run(t, "", "mandoc", "-Tlint", "-Wstyle", page); lint != "" {
		t.Errorf("mandoc: %s", lint)
	}
	text := bold.ReplaceAllString(run(t, "", "mandoc", "-Tutf8", page), "$1")
	for _, want := range []string{"What it is. It's more.\n\n", "Two.\n", "INPUTS\n", "inputs:\n", "Each one.\n", "#  - {paths: ['.x']}\n", "#state: /var/lib   # default\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
