package enrich

import (
	"strconv"

	"github.com/oschwald/maxminddb-golang/v2"
)

// record is what the layouts that are known have in common. Empty is not told.
type record struct {
	country, countryName, continent string
	region, regionName, city        string // region as ISO 3166-2, as DE-BE
	zone, location                  string // location as LATITUDE,LONGITUDE
	number, organization            string // of the autonomous system
}

func (r *record) placed() bool { return r != nil && (r.country != "" || r.city != "") }

// decode reads the layout of MaxMind (and DB-IP): country.iso_code, city.names.en…; and the flat ones of ip-location-db
// and IPinfo: country_code, city, autonomous_system_number, asn as "AS64496"….
func decode(res maxminddb.Result) (*record, error) {
	var m map[string]any
	if err := res.Decode(&m); err != nil {
		return nil, err
	}
	t := tree(m)
	rec := &record{
		country:      t.first("country.iso_code", "country_code", "country"),
		countryName:  t.first("country.names.en", "country_name"),
		continent:    t.first("continent.code", "continent_code"),
		region:       t.first("subdivisions.iso_code"),
		regionName:   t.first("subdivisions.names.en", "state1", "region"),
		city:         t.first("city.names.en", "city"),
		zone:         t.first("location.time_zone", "timezone"),
		number:       t.first("autonomous_system_number", "asn"),
		organization: t.first("autonomous_system_organization", "as_name", "as_organization"),
	}
	if !isCountry(rec.country) {
		rec.country = ""
	}
	if rec.country != "" && rec.region != "" {
		rec.region = rec.country + "-" + rec.region
	} else {
		rec.region = ""
	}
	lat, lon := t.first("location.latitude", "latitude", "lat"), t.first("location.longitude", "longitude", "lng")
	if isDegrees(lat, 90) && isDegrees(lon, 180) {
		rec.location = lat + "," + lon
	}
	rec.number = systemNumber(rec.number)
	return rec, nil
}

// tree is a record as it stands.
type tree map[string]any

// first returns the first of some values that is text or a number. Of a list, it is the first element's.
func (t tree) first(paths ...string) string {
	for _, p := range paths {
		if s := valueAt(map[string]any(t), p); s != "" {
			return s
		}
	}
	return ""
}

func valueAt(v any, path string) string {
	for path != "" {
		if list, ok := v.([]any); ok && len(list) > 0 {
			v = list[0]
		}
		m, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		var name string
		name, path = cutPath(path)
		v = m[name]
	}
	switch x := v.(type) {
	case string:
		return x
	case uint64:
		return strconv.FormatUint(x, 10)
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case float32:
		return strconv.FormatFloat(float64(x), 'f', -1, 32)
	}
	return ""
}

func cutPath(path string) (name, rest string) {
	for i := range len(path) {
		if path[i] == '.' {
			return path[:i], path[i+1:]
		}
	}
	return path, ""
}

// isCountry reports whether text is written as ISO 3166-1 does.
func isCountry(text string) bool {
	return len(text) == 2 && 'A' <= text[0] && text[0] <= 'Z' && 'A' <= text[1] && text[1] <= 'Z'
}

func isDegrees(text string, most float64) bool {
	f, err := strconv.ParseFloat(text, 64)
	return err == nil && -most <= f && f <= most
}

// systemNumber returns the number of AS64496 or 64496, "" if it is none.
func systemNumber(text string) string {
	if len(text) > 2 && text[:2] == "AS" {
		text = text[2:]
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}
