package app

// measure adds what the agent as a whole tells of itself to what its stages do.
func (a *Agent) measure() {
	a.set.NewGauge("belfry_agent_ready", func() float64 {
		if a.road.LastError() != nil {
			return 0
		}
		return 1
	})
	// In Unix time, read from the file each time: it may have been renewed. 0 if it cannot be read.
	a.set.NewGauge("belfry_agent_ship_certificate_expiry_timestamp_seconds", func() float64 {
		at, err := a.cfg.Ship.Files().Expires()
		if err != nil {
			return 0
		}
		return float64(at.Unix())
	})
}
