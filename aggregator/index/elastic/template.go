package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"belfry/aggregator/query"
	"belfry/shared/event"
)

// templateVersion grows with every change of the mapping or of the settings below.
const templateVersion = 1

// templatePriority is that of the index template: above those that servers bring along, below what an operator adds.
const templatePriority = 300

// maxMapped is the setting for the number of fields of a mapping, with room for objects: it does not grow by itself.
const maxMapped = 3000

// object is a JSON object.
type object = map[string]any

// install makes the templates by which the servers make the indices of events, unless they are there as this version
// and configuration wants them. What a later version has made stays.
func (c *client) install(ctx context.Context) error {
	version, shape, err := c.installed(ctx)
	if err != nil {
		return fmt.Errorf("read the index template: %w", err)
	}
	c.facts.take(shape)
	switch wanted := c.shape(); {
	case version > templateVersion:
		c.log.Warn("the index template is of a later version: it stays", "version", version, "own_version", templateVersion)
		return nil
	case version == templateVersion && shape == wanted:
		return nil
	}
	if err := c.installPart(ctx, "settings", c.settings); err != nil {
		return err
	}
	err = c.installPart(ctx, "mappings", c.mappingPart)
	var refusal *statusError
	if errors.As(err, &refusal) && strings.Contains(refusal.Reason, "["+c.facts.message+"]") && c.facts.message != plainText {
		c.log.Info("the servers do not know a type: another takes its place", "type", c.facts.message, "instead", plainText)
		c.facts.message = plainText
		err = c.installPart(ctx, "mappings", c.mappingPart)
	}
	if err != nil {
		return err
	}
	if err := c.insist(ctx, nil, c.putTemplate(encode(c.template()))); err != nil {
		return fmt.Errorf("make index template %s: %w", c.templateName(), err)
	}
	c.log.Info("the index template is new", "version", templateVersion, "shards", c.cfg.Shards, "replicas", *c.cfg.Replicas)
	if version == 0 || version == templateVersion {
		return nil
	}
	return c.widen(ctx)
}

// plainText is the type of a text where the servers know none that takes less room.
const plainText = "text"

// installPart makes a component template.
func (c *client) installPart(ctx context.Context, name string, part func() object) error {
	body := encode(object{"template": part(), "version": templateVersion, "_meta": c.meta()})
	if err := c.insist(ctx, nil, c.putComponent(c.names.prefix+"-"+name, body)); err != nil {
		return fmt.Errorf("make component template %s-%s: %w", c.names.prefix, name, err)
	}
	return nil
}

func (c *client) mappingPart() object {
	return object{"mappings": c.mappings(), "settings": mappedLimit()} // a component must be possible by itself too
}

func (c *client) templateName() string { return c.names.prefix + "-events" }

// shape is what the configuration and the servers add to a template.
func (c *client) shape() string {
	return fmt.Sprintf("shards=%d replicas=%d message=%s rest=%s", c.cfg.Shards, *c.cfg.Replicas, c.facts.message, c.facts.rest)
}

// take takes from the shape of a template that is there which types the servers know.
func (f *facts) take(shape string) {
	for word := range strings.FieldsSeq(shape) {
		if t, ok := strings.CutPrefix(word, "message="); ok {
			f.message = t
		}
	}
}

func (c *client) meta() object {
	return object{"made_by": "belfry", "version": templateVersion, "shape": c.shape()}
}

// installed returns the version and the shape of the template that is there; 0: none is.
func (c *client) installed(ctx context.Context) (version int, shape string, err error) {
	var answer struct {
		Templates []struct {
			Template struct {
				Version int `json:"version"`
				Meta    struct {
					Shape string `json:"shape"`
				} `json:"_meta"`
			} `json:"index_template"`
		} `json:"index_templates"`
	}
	err = c.insist(ctx, &answer, func(ctx context.Context) (*esapi.Response, error) {
		get := c.es.Indices.GetIndexTemplate
		return get(get.WithName(c.templateName()), get.WithContext(ctx))
	})
	if isStatus(err, http.StatusNotFound) || err == nil && len(answer.Templates) == 0 {
		return 0, "", nil
	}
	if err != nil {
		return 0, "", err
	}
	t := answer.Templates[0].Template
	return t.Version, t.Meta.Shape, nil
}

// widen gives the indices that are there the fields that a later version knows: for the events that still come.
func (c *client) widen(ctx context.Context) error {
	body := encode(c.mappings())
	err := c.insist(ctx, nil, func(ctx context.Context) (*esapi.Response, error) {
		put := c.es.Indices.PutMapping
		return put([]string{c.names.pattern()}, bytes.NewReader(body), put.WithContext(ctx), put.WithAllowNoIndices(true))
	})
	var refusal *statusError
	if errors.As(err, &refusal) { // a field of another type: the days to come have the new one
		c.log.Warn("the indices that are there keep their mapping", "err", err)
		return nil
	}
	return err
}

func (c *client) template() object {
	return object{
		"index_patterns": []string{c.names.pattern()},
		"composed_of":    []string{c.names.prefix + "-settings", c.names.prefix + "-mappings"},
		"template":       object{"aliases": object{c.names.alias(): object{}}},
		"priority":       templatePriority,
		"version":        templateVersion,
		"_meta":          c.meta(),
	}
}

func (c *client) settings() object {
	return object{"settings": object{"index": object{
		"number_of_shards":   c.cfg.Shards,
		"number_of_replicas": *c.cfg.Replicas,
		"refresh_interval":   refreshInterval,
	}}}
}

func mappedLimit() object {
	return object{"index": object{"mapping": object{"total_fields": object{"limit": maxMapped}}}}
}

// refreshInterval is how long what was written is not seen by those who search the servers by other ways. A question to
// the index makes it visible itself.
const refreshInterval = "5s"

// mappings returns the mapping of an index of events: static, whatever senders call their fields.
func (c *client) mappings() object {
	own := object{
		"order": object{"type": "long"},
		"odd":   object{"type": "keyword"},
		"rest":  c.restColumn(),
		"kept":  object{"type": "object", "enabled": false},
	}
	top := object{ownObject: object{"properties": own}}
	for _, name := range fields.names {
		if event.TypeOf(name) == event.Text {
			place(own, "words."+name, object{"type": "text", "analyzer": "whitespace", "norms": false})
		}
		place(top, name, c.column(name))
	}
	return object{"dynamic": false, "_meta": c.meta(), "properties": top}
}

func (c *client) restColumn() object {
	column := object{"type": c.facts.rest}
	if c.facts.rest == "flattened" {
		column["ignore_above"] = query.MaxKeyword
	}
	return column
}

// column returns the mapping of a known field.
func (c *client) column(name string) object {
	if isPlace(name) {
		return object{"type": "geo_point", "ignore_malformed": true}
	}
	switch event.TypeOf(name) {
	case event.Text:
		if name == "event.original" {
			return object{"type": "keyword", "index": false, "doc_values": false} // ECS has it so: message is the text
		}
		return object{"type": c.facts.message}
	case event.Long:
		return object{"type": "long", "coerce": false, "ignore_malformed": true}
	case event.Float:
		return object{"type": "double", "coerce": false, "ignore_malformed": true}
	case event.Bool:
		return object{"type": "boolean"} // a value that is none does not get here: see maker
	case event.Date:
		return object{"type": "date_nanos", "format": "strict_date_optional_time_nanos", "ignore_malformed": name != "@timestamp"}
	case event.IP:
		return object{"type": "ip", "ignore_malformed": true}
	}
	return object{"type": "keyword", "ignore_above": query.MaxKeyword}
}

// place puts a column at a dotted name, below the properties of an object.
func place(properties object, name string, column object) {
	for {
		i := bytes.IndexByte([]byte(name), '.')
		if i < 0 {
			properties[name] = column
			return
		}
		inner, ok := properties[name[:i]].(object)
		if !ok {
			inner = object{"properties": object{}}
			properties[name[:i]] = inner
		}
		properties, name = inner["properties"].(object), name[i+1:]
	}
}

// encode writes an object of our own making.
func encode(o object) []byte {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // it holds texts, numbers and lists
	}
	return text
}

func (c *client) putComponent(name string, body []byte) request {
	return func(ctx context.Context) (*esapi.Response, error) {
		put := c.es.Cluster.PutComponentTemplate
		return put(name, bytes.NewReader(body), put.WithContext(ctx))
	}
}

func (c *client) putTemplate(body []byte) request {
	return func(ctx context.Context) (*esapi.Response, error) {
		put := c.es.Indices.PutIndexTemplate
		return put(c.templateName(), bytes.NewReader(body), put.WithContext(ctx))
	}
}
