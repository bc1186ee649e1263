package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/aggregator/config"
	"belfry/aggregator/dead"
	"belfry/aggregator/enrich"
)

// withState lets a rig's aggregator go on with another state, as on another machine.
func (r *rig) withState(dir string) {
	r.t.Helper()
	text, err := os.ReadFile(r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	lines[0] = "state: " + dir
	if err := os.WriteFile(r.path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// searched returns all events, as the command line prints them.
func (r *rig) searched() string {
	r.t.Helper()
	out, code := r.cli("search", "--format=json", "--limit=0", "--oldest", "NOT", "event.dataset:belfry.search")
	if code != 0 {
		r.t.Fatalf("search ends with %d", code)
	}
	return out
}

func TestBackup(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	h := r.newHost("h")
	lines := h.seal("Nov 23 10:00:00 h sshd[1]: Failed password for root from 10.0.0.1 port 2 ssh2", "two", "three")
	if err := r.send(lines); err != nil {
		t.Fatal(err)
	}
	bad := r.newHost("bad")
	bad.builder.Add(bad.place, 0, 10, []byte(`{"message":"nobody can read it","log.offset":3}`))
	if err := r.send(bad.sealed()); err != nil {
		t.Fatal(err)
	}
	r.until("the letter is told of", func() bool { return r.found("event.dataset:belfry.dead") == 1 })
	want, letters := r.searched(), r.lists()
	if len(letters) == 0 {
		t.Fatal("there is no dead letter to back up")
	}
	check := func(what, file string) {
		t.Helper()
		r.withState(filepath.Join(t.TempDir(), "state"))
		r.wantCLI(0, "restore: ", "restore", file)
		r.run()
		if got := r.searched(); got != want {
			t.Errorf("%s: events are\n%s\nwant\n%s", what, got, want)
		}
		if got := r.lists(); len(got) != len(letters) {
			t.Errorf("%s: %d dead letters, want %d", what, len(got), len(letters))
		}
		if err := r.send(lines); err != nil { // again
			t.Error(err)
		}
		if got := r.searched(); got != want {
			t.Errorf("%s: what the agent sends again is no repeat", what)
		}
		if n := r.agg.outbox.Pending(); n != 0 {
			t.Errorf("%s: %d alerts are told once more", what, n)
		}
	}
	running, resting := filepath.Join(dir, "running.tar"), filepath.Join(dir, "resting.tar")
	r.wantCLI(0, "backup: ", "backup", running)
	r.wantCLI(2, "", "backup", running) // it is there
	r.stop()
	r.wantCLI(0, "backup: ", "backup", resting)
	r.wantCLI(2, "", "restore", running) // the state is no empty folder
	check("of a running aggregator", running)
	r.stop()
	check("of a resting one", resting)
	r.stop()

	whole, err := os.ReadFile(running)
	if err != nil {
		t.Fatal(err)
	}
	broken := func(what, wantErr string, text []byte) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "b.tar")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := verifyBackup(file); err == nil || !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%s: %v, want %q", what, err, wantErr)
		}
	}
	at := bytes.Index(whole, []byte(`"format": 1`))
	flipped := bytes.Clone(whole)
	flipped[at+len(`"format": `)] = '2'
	broken("a flipped byte", "its format is 2", flipped)
	at = bytes.Index(whole, []byte("agent-h"))
	flipped = bytes.Clone(whole)
	flipped[at] ^= 1
	broken("a flipped byte of the state", "is damaged", flipped)
	broken("a cut tail", "", whole[:len(whole)/2])
	broken("no sums", "is not whole", whole[:bytes.LastIndex(whole, []byte(sumsName))])
}

// That a server elsewhere cannot be asked says nothing of the aggregator on this machine: its state is not taken as it lies.
func TestBackupFromElsewhere(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	r.stop()
	for _, args := range [][]string{
		{"--server=https://" + freeAddr(t), "--token-file=" + filepath.Join(dir, "no-token")},
		{"--server=https://" + freeAddr(t)},
	} {
		if len(args) == 1 {
			t.Setenv(tokenVariable, "secret")
		}
		r.wantCLI(exitFailure, "", append(args, "backup", filepath.Join(dir, "b.tar"))...)
	}
}

// A backup has more dead letters than a folder takes, where a broker had them: they come back all the same.
func TestRestoreOfManyLetters(t *testing.T) {
	r := &restorer{cfg: &config.Config{State: t.TempDir()}}
	one := func(n int) *dead.Letter {
		l := dead.New(dead.Message{MessageID: fmt.Sprint(n)}, "agent-h", dead.Undecodable, errExhausted)
		return &l
	}
	// What fills the folder needs no disk: it is a hole.
	full := filepath.Join(r.cfg.Dir(deadDir), one(0).ID.String()+".letter")
	if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, nil, 0o600), os.Truncate(full, dead.DefaultLimit)); err != nil {
		t.Fatal(err)
	}
	text, err := one(1).Marshal()
	if err == nil {
		err = r.letter(t.Context(), bytes.NewReader(text))
	}
	if err != nil {
		t.Error(err)
	}
}

// What was in the folder before there was a broker is in a backup, too, while it is on its way there, and once.
func TestBackupOfLettersOnTheirWay(t *testing.T) {
	store := func(numbers ...int) *dead.Folder {
		t.Helper()
		f, err := dead.OpenFolder(t.TempDir(), 0)
		for _, n := range numbers {
			l := dead.New(dead.Message{MessageID: fmt.Sprint(n)}, "agent-h", dead.Undecodable, errExhausted)
			err = errors.Join(err, f.Bury(t.Context(), &l))
		}
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	a := &Aggregator{folder: store(1, 2), dead: &deadLetters{store: store(2, 3)}}
	w := newBackupWriter(io.Discard, time.Now())
	for _, s := range a.letterStores() {
		if err := w.letters(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.sums.Entries); n != 3 {
		t.Errorf("%d letters, want 3", n)
	}
}

// What operators write is in a backup, wherever it lies.
func TestBackupOfTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("x"), 0o644)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	main, rules := file("aggregator.yaml"), filepath.Join(dir, "rules.d")
	file("own/a/1.yml")
	if err := errors.Join(os.Symlink("../elsewhere.yml", filepath.Join(dir, "own", "2.yml")), os.Symlink("own", rules)); err != nil {
		t.Fatal(err)
	}
	file("elsewhere.yml")
	cfg := new(config.Config)
	cfg.Alert.Rules = []string{rules, filepath.Join(dir, "nowhere")}
	cfg.Parse.Parsers = []string{filepath.Dir(file("parsers.d/p.yml")) + "/*.yml"}
	cfg.Enrich.Hosts, cfg.Enrich.Users = []string{file("hosts.csv"), filepath.Join(dir, "no.csv")}, []string{file("users.yaml")}
	cfg.Enrich.Threats = []enrich.Threat{{Path: file("bad.txt")}}
	w := newBackupWriter(io.Discard, time.Now())
	if err := w.config(main, cfg); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range []string{"aggregator.yaml", "bad.txt", "hosts.csv", "parsers.d/p.yml", "rules.d/2.yml", "rules.d/a/1.yml", "users.yaml"} {
		want = append(want, configDir+filepath.Join(dir, name))
	}
	if got := slices.Sorted(maps.Keys(w.sums.Entries)); !slices.Equal(got, want) {
		t.Errorf("%q are in it, want %q", got, want)
	}
}

func TestReindexWithinOneEngine(t *testing.T) {
	r := start(t, t.TempDir())
	r.wantCLI(2, "", "reindex", "--from=embedded", "--to=embedded")
	r.stop()
	r.wantCLI(2, "", "reindex", "--from=embedded", "--to=elastic") // no servers are configured
}

// The configuration is put back where it is looked for, whatever it was called; of a backup that does not say which of its
// files that is, the error does.
func TestRestoreOfTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(name), 0o644)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	main, rule := file("old/main.yaml"), file("old/rules.d/1.yml")
	cfg := new(config.Config)
	cfg.Alert.Rules = []string{filepath.Dir(rule)}
	backup := func(name string, begin func(w *backupWriter) error) string {
		t.Helper()
		var text bytes.Buffer
		w := newBackupWriter(&text, time.Now())
		path := filepath.Join(dir, name)
		if err := errors.Join(begin(w), w.end(), os.WriteFile(path, text.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	said := backup("said.tar", func(w *backupWriter) error { return w.head(backupHead{Format: backupFormat}, main, cfg) })
	silent := backup("silent.tar", func(w *backupWriter) error {
		return errors.Join(w.json(headName, backupHead{Format: backupFormat}), w.config(main, cfg))
	})
	if err := os.RemoveAll(filepath.Dir(main)); err != nil {
		t.Fatal(err)
	}
	restore := func(from, where string) error {
		head, _, err := verifyBackup(from)
		if err != nil {
			t.Fatal(err)
		}
		put, err := restoreConfig(from, head.Config, where)
		if err == nil && !slices.Equal(put, slices.Sorted(slices.Values([]string{where, rule}))) {
			t.Errorf("%q were put back", put)
		}
		return err
	}
	other := filepath.Join(dir, "new", "other.yaml")
	if err := restore(silent, other); err == nil || !strings.Contains(err.Error(), "none is named other.yaml") || !strings.Contains(err.Error(), main) {
		t.Errorf("%v", err)
	}
	if err := restore(silent, filepath.Join(dir, "new", "main.yaml")); err != nil {
		t.Error(err)
	}
	if err := restore(said, other); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(other); err != nil || string(text) != "old/main.yaml" {
		t.Errorf("%q, %v", text, err)
	}
}
