package embedded

import (
	"belfry/aggregator/query"
	"belfry/shared/event"
)

// foldedColumns are the columns of the folded words of the text fields.
var foldedColumns = map[string]string{
	"message":        query.FoldedColumn("message"),
	"event.original": query.FoldedColumn("event.original"),
	"error.message":  query.FoldedColumn("error.message"),
}

// folded adds the columns of the folded words of an event's text fields. countValues has been there.
func (w *rowWriter) folded(fields []event.Field) {
	message := ""
	for i := range fields {
		if f := &fields[i]; f.Name == "message" && w.alone(i, f) {
			message = f.Value
		}
	}
	for i := range fields {
		n, f := w.count[i], &fields[i]
		switch f.Name {
		case "message", "event.original", "error.message":
		default:
			continue
		}
		texts, listed := w.texts, !w.alone(i, f)
		for j := i; n > 0; j++ {
			if fields[j].Name != f.Name {
				continue
			}
			value := fields[j].Value
			if f.Name == "event.original" && !listed {
				value = query.FoldedHead(value, message)
			}
			texts = query.AppendFolded(texts, value, listed)
			n--
		}
		if len(texts) > len(w.texts) {
			w.text(foldedColumns[f.Name], texts)
		}
	}
}
