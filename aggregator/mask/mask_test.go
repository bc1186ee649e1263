package mask

import (
	"strings"
	"testing"
)

var key = []byte("0123456789abcdef")

func newMasker(t testing.TB, rules ...Rule) *Masker {
	t.Helper()
	m, err := New(Config{Rules: rules}, key)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// plain puts [] where a token stands.
func plain(s string) string {
	for {
		before, after, ok := strings.Cut(s, tokenHead)
		if !ok {
			return s
		}
		s = before + "[]" + after[tokenSize-len(tokenHead):]
	}
}

func TestDefaults(t *testing.T) {
	m := newMasker(t)
	f := func(program, text, want string) {
		t.Helper()
		got, masked := m.Text(program, text)
		if plain(got) != want || masked != (text != want) {
			t.Errorf("%s\ngot  %s\nwant %s", text, plain(got), want)
		}
		if again, twice := m.Text(program, got); twice || again != got {
			t.Errorf("%s: masked twice: %s", got, again)
		}
	}
	f("slapd", `conn=1 op=2 MOD userPassword+="{SSHA}abc"`, `conn=1 op=2 MOD userPassword+="[]"`)
	f("slapd", `conn=1 op=2 MOD attr+="a" b"`, `conn=1 op=2 MOD attr+="[]"`)
	f("x", `a+="b"`, `a+="b"`)
	f("sudo", `@cee:{"sudo":{"accept":{"runargv":["a=b"],"runenv":["A=b c","TOKEN=x\"y]","EMPTY="],"uuid":"u=1"}}}`,
		`@cee:{"sudo":{"accept":{"runargv":["a=b"],"runenv":["A=[]","TOKEN=[]","EMPTY="],"uuid":"u=1"}}}`)
	f("sudo", `averez : PWD=/tmp ; USER=root ; COMMAND=/bin/mysql --password=hunter2 db`,
		`averez : PWD=/tmp ; USER=root ; COMMAND=/bin/mysql --password=[] db`)
	f("sudo", `averez : USER=root ; COMMAND=/bin/x 'PASSWORD=two words' y`,
		`averez : USER=root ; COMMAND=/bin/x 'PASSWORD=[]' y`)
	f("sudo", `averez : USER=root ; COMMAND=/bin/x --password hunter2 --token 'a b' -v`,
		`averez : USER=root ; COMMAND=/bin/x --password [] --token '[]' -v`)
	f("sudo", `averez : PWD=/tmp ; USER=root ; COMMAND=/usr/bin/passwd averez`,
		`averez : PWD=/tmp ; USER=root ; COMMAND=/usr/bin/passwd averez`)
	f("", `x --pass --verbose`, `x --pass --verbose`)
	f("nginx", `GET /?q=1&api_key=abc&x=y HTTP/1.1`, `GET /?q=1&api_key=[]&x=y HTTP/1.1`)
	f("app", `{"user":"a","password":"b\"c","n":1}`, `{"user":"a","password":"[]","n":1}`)
	f("app", `{"m":"{\"password\":\"b\"}"}`, `{"m":"{\"password\":\"[]\"}"}`)
	f("app", `{"token": "abc", "mytoken":"abc"}`, `{"token": "[]", "mytoken":"abc"}`)
	f("app", `{"password": 12345, "n":1}`, `{"password": "[]", "n":1}`)
	f("app", `{"m":"{\"password\":-1.5e3}"}`, `{"m":"{\"password\":\"[]\"}"}`)
	f("auditd", `type=EXECVE msg=audit(1.2:3): argc=4 a0="mysql" a1="--password" a2="hunter2" a3="x"`,
		`type=EXECVE msg=audit(1.2:3): argc=4 a0="mysql" a1="--password" a2="[]" a3="x"`)
	f("auditd", `a0="mysql" a1="--password" a2=68756E74657232 a3="x"`, `a0="mysql" a1="--password" a2=[] a3="x"`)
	f("auditd", `type=PROCTITLE msg=audit(1.2:3): proctitle=6D7973716C002D2D70617373776F72640068756E746572320078`,
		`type=PROCTITLE msg=audit(1.2:3): proctitle=6D7973716C002D2D70617373776F726400[]0078`)
	f("auditd", `proctitle=6D7973716C002D2D70617373776F72643D68756E74657232`, `proctitle=6D7973716C002D2D70617373776F72643D[]`)
	f("sudo", "a : TTY=pts/0 ; USER=root ; ENV=AWS_KEY=x1 MYSQL_PWD=x2 z=1 ; COMMAND=/usr/bin/id A=b",
		"a : TTY=pts/0 ; USER=root ; ENV=AWS_KEY=[] MYSQL_PWD=[] z=1 ; COMMAND=/usr/bin/id A=b")
	f("sudo", "a : USER=root ; COMMAND=/usr/bin/mysql -u root -pX1 shop", "a : USER=root ; COMMAND=/usr/bin/mysql -u root -p[] shop")
	f("sudo", "a : USER=root ; COMMAND=/usr/bin/curl -s -u a:X1 http://x/", "a : USER=root ; COMMAND=/usr/bin/curl -s -u a:[] http://x/")
	f("sudo", "a : USER=root ; COMMAND=/usr/bin/ldapsearch -x -D cn=a -w X1 -b dc=x",
		"a : USER=root ; COMMAND=/usr/bin/ldapsearch -x -D cn=a -w [] -b dc=x")
	f("sudo", "a : USER=root ; COMMAND=/usr/bin/sshpass -p X1 ssh b", "a : USER=root ; COMMAND=/usr/bin/sshpass -p [] ssh b")
	f("app", "amqp://u:p@ss:S3@h/ x@y", "amqp://u:[]@h/ x@y")
	f("app", "X-Api-Key: abc", "X-Api-Key: []")
	f("nginx", "GET /?token=X&a=b HTTP/1.1", "GET /?token=[]&a=b HTTP/1.1")
	f("app", `curl https://averez:hunter2@example.org/x@y`, `curl https://averez:[]@example.org/x@y`)
	f("app", `see https://example.org:8080/a@b and c:d@e`, `see https://example.org:8080/a@b and c:d@e`)
	f("app", `Authorization: Bearer abc.def`, `Authorization: Bearer []`)
	f("sshd", "Failed password for invalid user we ird from 10.0.0.1 port 22 ssh2",
		"Failed password for invalid user we ird from 10.0.0.1 port 22 ssh2")
	f("app", `{'password': 'hunter2', 'n': 1}`, `{'password': '[]', 'n': 1}`)
	f("", `{"log":"conn=1 op=2 MOD userPassword+=\"{SSHA}abc\"\n","stream":"stderr"}`,
		`{"log":"conn=1 op=2 MOD userPassword+=\"[]\"\n","stream":"stderr"}`)
	f("", `{"log":"x --password \"two words\" password=\"two words\" y\n"}`, `{"log":"x --password \"[]\" password=\"[]\" y\n"}`)
	f("chpasswd", "pam_unix(chpasswd:chauthtok): password changed for averez",
		"pam_unix(chpasswd:chauthtok): password changed for averez")
}

// A line may have been cut, be it by who wrote it or on its way: half a secret is one.
func TestCuts(t *testing.T) {
	m := newMasker(t)
	f := func(program, text, want string) {
		t.Helper()
		if got, _ := m.Text(program, text); plain(got) != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, plain(got), want)
		}
	}
	f("slapd", `conn=1 op=2 MOD userPassword+="{SSHA}hunt`, `conn=1 op=2 MOD userPassword+="[]`)
	f("sudo", `@cee:{"sudo":{"accept":{"runenv":["A=b c","TOKEN=hunt`, `@cee:{"sudo":{"accept":{"runenv":["A=[]","TOKEN=[]`)
	f("sudo", `averez : USER=root ; COMMAND=/bin/x 'PASSWORD=two wo`, `averez : USER=root ; COMMAND=/bin/x 'PASSWORD=[]`)
	f("sudo", `averez : USER=root ; COMMAND=/bin/x --password=hunt [...]`, `averez : USER=root ; COMMAND=/bin/x --password=[] [...]`)
	f("sudo", `averez : USER=root ; COMMAND=/bin/x 'PASSWORD=two wo [...]`, `averez : USER=root ; COMMAND=/bin/x 'PASSWORD=[] [...]`)
	f("", `x password="two wo`, `x password="[]`)
	f("", `x --password 'two wo`, `x --password '[]`)
	f("", `{"password":"hunt`, `{"password":"[]`)
	f("", `{"m":"{\"password\":\"hunt`, `{"m":"{\"password\":\"[]`)
}

// What goes on where another text ended.
func TestRest(t *testing.T) {
	m := newMasker(t)
	f := func(before, rest, want string) {
		t.Helper()
		before, _ = m.Text("sudo", before)
		got, _ := m.Rest("sudo", before, rest)
		if plain(got) != want {
			t.Errorf("%s|%s: %s, want %s", plain(before), rest, plain(got), want)
		}
		if again, twice := m.Rest("sudo", before, got); twice {
			t.Errorf("%s: masked twice: %s", got, again)
		}
	}
	f("COMMAND=/bin/x --password ", "hunter2 -u root", "[] -u root")
	f("COMMAND=/bin/x --password=hun", "ter2 -u root", "[] -u root")
	f("COMMAND=/bin/x --password=hun", "ter2", "[]")
	f("COMMAND=/bin/x --password 'two ", "wo rds' -u root", "[]' -u root")
	f("COMMAND=/bin/x --password=hunter2 ", "-u root --token=x", "-u root --token=[]")
	f("COMMAND=/bin/x ", "y z", "y z")
}

// Whoever chooses a part of a line hides nothing that stands behind it.
func TestKeep(t *testing.T) {
	m := newMasker(t)
	f := func(program, text, want string) {
		t.Helper()
		got, _ := m.Text(program, text)
		if plain(got) != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, plain(got), want)
		}
		if again, twice := m.Text(program, got); twice {
			t.Errorf("%s: masked twice: %s", got, again)
		}
	}
	same := func(program, text string) { t.Helper(); f(program, text, text) }
	same("sshd", "Failed password for invalid user --password from 10.0.0.1 port 22 ssh2")
	same("sshd", "Failed password for invalid user authorization: basic from vm.example.org port 22 ssh2")
	same("sshd", "Connection closed by invalid user --password 2001:db8::7 port 22 [preauth]")
	same("dovecot", "pam_unix(dovecot:auth): authentication failure; tty=dovecot ruser=--pass rhost=10.0.0.1  user=root")
	same("named", "client @0x7f 10.0.0.1#53 (--pass): query: --pass IN A + (10.0.0.2)")
	same("slapd", `conn=1 op=1 SRCH base="cn=password=" scope=2 deref=0 filter="(uid=x)"`)
	same("", `1.2.3.4 - - [23/Nov/2026:17:54:31 +0100] "GET /--pass HTTP/1.1" 200 12 "http://x/?password=" "curl"`)
	same("", `1.2.3.4 - - [23/Nov/2026:17:54:31 +0100] "GET /?password=" 200 12 "-" "curl"`)
	same("app", `msg="no password=" level=error user="x"`)
	f("", `1.2.3.4 - - [23/Nov/2026:17:54:31 +0100] "GET /?password='x HTTP/1.1" 200 12 "-" "it's"`,
		`1.2.3.4 - - [23/Nov/2026:17:54:31 +0100] "GET /?password='[] HTTP/1.1" 200 12 "-" "it's"`)
	f("sudo", `averez : TTY=pts/0 ; PWD=/tmp/password='x ; USER=root ; COMMAND=/bin/sh -c ' rm`,
		`averez : TTY=pts/0 ; PWD=/tmp/password='[] ; USER=root ; COMMAND=/bin/sh -c ' rm`)
	f("sshd", `Failed password for invalid user password="x from 10.0.0.1 port 22 ssh2`,
		`Failed password for invalid user password="[] from 10.0.0.1 port 22 ssh2`)
	f("", `5" disks password="two words"`, `5" disks password="[]"`)

	own, err := New(Config{Keep: []string{` at \d+$`}}, key)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := own.Text("", "login password='x at 7"); plain(got) != "login password='[] at 7" {
		t.Errorf("the operator's own: %s", got)
	}
}

func TestTokens(t *testing.T) {
	m := newMasker(t)
	token := func(text string) string {
		got, _ := m.Text("", text)
		return got[strings.Index(got, tokenHead):]
	}
	if a, b, c := token("password=x"), token("secret=x"), token("password=y"); a != b || a == c {
		t.Errorf("tokens of x, x, y: %s %s %s", a, b, c)
	}
	other, err := New(Config{}, []byte("fedcba9876543210"))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := other.Text("", "password=x"); strings.Contains(got, token("password=x")) {
		t.Error("another key gives the same token")
	}
}

func TestValue(t *testing.T) {
	m := newMasker(t)
	f := func(name, value, want string) {
		t.Helper()
		got, _ := m.Value(name, value)
		if plain(got) != want {
			t.Errorf("%s: %s, want %s", name, plain(got), want)
		}
		if again, twice := m.Value(name, got); twice {
			t.Errorf("%s: masked twice: %s", name, again)
		}
	}
	f("details.password", "hunter2", "[]")
	f("labels.api_key", "a b", "[]")
	f("message", "password=hunter2 x", "password=[] x")
	f("user.name", "password", "password")
}

// An operator edits what is masked.
func TestRules(t *testing.T) {
	m := newMasker(t, Rule{Name: "assignments", Off: true},
		Rule{Name: "cards", Programs: []string{"shop"}, Words: []string{"Card "}, Patterns: []string{`card (\d+)-(\d+)`}})
	f := func(program, text, want string) {
		t.Helper()
		if got, _ := m.Text(program, text); plain(got) != want {
			t.Errorf("%s: %s, want %s", text, plain(got), want)
		}
	}
	f("x", "password=a", "password=a")
	f("shop", "card 12-34 ok", "card []-[] ok")
	f("x", "card 12-34 ok", "card 12-34 ok")
	f("", "card 12-34 ok", "card []-[] ok")
}

func TestFaults(t *testing.T) {
	f := func(r Rule, want string) {
		t.Helper()
		_, err := New(Config{Rules: []Rule{r}}, key)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", r, err, want)
		}
	}
	f(Rule{}, "name: a rule must have one")
	f(Rule{Name: "x", Patterns: []string{"a"}}, "mask.rules: x: words: at least one is needed")
	f(Rule{Name: "x", Words: []string{"ab"}, Patterns: []string{"a"}}, "words[0]")
	f(Rule{Name: "x", Words: []string{"abc"}}, "patterns: at least one")
	f(Rule{Name: "x", Words: []string{"abc"}, Patterns: []string{"("}}, "patterns[0]: error parsing regexp")
	f(Rule{Name: "x", Words: []string{"abcd"}, Patterns: []string{"(?:" + strings.Repeat("a", 100) + "){1000}"}}, "patterns[0]: it takes")
	if _, err := New(Config{Keep: []string{"("}}, key); err == nil || !strings.Contains(err.Error(), "mask.keep: error parsing") {
		t.Errorf("a fault of what is kept: %v", err)
	}
	if _, err := New(Config{}, key[:8]); err == nil {
		t.Error("a short key is taken")
	}
}

// The words are found wherever they stand, in either case.
func FuzzWords(f *testing.F) {
	f.Add("xx password=y", "passwd")
	f.Add("://", "://")
	f.Fuzz(func(t *testing.T, text, word string) {
		m := newMasker(t)
		got := m.words.in(text)
		want := false
		for _, w := range m.words.all {
			want = want || containsFold(text, w)
		}
		if got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
		if len(word) < shortestWord {
			return
		}
		r := Rule{Name: "x", Words: []string{word}, Patterns: []string{"a"}}.compile()
		if w := newWords([]rule{r}); w.in(text) != containsFold(text, r.words[0]) {
			t.Errorf("%q in %q: %v", word, text, w.in(text))
		}
	})
}

func BenchmarkText(b *testing.B) {
	m := newMasker(b)
	f := func(name, text string) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				m.Text("sudo", text)
			}
		})
	}
	f("none", "averez : TTY=pts/0 ; PWD=/home/averez ; USER=root ; COMMAND=/usr/bin/systemctl restart nginx.service --now")
	f("word", "averez : TTY=pts/0 ; PWD=/home/averez ; USER=root ; COMMAND=/usr/bin/passwd averez with-no-secret at-all now")
	f("secret", "averez : TTY=pts/0 ; PWD=/home/averez ; USER=root ; COMMAND=/usr/bin/mysql --password=hunter2 -u root shop")
}
