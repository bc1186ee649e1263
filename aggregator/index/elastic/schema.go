package elastic

import (
	"strings"

	"belfry/aggregator/query"
	"belfry/shared/event"
)

// The object of a document that is ours, beside the event.
const (
	ownObject  = "belfry"
	orderField = "belfry.order" // long: places events of one @timestamp, in the order in which they came
	wordsField = "belfry.words" // object: of each text field, under its name, its words
	restField  = "belfry.rest"  // flattened: the fields that are not known by name
	keptField  = "belfry.kept"  // object, not indexed: fields, under their names, that cannot stand at their own place; lists of strings
	oddField   = query.OddField
)

// columnOf returns the column of a field that the mapping knows by name.
func columnOf(name string) (query.Column, bool) {
	if isPlace(name) {
		return query.Column{}, false // no field of an event that any query asks for as such
	}
	if !known(name) {
		return query.Column{}, false
	}
	kind := query.ColumnKeyword
	switch event.TypeOf(name) {
	case event.Text:
		return query.Column{Kind: query.ColumnWords, Path: wordsField + "." + name}, true
	case event.Long:
		kind = query.ColumnLong
	case event.Float:
		kind = query.ColumnFloat
	case event.Bool:
		kind = query.ColumnBool
	case event.Date:
		kind = query.ColumnDateNanos
	case event.IP:
		kind = query.ColumnIP
	}
	return query.Column{Kind: kind, Path: name}, true
}

// Schema tells where a field is in a document. It is a query.Schema.
func Schema(name string) query.Column {
	if c, ok := columnOf(name); ok {
		return c
	}
	if name == "" {
		return query.Column{}
	}
	return query.Column{Kind: query.ColumnRest, Path: restField + "." + name}
}

// isPlace reports whether a field is a place on earth, "LAT,LON", and mapped as one: see schema.
func isPlace(name string) bool { return strings.HasSuffix(name, ".geo.location") && known(name) }
