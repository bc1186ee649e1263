package query

import "encoding/json"

// dsl is a query of Elasticsearch as a tree of Go values. It is never made of text.
type dsl map[string]any

// Elastic returns a query in the query DSL of Elasticsearch, which OpenSearch takes as well. It finds at least the events
// that Match finds. If it is exact it finds no others; if not, the caller asks Match again. It holds for documents whose
// fields are where the schema says, and whose OddField is as that says.
func (x *Expr) Elastic(schema Schema) (filter json.RawMessage, exact bool) {
	least, most := x.elastic(schema, atLeast), x.elastic(schema, atMost)
	return least, string(least) == string(most)
}

// ElasticMost returns the query on the other side: it finds nothing that Match does not find, and most of what Match
// finds. Where Elastic is not exact, what it finds and ElasticMost does not is all that Match must be asked about.
func (x *Expr) ElasticMost(schema Schema) json.RawMessage { return x.elastic(schema, atMost) }

// maxClauses bounds the conditions of a query: a node with little memory takes 1024.
const maxClauses = 1000

func (x *Expr) elastic(schema Schema, b bound) json.RawMessage {
	q := x.root.elastic(schema, b)
	if q.clauses() > maxClauses {
		q = vague(b)
	}
	text, err := json.Marshal(q)
	if err != nil {
		panic("query: a tree of maps and strings cannot be marshalled: " + err.Error())
	}
	return text
}

func matchAll() dsl  { return dsl{"match_all": dsl{}} }
func matchNone() dsl { return dsl{"match_none": dsl{}} }

// vague is what can be said of a condition that has no query.
func vague(b bound) dsl {
	if b == atLeast {
		return matchAll()
	}
	return matchNone()
}

func (q dsl) is(kind string) bool { _, ok := q[kind]; return ok }

// clauses counts the conditions of a query, the words of a phrase one by one, as Lucene does.
func (q dsl) clauses() int {
	if b, ok := q["bool"].(dsl); ok {
		n := 0
		for _, kids := range b {
			if list, ok := kids.([]dsl); ok {
				for _, k := range list {
					n += k.clauses()
				}
			}
		}
		return n
	}
	n := 1
	if p, ok := q["match_phrase"].(dsl); ok {
		for _, v := range p {
			n = phraseWords(v.(dsl)["query"].(string))
		}
	}
	return n
}

// allOf joins queries by AND.
func allOf(kids ...dsl) dsl { return joined("filter", matchNone(), matchAll(), kids) }

// anyOf joins queries by OR.
func anyOf(kids ...dsl) dsl { return joined("should", matchAll(), matchNone(), kids) }

func joined(how string, decides, neutral dsl, kids []dsl) dsl {
	var kept []dsl
	for _, k := range kids {
		switch {
		case k.is(kindOf(decides)):
			return decides
		case k.is(kindOf(neutral)):
		default:
			kept = append(kept, k)
		}
	}
	switch len(kept) {
	case 0:
		return neutral
	case 1:
		return kept[0]
	}
	return dsl{"bool": dsl{how: kept}}
}

// kindOf returns the one key of a query.
func kindOf(q dsl) string {
	for k := range q {
		return k
	}
	return ""
}

// noneOf is NOT.
func noneOf(q dsl) dsl {
	switch {
	case q.is("match_all"):
		return matchNone()
	case q.is("match_none"):
		return matchAll()
	}
	return dsl{"bool": dsl{"must_not": []dsl{q}}}
}

func (all) elastic(Schema, bound) dsl { return matchAll() }

func (n and) elastic(s Schema, b bound) dsl {
	kids := make([]dsl, len(n.kids))
	for i, k := range n.kids {
		kids[i] = k.elastic(s, b)
	}
	return allOf(kids...)
}

// Many values of one field are one condition.
func (n or) elastic(s Schema, b bound) dsl {
	kids := make([]dsl, 0, len(n.kids))
	values := map[string][]string{}
	for _, k := range n.kids {
		q := k.elastic(s, b)
		if path, value, ok := q.term(); ok {
			if values[path] = append(values[path], value); len(values[path]) > 1 {
				continue
			}
		}
		kids = append(kids, q)
	}
	for i, q := range kids {
		if path, _, ok := q.term(); ok && len(values[path]) > 1 {
			kids[i] = dsl{"terms": dsl{path: values[path]}}
		}
	}
	return anyOf(kids...)
}

// term takes the condition that a keyword is a value apart.
func (q dsl) term() (path, value string, ok bool) {
	t, _ := q["term"].(dsl)
	for path, v := range t {
		if value, ok := v.(dsl)["value"].(string); ok {
			return path, value, true
		}
	}
	return "", "", false
}

func (n not) elastic(s Schema, b bound) dsl { return noneOf(n.kid.elastic(s, !b)) }
