package query

import (
	"encoding/json"
	"strings"
	"testing"

	"belfry/shared/event"
)

// testSchema is a schema with a column of each kind. What it does not know lies under belfry.rest.
func testSchema(field string) Column {
	kinds := map[event.Type]ColumnKind{event.Text: ColumnWords, event.Long: ColumnLong, event.Float: ColumnFloat,
		event.Bool: ColumnBool, event.Date: ColumnDate, event.IP: ColumnIP}
	switch kind, typed := kinds[event.TypeOf(field)]; {
	case field == "@timestamp":
		return Column{ColumnDateNanos, field}
	case kind == ColumnWords:
		return Column{kind, "belfry.words." + field}
	case typed:
		return Column{kind, field}
	case strings.HasPrefix(field, "labels."):
		return Column{ColumnRest, "belfry.rest." + field}
	case strings.Contains(field, "."), field == "tags":
		return Column{ColumnKeyword, field}
	}
	return Column{}
}

func mustElastic(t interface {
	Helper()
	Fatalf(string, ...any)
}, x *Expr) {
	t.Helper()
	least, _ := x.Elastic(testSchema)
	if !json.Valid(least) || !json.Valid(x.ElasticMost(testSchema)) {
		t.Fatalf("%q became %s", x, least)
	}
}

func TestElasticText(t *testing.T) {
	f := func(text, want string, wantExact bool) {
		t.Helper()
		got, exact := parse(t, text).Elastic(testSchema)
		if string(got) != want || exact != wantExact {
			t.Errorf("%s became\n%s, exact %v, want\n%s, exact %v", text, got, exact, want, wantExact)
		}
	}
	const odd = `{"term":{"belfry.odd":{"value":"user.name"}}}`
	f("*", `{"match_all":{}}`, true)
	f("NOT *", `{"match_none":{}}`, true)
	f(`user.name:"a\"}"`, `{"term":{"user.name":{"value":"a\"}"}}}`, true)
	long := strings.Repeat("ж", MaxKeyword)
	f("user.name:"+long, `{"term":{"user.name":{"value":"`+long+`"}}}`, true)
	f("user.name:"+long+"ж", odd, false)
	f("user.name:(a OR b OR a)", `{"terms":{"user.name":["a","b","a"]}}`, true)
	f("NOT user.name:a", `{"bool":{"must_not":[{"term":{"user.name":{"value":"a"}}}]}}`, true)
	f("user.name:a*", `{"bool":{"should":[{"prefix":{"user.name":{"value":"a"}}},`+odd+`]}}`, false)
	f(`user.name:\*a?`, `{"bool":{"should":[{"wildcard":{"user.name":{"value":"\\*a?"}}},`+odd+`]}}`, false)
	f("user.name:*", `{"bool":{"should":[{"exists":{"field":"user.name"}},`+odd+`]}}`, true)
	f("user.name:/a@[b-d]|\\d/", `{"bool":{"should":[{"regexp":{"user.name":{"flags":"NONE","value":"(a\\@[b-d]|[0-9])"}}},`+odd+`]}}`, false)
	f("user.name:/[Rr]o+[Tt]/", `{"bool":{"should":[{"regexp":{"user.name":{"flags":"NONE","value":"[Rr](o)+[Tt]"}}},`+odd+`]}}`, false)
	f(`message:"Failed pass"`, `{"match_phrase":{"belfry.words.message":{"query":"failed pass"}}}`, true)
	f("message:fail*", `{"prefix":{"belfry.words.message":{"value":"fail"}}}`, true)
	f("process.pid:42", `{"term":{"process.pid":{"value":42}}}`, true)
	f("process.pid:>=9223372036854775806", `{"range":{"process.pid":{"gte":9223372036854775806,"lte":9223372036854775807}}}`, true)
	f("sudo.run_time:<0", `{"range":{"sudo.run_time":{"lt":-0.0}}}`, true)
	oddIP := `{"term":{"belfry.odd":{"value":"source.ip"}}}`
	f("source.ip:10.0.0.0/8", `{"bool":{"should":[{"range":{"source.ip":{"gte":"10.0.0.0","lte":"10.255.255.255"}}},`+oddIP+`]}}`, false)
	f("source.ip:\"::ffff:10.0.0.1\"", `{"bool":{"should":[{"term":{"source.ip":{"value":"10.0.0.1"}}},`+oddIP+`]}}`, false)
	// The servers take fe80::1%eth0 for fe80::1, which it is not.
	if got, want := string(parse(t, "NOT source.ip:>=fe80::").ElasticMost(testSchema)), `{"bool":{"must_not":[{"bool":{"should":[`+
		`{"range":{"source.ip":{"gte":"fe80::","lte":"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}}},`+oddIP+`]}}]}}`; got != want {
		t.Errorf("NOT of a range of addresses became at most %s, want %s", got, want)
	}
	f("event.created:2026-11-23", `{"range":{"event.created":{"format":"strict_date_optional_time",`+
		`"gte":"2026-11-23T00:00:00.000Z","lt":"2026-11-24T00:00:00.000Z"}}}`, true)
	f("ldap.tls:true", `{"bool":{"should":[{"term":{"ldap.tls":{"value":true}}},{"term":{"belfry.odd":{"value":"ldap.tls"}}}]}}`, false)
	f("ldap.tls:t*", `{"bool":{"should":[{"term":{"ldap.tls":{"value":true}}},{"term":{"belfry.odd":{"value":"ldap.tls"}}}]}}`, false)
	most := strings.Repeat("a", maxBound) // of a range or a prefix: the servers refuse what is not much longer
	some := `{"bool":{"should":[{"exists":{"field":"user.name"}},` + odd + `]}}`
	f("user.name:>="+most, `{"bool":{"should":[{"range":{"user.name":{"gte":"`+most+`"}}},`+odd+`]}}`, false)
	f("user.name:>="+most+"a", some, false)
	f("user.name:<"+most+"a", some, false)
	most = strings.Repeat("𝐚", maxBound/4) // of 4 bytes each
	f("user.name:"+most+"*", `{"bool":{"should":[{"prefix":{"user.name":{"value":"`+most+`"}}},`+odd+`]}}`, false)
	f("user.name:"+most+"a*", some, false)
	f("unknown:x", `{"match_all":{}}`, false)
	f("NOT unknown:x", `{"match_all":{}}`, false)
}
