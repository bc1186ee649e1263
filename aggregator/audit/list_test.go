package audit

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"belfry/aggregator/fleet"
	"belfry/aggregator/ledger"
)

// shelf is documents of which only Each is asked. It may tell of one twice, for it searches while others write.
type shelf struct {
	fleet.Docs
	bodies []string
}

func (s shelf) Each(_ context.Context, _ time.Time, fn func(string, []byte, ledger.Version) error) error {
	for _, body := range s.bodies {
		if err := fn("some id", []byte(body), ledger.Version{}); err != nil {
			return err
		}
	}
	return nil
}

// All gaps are listed once each, as they are by now, and one that cannot be read does not hide the others.
func TestAllSharedGaps(t *testing.T) {
	w := newTown(t, t.TempDir())
	doc := func(g Gap) string {
		body, err := json.Marshal(gapDoc{Gap: &g})
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	w.gaps.Share(shelf{bodies: []string{
		doc(Gap{ID: "a", State: Open, Rev: 1}), "{}", doc(Gap{ID: "a", State: Accepted, Rev: 2}), doc(Gap{ID: "a", State: Open, Rev: 1}),
		`{"gap":7}`, doc(Gap{ID: "b", State: Closed, Rev: 5, First: 1}),
	}}, nil)
	list, err := w.gaps.Gaps(t.Context(), true)
	if err != nil || len(list) != 2 || list[0].State != Accepted || list[1].ID != "b" {
		t.Errorf("%v, %+v", err, list)
	}
}
