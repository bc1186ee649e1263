package enrich

import (
	"strings"

	"belfry/shared/event"
)

// side is one end of a connection, by the names of its fields.
type side struct {
	prefix, ip, class, host                         string
	country, countryName, continent                 string
	region, regionName, city, zone, location        string
	number, organization, domain, address, geo, sys string
}

// The ends that ECS knows.
const (
	source = iota
	destination
	client
	server
	sides
)

var sideNames = [sides]side{sideOf("source"), sideOf("destination"), sideOf("client"), sideOf("server")}

func sideOf(name string) side {
	return side{
		prefix: name + ".", ip: name + ".ip", class: "labels." + name + "_class", host: "labels." + name + "_host",
		country: name + ".geo.country_iso_code", countryName: name + ".geo.country_name",
		continent: name + ".geo.continent_code", region: name + ".geo.region_iso_code",
		regionName: name + ".geo.region_name", city: name + ".geo.city_name", zone: name + ".geo.timezone",
		location: name + ".geo.location", number: name + ".as.number", organization: name + ".as.organization.name",
		domain: name + ".domain", address: name + ".address", geo: name + ".geo.", sys: name + ".as.",
	}
}

// end is what an event says of one side.
type end struct {
	ip, domain, address string
	geo, sys            bool // the sender told a part of it
}

// view is an event while fields are added to it.
type view struct {
	event *event.Event
	all   *Enricher
	know  *knowledge
	now   int64 // Unix time

	sides             [sides]end
	classes           [sides]string
	hostName          string
	users             [roles]string
	question, url     string // names that were looked up, or gone to
	direction, others bool   // whether the event has network.direction, related.ip
	labels            bool   // whether it has any: most have none, and need not be searched for one
	hostIP            bool

	matched [maxMatches]*match
	found   int // how many of matched
}

// look collects what there is to start from.
func (v *view) look() {
	fields := v.event.Fields
	for i := range fields {
		f := &fields[i]
		if f.Name == "" {
			continue
		}
		if c := f.Name[0]; (c == 's' || c == 'd' || c == 'c') && v.side(f) {
			continue
		}
		switch f.Name {
		case "host.name":
			v.hostName = f.Value
		case "host.ip":
			v.hostIP = true
		case "user.name":
			set(&v.users[0], f.Value)
		case "user.target.name":
			set(&v.users[1], f.Value)
		case "user.effective.name":
			set(&v.users[2], f.Value)
		case "dns.question.name":
			v.question = f.Value
		case "url.domain":
			v.url = f.Value
		case "network.direction":
			v.direction = true
		case "related.ip":
			v.others = true
		default:
			v.labels = v.labels || strings.HasPrefix(f.Name, labels)
		}
	}
}

// set keeps the first one of a list.
func set(to *string, value string) {
	if *to == "" {
		*to = value
	}
}

const labels = "labels."

// has reports whether the sender told a field.
func (v *view) has(name string) bool {
	return (v.labels || !strings.HasPrefix(name, labels)) && v.event.Has(name)
}

// side takes a field of one of the ends.
func (v *view) side(f *event.Field) bool {
	for i := range sideNames {
		s := &sideNames[i]
		if !strings.HasPrefix(f.Name, s.prefix) {
			continue
		}
		e := &v.sides[i]
		switch {
		case f.Name == s.ip:
			set(&e.ip, f.Value)
		case f.Name == s.domain:
			set(&e.domain, f.Value)
		case f.Name == s.address:
			set(&e.address, f.Value)
		case strings.HasPrefix(f.Name, s.geo):
			e.geo = true
		case strings.HasPrefix(f.Name, s.sys):
			e.sys = true
		}
		return true
	}
	return false
}

// ends adds what is known of the addresses at both ends.
func (v *view) ends() {
	for i := range v.sides {
		e := &v.sides[i]
		if e.ip == "" {
			continue
		}
		a := v.address(e.ip)
		if a == nil {
			continue
		}
		s := &sideNames[i]
		v.classes[i] = a.class
		if !v.has(s.class) {
			v.event.Append(s.class, a.class)
		}
		if a.host != nil && !v.has(s.host) {
			v.event.Append(s.host, a.host.name)
		}
		if !e.geo {
			v.place(s, a.place)
		}
		if !e.sys && a.system != nil {
			v.event.Append(s.number, a.system.number)
			v.event.Append(s.organization, a.system.organization)
		}
		v.match(s.ip, a.matches)
	}
	if v.direction {
		return
	}
	from, to := v.classes[source], v.classes[destination]
	if from == "" || to == "" {
		from, to = v.classes[client], v.classes[server]
	}
	v.event.Append("network.direction", direction(from, to))
}

func (v *view) place(s *side, r *record) {
	if r == nil {
		return
	}
	v.event.Append(s.country, r.country)
	v.event.Append(s.countryName, r.countryName)
	v.event.Append(s.continent, r.continent)
	v.event.Append(s.region, r.region)
	v.event.Append(s.regionName, r.regionName)
	v.event.Append(s.city, r.city)
	v.event.Append(s.zone, r.zone)
	v.event.Append(s.location, r.location)
}

// host adds what the inventory says of the host that the event is from.
func (v *view) host() {
	if v.know.hosts == nil {
		return
	}
	one := v.know.hosts.host(v.hostName)
	if one == nil && v.hostIP {
		for i := range v.event.Fields {
			f := &v.event.Fields[i]
			if f.Name != "host.ip" {
				continue
			}
			if a, ok := parseAddr(f.Value); ok {
				if one = v.know.hosts.at(a); one != nil {
					break
				}
			}
		}
	}
	v.row(one, 0)
}

// people adds what the directory says of the users.
func (v *view) people() {
	if v.know.users == nil {
		return
	}
	for role, name := range v.users {
		v.row(v.know.users.user(name), role)
	}
}

// row adds the fields of a host or a user that the event does not have.
func (v *view) row(one *row, role int) {
	if one == nil {
		return
	}
	var last string // the field that was added last: a column may have several values
	for _, c := range one.values {
		name := c.fields[role]
		if name == "" || name != last && v.has(name) {
			continue
		}
		v.event.Append(name, c.text)
		last = name
	}
}
