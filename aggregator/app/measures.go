package app

import "belfry/shared/certs"

// measure adds what the aggregator as a whole tells of itself to what its stages do.
func (a *Aggregator) measure() {
	a.set.NewGauge("belfry_ready", func() float64 {
		if a.ready() != nil {
			return 0
		}
		return 1
	})
	if t := a.cfg.Receive.HTTP.TLS; t != nil {
		a.measureExpiry("http", t.Files)
	}
	if b := a.cfg.Receive.AMQP; b != nil {
		a.measureExpiry("amqp", b.Files)
	}
}

// measureExpiry tells when a certificate ends, in Unix time, from its file each time: it may have been renewed. 0 if it
// cannot be read.
func (a *Aggregator) measureExpiry(transport string, files certs.Files) {
	a.set.NewGauge(`belfry_receive_certificate_expiry_timestamp_seconds{transport="`+transport+`"}`, func() float64 {
		at, err := files.Expires()
		if err != nil {
			return 0
		}
		return float64(at.Unix())
	})
}
