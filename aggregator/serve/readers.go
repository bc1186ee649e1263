package serve

// Readers returns how many follow.
func (h *Hub) Readers() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.tails)
}

// Miss tells all readers that so many events were left out, whether or not their queries match them.
func (h *Hub) Miss(n int) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for t := range h.tails {
		t.mu.Lock()
		t.missed += n
		t.mu.Unlock()
	}
}
