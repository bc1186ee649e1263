package file

import (
	"flag"
	"testing"
)

// The tests wait more than they work: all of them run at once.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "64"); err != nil {
		panic(err)
	}
	m.Run()
}
