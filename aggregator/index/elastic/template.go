package elastic

import (
	"bytes"
	"context"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

func (c *client) putComponent(name string, body []byte) request {
	return func(ctx context.Context) (*esapi.Response, error) {
		return c.es.Cluster.PutComponentTemplate(name, bytes.NewReader(body), c.es.Cluster.PutComponentTemplate.WithContext(ctx))
	}
}

func (c *client) dropComponent(name string) request {
	return func(ctx context.Context) (*esapi.Response, error) {
		return c.es.Cluster.DeleteComponentTemplate(name, c.es.Cluster.DeleteComponentTemplate.WithContext(ctx))
	}
}
