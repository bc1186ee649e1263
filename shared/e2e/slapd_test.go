package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"belfry/shared/e2e/stack"
)

// directoryServer is slapd with five people, on loopback.
type directoryServer struct {
	t               *testing.T
	dir, tcp, local string // its folder, and the URLs of its sockets
	log             *os.File
	process         *exec.Cmd
}

// slapdConf needs the folder.
const slapdConf = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile %[1]s/pid
sasl-host localhost
authz-regexp "uid=([^,]*),cn=[^,]*,cn=auth" "uid=$1,dc=example,dc=com"
database mdb
suffix dc=example,dc=com
directory %[1]s/db
access to attrs=userPassword by anonymous auth by * none
access to * by * read
`

func newDirectoryServer(t *testing.T) *directoryServer {
	t.Helper()
	stack.Need(t, "slapd", "slapadd", "ldapwhoami")
	dir, err := os.MkdirTemp(scratch, "slapd")
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(dir, "db"), 0o700))
	must(os.WriteFile(filepath.Join(dir, "conf"), fmt.Appendf(nil, slapdConf, dir), 0o600))
	var people strings.Builder
	people.WriteString("dn: dc=example,dc=com\nobjectClass: domain\ndc: example\n\n")
	for n := range 5 {
		fmt.Fprintf(&people, "dn: uid=u%[1]d,dc=example,dc=com\nobjectClass: inetOrgPerson\nuid: u%[1]d\ncn: u%[1]d\nsn: u%[1]d\n"+
			"userPassword: secret%[1]d\n\n", n)
	}
	add := exec.CommandContext(t.Context(), stack.Find("slapadd"), "-q", "-f", filepath.Join(dir, "conf"))
	add.Stdin = strings.NewReader(people.String())
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v: %s", err, out)
	}
	// A copy is bound to no rule that a distribution has for what lies in its own folders.
	must(copyProgram(stack.Find("slapd"), filepath.Join(dir, "slapd")))
	log, err := os.Create(filepath.Join(dir, "log"))
	must(err)
	t.Cleanup(func() { log.Close() })
	addr, err := stack.FreeAddr()
	must(err)
	local := "ldapi://" + url.QueryEscape(filepath.Join(dir, "ldapi"))
	return &directoryServer{t: t, dir: dir, log: log, tcp: "ldap://" + addr, local: local}
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// start runs the server until stop.
func (d *directoryServer) start() {
	d.t.Helper()
	d.process = exec.Command(filepath.Join(d.dir, "slapd"), "-h", d.tcp+" "+d.local, "-f", filepath.Join(d.dir, "conf"), "-d", "stats")
	d.process.Stderr = d.log
	if err := d.process.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(d.kill)
	for end := time.Now().Add(patience()); d.whoami("-x", "-H", d.tcp, "-D", "x", "-w", "y") != 34; time.Sleep(every) {
		if time.Now().After(end) {
			d.t.Fatal("slapd does not answer")
		}
	}
}

// settle waits until the log has the end of every connection: it may come behind that of the client.
func (d *directoryServer) settle() {
	d.t.Helper()
	for end := time.Now().Add(patience()); ; time.Sleep(every) {
		log, err := os.ReadFile(d.log.Name())
		if err != nil {
			d.t.Fatal(err)
		}
		begun, ended := bytes.Count(log, []byte(" ACCEPT from ")), bytes.Count(log, []byte(" closed"))
		if begun == ended {
			return
		}
		if time.Now().After(end) {
			d.t.Fatalf("%d connections, %d have ended", begun, ended)
		}
	}
}

// kill ends the server with SIGKILL, if it runs.
func (d *directoryServer) kill() {
	if d.process != nil {
		d.process.Process.Kill()
		d.process.Wait()
		d.process = nil
	}
}

// whoami runs a client and returns its exit code.
func (d *directoryServer) whoami(args ...string) int {
	ctx, cancel := context.WithTimeout(d.t.Context(), patience())
	defer cancel()
	err := exec.CommandContext(ctx, stack.Find("ldapwhoami"), args...).Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// clients runs many at once, of every kind, and counts what they saw: by "anonymous", "success" and "failure".
func (d *directoryServer) clients(many int, saw map[string]int) {
	var all sync.WaitGroup
	var mu sync.Mutex
	slots := make(chan struct{}, 8)
	digest, _ := filepath.Glob("/usr/lib/*/sasl2/libdigestmd5.so")
	for n := range many {
		user := fmt.Sprintf("uid=u%d,dc=example,dc=com", n%5)
		simple := []string{"-x", "-H", d.tcp, "-D", user, "-w"}
		kind, args := "success", append(simple, fmt.Sprintf("secret%d", n%5))
		switch {
		case n%7 == 1:
			kind, args = "failure", append(simple, "wrong")
		case n%7 == 2:
			kind, args = "anonymous", []string{"-x", "-H", d.tcp}
		case n%7 == 3:
			args = []string{"-Q", "-Y", "EXTERNAL", "-H", d.local}
		case n%7 == 4:
			kind, args = "failure", append(simple, "")
		case n%7 == 5 && digest != nil:
			args = []string{"-Q", "-Y", "DIGEST-MD5", "-H", d.tcp, "-U", fmt.Sprintf("u%d", n%5), "-w", fmt.Sprintf("secret%d", n%5)}
		case n%7 == 6 && digest != nil:
			kind, args = "failure", []string{"-Q", "-Y", "DIGEST-MD5", "-H", d.tcp, "-U", fmt.Sprintf("u%d", n%5), "-w", "wrong"}
		}
		slots <- struct{}{}
		all.Go(func() {
			code := d.whoami(args...)
			<-slots
			if failed := code == 49 || code == 53; code != 0 && !failed || failed != (kind == "failure") {
				d.t.Errorf("%q ended with %d", args, code)
			}
			mu.Lock()
			saw[kind]++
			mu.Unlock()
		})
	}
	all.Wait()
}

// The binds of a real server, counted by the events of its log, are as many as its clients saw by their exit codes,
// through a kill after which the numbers of connections begin again.
func TestDirectoryBinds(t *testing.T) {
	d := newDirectoryServer(t)
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{}
	for range 2 {
		d.start()
		want["failure"]++ // the client by which it was seen that the server answers
		d.clients(100, want)
		d.settle()
		d.kill()
	}
	log, err := os.ReadFile(filepath.Join(d.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	parse := exec.CommandContext(t.Context(), filepath.Join(bin.Dir, "belfry"), "parse", "--host", "ldap1")
	parse.Stdin = bytes.NewReader(log)
	out, err := parse.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for line := range bytes.Lines(out) {
		var e struct {
			Event struct{ Action, Outcome string }
			LDAP  struct{ Anonymous bool }
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Event.Action == "ldap-incomplete":
			t.Errorf("a result is missing: %s", line)
		case e.Event.Action != "ldap-bind":
		case e.LDAP.Anonymous && e.Event.Outcome == "success":
			got["anonymous"]++
		default:
			got[e.Event.Outcome]++
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the log tells of %v, the clients of %v", got, want)
	}
}
