package query

// ColumnKind is how Elasticsearch, or OpenSearch, holds the values of a field.
type ColumnKind uint8

// The kinds of columns. What a value of a type is, TypeOf and Fits say; a value that a column cannot hold as it is, is
// named in OddField.
const (
	ColumnNone      ColumnKind = iota // nothing can be asked of the field
	ColumnKeyword                     // keyword
	ColumnWords                       // text with the analyzer whitespace: the values' words, as Words writes them
	ColumnLong                        // long with coerce off
	ColumnFloat                       // double with coerce off
	ColumnBool                        // boolean
	ColumnDate                        // date, milliseconds, of a format that takes no other values than Fits does
	ColumnDateNanos                   // date_nanos
	ColumnIP                          // ip
	ColumnRest                        // a key of a flattened field: keywords, but only term and exists
	ColumnFlat                        // a key of a flat_object of OpenSearch: as ColumnRest, but exists misses keys with a dot
)

// Column is where Elasticsearch holds a field.
type Column struct {
	Kind ColumnKind
	Path string // as it stands in a query, "source.ip", "belfry.words.message" or "belfry.rest.labels.shoe size"
}

// Schema tells the column of a field, by its name in an event. A name that it does not know has ColumnNone.
type Schema func(field string) Column

// OddField is a keyword field of each document: the names of the fields of which a value is not held by its column as it
// is (ColumnKind.Holds): it is too long, it does not fit the column's type, or it is a text without any word.
const OddField = "belfry.odd"

// MaxKeyword is the longest value that a keyword column holds, in UTF-16 units as Java counts them (ignore_above). A
// longer one makes its field odd.
const MaxKeyword = 1024

// DateFormat is the format of a date column that takes what Fits takes, and nothing else.
const DateFormat = "uuuu-MM-dd'T'HH:mm:ss[.SSSSSSSSS][.SSSSSSSS][.SSSSSSS][.SSSSSS][.SSSSS][.SSSS][.SSS][.SS][.S]'Z'"
