package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"belfry/aggregator/dead"
	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// itemHeader is a header of the letter of one event that the index took in no form: where it belongs, as an itemPlace.
const itemHeader = "belfry-item"

// itemPlace is where an event would be in the index and, if it is Ranged, its bytes in the ledger.
type itemPlace struct {
	Ranged bool      `json:"ranged,omitempty"`
	Agent  event.Key `json:"agent"`
	Stream event.Key `json:"stream"`
	Epoch  uint64    `json:"epoch"`
	First  uint64    `json:"first"`
	End    uint64    `json:"end"`
	Named  bool      `json:"named,omitempty"`
	Class  string    `json:"class"`
	Day    string    `json:"day"`
}

func (p itemPlace) position() ledger.Position {
	return ledger.Position{Agent: p.Agent, Stream: p.Stream, Epoch: p.Epoch}
}

// buryItem puts one event away that the index takes in no form, whose line ends at an offset. It returns when the letter
// is durable, and tells the index of it later: that is what calls.
func (d *deadLetters) buryItem(ctx context.Context, it index.Item, end uint64, reason error) error {
	place, err := json.Marshal(itemPlace{
		Ranged: it.Ranged, Agent: it.Pos.Agent, Stream: it.Pos.Stream, Epoch: it.Pos.Epoch, First: it.Offset, End: end,
		Named: it.Named, Class: it.Class, Day: it.Day,
	})
	if err != nil {
		return fmt.Errorf("put away an event: %w", err)
	}
	e := it.Event
	l := dead.New(dead.Message{
		MessageID: e.Get("event.id"), Type: "application/json", Headers: map[string]string{itemHeader: string(place)},
		Body: e.AppendJSON(nil),
	}, e.Get("agent.name"), dead.Refused, reason)
	l.Host, l.Events = e.Get("host.name"), 1
	if err := d.keep(ctx, &l); err != nil {
		return err
	}
	go func() {
		if err := d.told(context.WithoutCancel(ctx), &l); err != nil && !errors.Is(err, index.ErrClosed) {
			d.log.Warn("dead letter is not in the index", "letter", l.ID.String(), "err", err)
		}
	}()
	return nil
}

// retryItem writes the event of a letter again. A letter that it has none of is no such letter.
func (d *deadLetters) retryItem(ctx context.Context, l *dead.Letter) (is bool, err error) {
	text := l.Headers[itemHeader]
	if text == "" || l.Class != dead.Refused || l.Headers[batch.ManifestHeader] != "" {
		return false, nil
	}
	var p itemPlace
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return true, fmt.Errorf("where it belongs: %w", err)
	}
	var dec event.Decoder
	e, err := dec.Decode(l.Body)
	if err != nil {
		return true, err
	}
	w := index.Write{Items: []index.Item{{
		Event: e, Pos: p.position(), Offset: p.First, Ranged: p.Ranged, Named: p.Named, Class: p.Class, Day: p.Day,
	}}}
	if p.Ranged {
		w.Ranges = []index.Range{{Pos: p.position(), Kind: batch.Data, First: p.First, End: p.End}}
	}
	return true, d.write(ctx, w)
}
