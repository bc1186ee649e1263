package glob

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// under puts a directory before each absolute pattern.
func (d tree) under(patterns string) string {
	all := strings.Fields(patterns)
	for i, p := range all {
		if strings.HasPrefix(p, "/") {
			all[i] = d.top + p
		}
	}
	return strings.Join(all, " ")
}

func TestDirs(t *testing.T) {
	d := newTree(t)
	for _, name := range []string{"a/x/1/f", "a/y/2/f", "a/.h/f", "b/x/1/f", "old/x/f", "f"} {
		d.file(name)
	}
	f := func(include, exclude, want string) {
		t.Helper()
		found := compile(t, d.under(include), d.under(exclude)).Dirs()
		for i := range found.Dirs {
			found.Dirs[i] = strings.Replace(found.Dirs[i], d.top, "", 1)
		}
		if got := strings.Join(found.Dirs, " "); got != want || len(found.Faults) > 0 {
			t.Errorf("%s - %s: %s, %v; want %s", include, exclude, got, found.Faults, want)
		}
	}
	f("/a/x/1/f", "", "/a/x/1")
	f("/a/x/1/f /a/x/1/* /a/x/1/**", "", "/a/x/1")
	f("/none/f /f/f /f/*/f", "", "")
	f("/a/*/f", "", "/a/.h /a/x /a/y")
	f("/*/x/?/f", "", "/a/x/1 /b/x/1")
	f("/{a,b}/x/*.log", "", "/a/x /b/x")
	f("/a/**", "", "/a /a/.h /a/x /a/x/1 /a/y /a/y/2")
	f("/**/x/**/f", "", "/a/x /a/x/1 /b/x /b/x/1 /old/x")
	f("/**/x/f /**/1/f", "", "/a/x /a/x/1 /b/x /b/x/1 /old/x")
	f("/**", "/old /a/** /b/x/1/", " /b /b/x")
	f("/**/x/f", "/**/b", "/a/x /old/x")
}

func TestDirsFollowsTrustedLinks(t *testing.T) {
	needRoot(t)
	d := newTree(t)
	for _, name := range []string{"a/x/f", "b/y/f", "user/f", "hidden/f"} {
		d.file(name)
	}
	d.link("..", "a/x/up", 0)    // circles
	d.link(d.top, "a/circle", 0) //
	d.link("a", "0", 0)          // listed before a, and known by a all the same
	d.link("../b", "a/b", 0)     // out of a
	d.link("../hidden", "user/theirs", stranger)
	d.link("f", "a/f2", 0)
	d.dir("user", stranger, stranger, 0o755)
	f := func(include, want, faults string) {
		t.Helper()
		found := compile(t, d.under(include), "").Dirs()
		var told []string
		for _, fault := range found.Faults {
			if !errors.Is(fault.Err, ErrUntrustedLink) {
				t.Errorf("%s: %v", include, fault)
			}
			told = append(told, fault.Path)
		}
		got := strings.ReplaceAll(strings.Join(found.Dirs, " "), d.top, "")
		if told := strings.ReplaceAll(strings.Join(told, " "), d.top, ""); got != want || told != faults {
			t.Errorf("%s: %s, faults %s; want %s, faults %s", include, got, told, want, faults)
		}
	}
	f("/0/x/f", "/0/x", "")
	f("/*/x/f", "/a/x", "")
	f("/a/**", "/a /a/b /a/b/y /a/circle /a/circle/hidden /a/circle/user /a/x", "/a/circle/user/theirs")
	f("/a/**/y/f", "/a/b/y", "/a/circle/user/theirs")
	f("/user/*/f", "", "/user/theirs")
	f("/user/theirs/f", "", "/user/theirs")
	f("/user/**", "/user", "/user/theirs")
	f("/0/**/y/f /a/*/y/f", "/0/b/y /a/b/y", "/0/circle/user/theirs")
}

func TestDirsIsBounded(t *testing.T) {
	d := newTree(t)
	for i := range 30 {
		d.must(os.MkdirAll(d.path(fmt.Sprintf("many/%d", i)), 0o755))
	}
	d.must(os.MkdirAll(d.path("few/a"), 0o755))
	d.must(os.MkdirAll(d.path("deep"+strings.Repeat("/d", maxDepth)), 0o755))
	bound := strings.Count(d.top, "/") + 10
	found := compile(t, d.under("/many/*/f /few/*/f"), "").walk(bound)
	if !slices.Contains(found.Dirs, d.path("few/a")) || len(found.Dirs) < 5 || len(found.Dirs) > 11 {
		t.Errorf("%d directories, %s among them", len(found.Dirs), found.Dirs)
	}
	if len(found.Faults) != 1 || !errors.Is(found.Faults[0].Err, ErrBound) {
		t.Errorf("faults %v; want %v once", found.Faults, ErrBound)
	}
	found = compile(t, d.under("/deep/**"), "").Dirs()
	if n := len(found.Dirs); n != maxDepth-strings.Count(d.top, "/") || len(found.Faults) != 1 || !errors.Is(found.Faults[0].Err, ErrBound) {
		t.Errorf("%d levels, faults %v", n, found.Faults)
	}
}

func TestDirsKeepsOutOfTheKernel(t *testing.T) {
	for _, dir := range compile(t, "/*/*.log", "").Dirs().Dirs {
		if dir == "/proc" || dir == "/sys" {
			t.Errorf("went into %s", dir)
		}
	}
	if found := compile(t, "/proc/*.log", "").Dirs(); !slices.Equal(found.Dirs, []string{"/proc"}) {
		t.Errorf("%s; want /proc, which was named", found.Dirs)
	}
}

func TestFaultsAreCountedBeyondTheBound(t *testing.T) {
	needRoot(t)
	d := newTree(t)
	for i := range maxFaults + 5 {
		d.link("..", fmt.Sprintf("user/%d", i), stranger)
	}
	if found := compile(t, d.under("/user/*/f"), "").Dirs(); len(found.Faults) != maxFaults || found.More != 5 {
		t.Errorf("%d faults and %d more", len(found.Faults), found.More)
	}
}

func TestDirectory(t *testing.T) {
	d := newTree(t)
	long := strings.Repeat("l", maxName)
	for _, name := range []string{"a", "\xff\n", long} {
		d.file(name)
	}
	d.link("a", "l", 0)
	d.must(os.Mkdir(d.path("d"), 0o755))
	at, err := OpenDir(d.top)
	d.must(err)
	defer at.Close()
	for range 2 { // a second listing begins anew
		got := map[string]uint8{}
		d.must(at.Each(func(name []byte, ino uint64, typ uint8) bool {
			var st unix.Statx_t
			if err := at.Stat(name, &st); err != nil || st.Ino != ino || uint8(st.Mode>>12) != typ {
				t.Errorf("%q: inode %d type %d, listed as %d, %d; %v", name, st.Ino, st.Mode>>12, ino, typ, err)
			}
			got[string(name)] = typ
			return true
		}))
		if len(got) != 5 || got["a"] != unix.DT_REG || got["l"] != unix.DT_LNK || got["d"] != unix.DT_DIR || got[long] != unix.DT_REG {
			t.Errorf("listed %v", got)
		}
	}
	n := 0
	d.must(at.Each(func([]byte, uint64, uint8) bool { n++; return false }))
	if n != 1 {
		t.Errorf("went on %d times after it was told to stop", n-1)
	}
	f := func(name string, want error) {
		t.Helper()
		var st unix.Statx_t
		if err := at.Stat([]byte(name), &st); !errors.Is(err, want) {
			t.Errorf("%.20q: %v; want %v", name, err, want)
		}
	}
	f("none", unix.ENOENT)
	f("../"+filepath.Base(d.top), unix.EINVAL)
	f("", unix.EINVAL)
	f("a\x00b", unix.EINVAL)
	f(long+"l", unix.ENAMETOOLONG)
	if _, err := OpenDir(d.path("a")); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("%v; want %v", err, unix.ENOTDIR)
	}
}

func FuzzEntries(f *testing.F) {
	f.Add(append(make([]byte, 16), 24, 0, 8, 'a', 0, 0, 0, 0))
	f.Add(append(make([]byte, 16), 255, 255, 8, 'a'))
	f.Fuzz(func(t *testing.T, b []byte) {
		eachEntry(b, func(name []byte, _ uint64, _ uint8) bool {
			if len(name) > len(b)-entryHead {
				t.Error("a name longer than what was read")
			}
			return true
		})
	})
}

// tenThousand makes a directory of idle log files.
func tenThousand(b testing.TB) string {
	d := newTree(b)
	for i := range 10_000 {
		d.must(os.WriteFile(d.path(fmt.Sprintf("service-%05d-with-a-name-as-they-are.log", i)), nil, 0o644))
	}
	return d.top
}

func TestScanAllocatesNothingForAFile(t *testing.T) {
	dir := tenThousand(t)
	names := compile(t, dir+"/*.log", "*.gz").In(dir)
	n := 0
	allocs := testing.AllocsPerRun(2, func() { n = scan(t, dir, names) })
	if n != 10_000 || allocs > 20 {
		t.Errorf("%d files, %v allocations", n, allocs)
	}
}

func scan(t testing.TB, dir string, names Names) (n int) {
	d, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var st unix.Statx_t
	err = d.Each(func(name []byte, _ uint64, _ uint8) bool {
		if names.Match(name) && d.Stat(name, &st) == nil {
			n++
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// One operation is a directory of 10,000 files: listed, matched and looked at.
func BenchmarkScan(b *testing.B) {
	dir := tenThousand(b)
	names := compile(b, dir+"/*.log", "*.gz").In(dir)
	b.Run("dir", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			scan(b, dir, names)
		}
	})
	b.Run("listonly", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d, _ := OpenDir(dir)
			_ = d.Each(func(name []byte, _ uint64, _ uint8) bool { names.Match(name); return true })
			d.Close()
		}
	})
	b.Run("filepath", func(b *testing.B) { // as it is done without
		b.ReportAllocs()
		for b.Loop() {
			paths, _ := filepath.Glob(dir + "/*.log")
			for _, p := range paths {
				var st unix.Statx_t
				_ = unix.Statx(unix.AT_FDCWD, p, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st)
			}
		}
	})
	b.Run("dirs", func(b *testing.B) {
		b.ReportAllocs()
		s := compile(b, dir+"/**/*.log", "*.gz")
		for b.Loop() {
			s.Dirs()
		}
	})
}

func BenchmarkOpenRegular(b *testing.B) {
	d := newTree(b)
	d.file("a/b/x")
	d.link("b/x", "a/l", 0)
	for _, name := range []string{"a/b/x", "a/l"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f, _, err := OpenRegular(d.path(name))
				d.must(err)
				f.Close()
			}
		})
	}
}
