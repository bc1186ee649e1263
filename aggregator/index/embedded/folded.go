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
		if n == 0 {
			continue
		}
		switch f.Name {
		case "event.original":
			if w.alone(i, f) {
				w.foldedColumn(f.Name, query.AppendFolded(w.texts, query.FoldedHead(f.Value, message), false))
				continue
			}
			fallthrough
		case "message", "error.message":
			texts, listed := w.texts, !w.alone(i, f)
			for j := i; n > 0; j++ {
				if fields[j].Name == f.Name {
					texts = query.AppendFolded(texts, fields[j].Value, listed)
					n--
				}
			}
			w.foldedColumn(f.Name, texts)
		}
	}
}

func (w *rowWriter) foldedColumn(field string, texts []byte) {
	if len(texts) > len(w.texts) {
		w.text(foldedColumns[field], texts)
	}
}
