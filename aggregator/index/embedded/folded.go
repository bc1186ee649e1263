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
		if fields[i].Name == "message" && w.count[i] == 1 {
			message = fields[i].Value
		}
	}
	for i := range fields {
		n, f := w.count[i], &fields[i]
		if n == 0 {
			continue
		}
		switch f.Name {
		case "event.original":
			if n == 1 {
				w.foldedColumn(f.Name, query.AppendFolded(w.texts, query.FoldedHead(f.Value, message), false))
				continue
			}
			fallthrough
		case "message", "error.message":
			texts := w.texts
			for j := i; n > 0; j++ {
				if fields[j].Name == f.Name {
					texts = query.AppendFolded(texts, fields[j].Value, w.count[i] > 1)
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
