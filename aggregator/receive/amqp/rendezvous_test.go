package amqp

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"belfry/shared/broker"
)

func drawMembers(t *rapid.T, known *rapid.Generator[int]) []Member {
	n := rapid.IntRange(1, 12).Draw(t, "members")
	all := make([]Member, n)
	for i := range all {
		all[i] = Member{ID: fmt.Sprintf("%d-%08x", i, rapid.Uint32().Draw(t, "id")), Known: known.Draw(t, "known")}
	}
	return all
}

// counts returns how many queues each owns, of the event queues and of all.
func counts(owners map[string]string) (events, all map[string]int) {
	events, all = make(map[string]int), make(map[string]int)
	for q, id := range owners {
		all[id]++
		if q != broker.Foreign {
			events[id]++
		}
	}
	return events, all
}

func TestShareIsBalanced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		queues := rapid.IntRange(1, 64).Draw(t, "queues")
		members := drawMembers(t, rapid.Just(queues))
		owners := share(members)
		if len(owners) != queues+1 {
			t.Fatalf("%d queues have an owner, want %d", len(owners), queues+1)
		}
		fair := func(got map[string]int, total int) {
			for _, m := range members {
				if n := got[m.ID]; n < total/len(members) || n > (total+len(members)-1)/len(members) {
					t.Fatalf("%s owns %d of %d queues among %d", m.ID, n, total, len(members))
				}
			}
		}
		events, all := counts(owners)
		fair(events, queues)
		fair(all, queues+1)
	})
}

// All who see the same come to the same result; while queues are added, each goes to one who knows it.
func TestShareAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t, rapid.IntRange(1, 20))
		owners := share(members)
		other := rapid.Permutation(members).Draw(t, "order")
		most := 0
		for q, id := range share(other) {
			if owners[q] != id {
				t.Fatalf("%s belongs to %s and to %s", q, owners[q], id)
			}
		}
		for _, m := range members {
			most = max(most, m.Known)
		}
		for n := range most {
			id := owners[broker.EventQueue(n)]
			i := slices.IndexFunc(members, func(m Member) bool { return m.ID == id })
			if i < 0 || members[i].Known <= n {
				t.Fatalf("queue %d belongs to %q", n, id)
			}
		}
	})
}

// When one comes or goes, little more than its share moves. Bounds cost something: to have all queues in place but
// those of the one that left would break the balance.
func TestShareMovesLittle(t *testing.T) {
	const queues, rounds = 32, 200
	draw := rand.New(rand.NewPCG(1, 2))
	for n := 2; n <= 8; n++ {
		moved := 0
		for range rounds {
			members := make([]Member, n)
			for i := range members {
				members[i] = Member{ID: fmt.Sprintf("%016x", draw.Uint64()), Known: queues}
			}
			before, after := share(members), share(members[1:])
			for q, id := range before {
				if after[q] != id {
					moved++
				}
			}
		}
		least := float64(queues+1) / float64(n)
		ratio := float64(moved) / rounds / least
		t.Logf("%d members: %.2f times the share of the one that left moved", n, ratio)
		if ratio > 2 {
			t.Errorf("%d members: %.2f times the share of the one that left moved", n, ratio)
		}
	}
}
