package logrotate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tree writes files, given as "PATH" and "TEXT" by turns, below a new root.
func tree(t *testing.T, pairs ...string) string {
	t.Helper()
	root := t.TempDir()
	for i := 0; i+1 < len(pairs); i += 2 {
		write(t, filepath.Join(root, pairs[i]), pairs[i+1])
	}
	return root
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestOwned(t *testing.T) {
	const owned, free = true, false
	f := func(text, path string, want bool) {
		t.Helper()
		by, got := Open(tree(t, "etc/logrotate.conf", text)).Owned(path)
		if got != want || want && !strings.HasPrefix(by, "/etc/logrotate.conf:") {
			t.Errorf("%q: Owned(%s) = %q, %v", text, path, by, got)
		}
	}
	f("", "/var/log/x", free)
	f("/var/log/x {\n}\n", "/var/log/x", owned)
	f("/var/log/x {\n}\n", "/var/log/x.1", free)
	f("/var/log/x {\n}\n", "/var/log/y/../x", owned)
	f("weekly\nrotate 4\n# /var/log/y {\n/var/log/x\n{\n daily\n}\n", "/var/log/x", owned)
	f("weekly\n# /var/log/y {\n# }\n/var/log/x\n{\n}\n", "/var/log/y", free)
	// several names before one brace, on several lines, with a comment between
	several := "/var/log/a /var/log/b\n  # not /var/log/no\n\"/var/log/c d\" '/var/log/e' /var/log/f\\ g\n{\n\tdaily\n}\n/var/log/h {}\n"
	for _, name := range []string{"a", "b", "c d", "e", "f g", "h"} {
		f(several, "/var/log/"+name, owned)
	}
	f(several, "/var/log/no", free)
	f(several, "/var/log/c", free)
	// globs
	f("/var/log/*.log {\n}", "/var/log/x.log", owned)
	f("/var/log/*.log {\n}", "/var/log/sub/x.log", free)
	f("/var/log/*.log {\n}", "/var/log/.x.log", free)
	f("/var/log/*/*.log {\n}", "/var/log/sub/x.log", owned)
	f("/var/log/[!a]x {\n}", "/var/log/bx", owned)
	f("/var/log/[!a]x {\n}", "/var/log/ax", free)
	f("/var/log/[[:digit:]]x {\n}", "/var/log/1x", owned)  // not understood:
	f("/var/log/[[:digit:]]x {\n}", "/var/log/any", owned) // all of the folder is owned
	f("/var/log/[[:digit:]]x {\n}", "/var/other/1x", free)
	f("/var/log/a[ {\n}", "/var/log/b", owned)
	// scripts may hold anything
	script := "/var/log/x {\n postrotate\n  /var/log/y { }\n }\n endscript\n}\n/var/log/z {\n}\n"
	f(script, "/var/log/x", owned)
	f(script, "/var/log/y", free)
	f(script, "/var/log/z", owned)
	f("/var/log/x {\n  prerotate\n", "/var/log/x", owned)
	// olddir
	f("/var/log/x {\n olddir /var/old\n}\n", "/var/old/x.1", owned)
	f("/var/log/x {\n olddir old\n}\n", "/var/log/old/x-20260101", owned)
	f("/var/log/x {\n olddir old\n}\n", "/var/log/new/x", free)
	f("olddir /var/old\n/var/log/x {\n}\n", "/var/old/x.1", owned)
	f("/var/log/x {\n olddir=/var/old }\n/var/log/y {\n}", "/var/old/x.1", owned)
	f("/var/log/x {\n olddir=/var/old }\n/var/log/y {\n}", "/var/log/y", owned)
	// what logrotate itself gives up on
	f("/var/log/x }\n/var/log/y {\n}\n", "/var/log/y", owned)
	f("/var/log/x", "/var/log/x", owned)
	f("}}}\n/var/log/y {\n}\n", "/var/log/y", owned)
	f("~/x {\n}", "/x", free)
	f("/var/log/\xff {\n}", "/var/log/\xff", owned)
}

func TestInclude(t *testing.T) {
	section := func(path string) string { return "/var/log/" + path + " {\n}\n" }
	o := Open(tree(t,
		"etc/logrotate.conf", "tabooext + .mine\ninclude /etc/more\ninclude /etc/one.conf\ninclude relative\ninclude /etc/loop\n",
		"etc/more/a", section("a"), "etc/more/b.mine", section("b"), "etc/more/c.dpkg-old", section("c"), "etc/more/d~", section("d"),
		"etc/one.conf", section("one"), "etc/loop", "include /etc/loop\n"+section("loop"),
		"etc/logrotate.d/pkg", section("pkg"), "etc/logrotate.d/sub/no", section("no"),
		"usr/etc/logrotate.d/suse", section("suse")))
	f := func(name, want string) {
		t.Helper()
		by, got := o.Owned("/var/log/" + name)
		if by != want || got != (want != "") {
			t.Errorf("Owned(%s) = %q, %v", name, by, got)
		}
	}
	f("a", "/etc/more/a:1")
	f("b", "")
	f("c", "")
	f("d", "")
	f("one", "/etc/one.conf:1")
	f("loop", "/etc/loop:2")
	f("pkg", "/etc/logrotate.d/pkg:1")
	f("no", "")
	f("suse", "/usr/etc/logrotate.d/suse:1")
	o = Open(tree(t, "etc/logrotate.conf", "tabooext .mine\ntaboopat x*\ninclude /etc/more\n",
		"etc/more/c.dpkg-old", section("c"), "etc/more/xx", section("xx")))
	f("c", "/etc/more/c.dpkg-old:1")
	f("xx", "")
}

// A change is seen by the next question: a file's, a folder's, and of one that was not there.
func TestChange(t *testing.T) {
	root := tree(t, "etc/logrotate.d/a", "/var/log/a {\n}\n")
	o := Open(root)
	f := func(name string, want bool) {
		t.Helper()
		if by, got := o.Owned("/var/log/" + name); got != want {
			t.Errorf("Owned(%s) = %q, %v", name, by, got)
		}
	}
	f("a", true)
	f("b", false)
	write(t, filepath.Join(root, "etc/logrotate.d/b"), "/var/log/b {\n}\n")
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(root, "etc/logrotate.d"), later, later); err != nil {
		t.Fatal(err)
	}
	f("b", true)
	write(t, filepath.Join(root, "etc/logrotate.d/b"), "/var/log/b /var/log/c {\n}\n")
	f("c", true)
	f("d", false)
	write(t, filepath.Join(root, "etc/logrotate.conf"), "/var/log/d {\n}\n")
	f("d", true)
}

// What cannot be read may say anything.
func TestUnreadable(t *testing.T) {
	root := tree(t, "etc/logrotate.conf", strings.Repeat("#", maxFile+1))
	if by, owned := Open(root).Owned("/x"); !owned || !strings.Contains(by, "cannot be read") {
		t.Errorf("%q, %v", by, owned)
	}
	if by, owned := Open(filepath.Join(root, "none")).Owned("/x"); owned {
		t.Errorf("no configuration at all: %q", by)
	}
}

// The folder of a log may have several names.
func TestLinks(t *testing.T) {
	data := t.TempDir()
	link := filepath.Join(t.TempDir(), "log")
	if err := os.Symlink(data, link); err != nil {
		t.Fatal(err)
	}
	f := func(pattern, path string) {
		t.Helper()
		if _, owned := Open(tree(t, "etc/logrotate.conf", pattern+" {\n}\n")).Owned(path); !owned {
			t.Errorf("%s does not own %s", pattern, path)
		}
	}
	f(link+"/*.log", data+"/x.log")
	f(data+"/*.log", link+"/x.log")
	f(filepath.Dir(link)+"/l*/*.log", data+"/x.log")
}

func FuzzParse(f *testing.F) {
	f.Add("/var/log/x {\n olddir /y\n postrotate\n }\n endscript\n}\n")
	f.Add("include /etc/x\ntabooext + .a,.b\n\"/a b\" '/c' /d\\ e\n#c\n{ daily }\n")
	f.Add("/a }\n/b {\n/c {")
	f.Fuzz(func(t *testing.T, text string) {
		p := parser{name: "x", global: &global{}, include: func(string) {}}
		p.parse(text)
		for _, r := range p.rules {
			if !filepath.IsAbs(r.pattern) {
				t.Errorf("rule %q", r.pattern)
			}
			r.matches("/var/log/x")
		}
	})
}
