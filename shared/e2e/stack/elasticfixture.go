package stack

import (
	"context"
	"os"
	"sync"

	"belfry/shared/e2e/elastic"
)

// NeedElastic skips a test that cannot run here, as the parts of a node are not there. In CI that is a failure.
func NeedElastic(t TB, k elastic.Kind) {
	t.Helper()
	lack(t, ElasticMissing(k))
}

// OpenElastic starts nodes for one test, which ends them, or skips the test where there are none. The folder is the
// test's own.
func OpenElastic(t T, cfg ElasticConfig) *Elastic {
	t.Helper()
	NeedElastic(t, cfg.Kind)
	cfg.Dir = t.TempDir()
	e, err := StartElastic(t.Context(), cfg)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Errorf("%v", err)
		}
	})
	return e
}

// SharedElastic is one node or cluster for all tests of a binary: the first that asks starts it, TestMain ends it. A
// test takes index names of its own, and leaves the nodes as they were.
//
//	var shared stack.SharedElastic
//
//	func TestMain(m *testing.M) {
//		defer shared.Stop()
//		m.Run()
//	}
type SharedElastic struct {
	Config ElasticConfig // Dir is its own

	start sync.Once
	dir   string
	e     *Elastic
	err   error
}

// Open is the running server, or skips the test where there is none.
func (s *SharedElastic) Open(t TB) *Elastic {
	t.Helper()
	NeedElastic(t, s.Config.Kind)
	s.start.Do(func() {
		cfg := s.Config
		if cfg.Dir, s.err = os.MkdirTemp("", "belfry-elastic"); s.err != nil {
			return
		}
		s.dir = cfg.Dir
		s.e, s.err = StartElastic(context.Background(), cfg)
	})
	if s.err != nil {
		t.Fatalf("%v", s.err)
	}
	return s.e
}

// Stop ends the server and removes what it wrote; it may be called where nobody has asked for one.
func (s *SharedElastic) Stop() {
	if s.e != nil {
		s.e.KillAll() // there is nothing to keep
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}
