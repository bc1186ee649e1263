package stack

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"belfry/shared/broker"
	"belfry/shared/certs"
)

// Rabbit says what a RabbitMQ of our own is to be.
type Rabbit struct {
	Dir       string           // its own folder
	Authority *certs.Authority // signs its certificate, and those of its users
	Users     []User
	Extra     string // more lines of rabbitmq.conf
	Manage    bool   // with the management API, for ManagementUser; it makes the start slower
	Erlang    string // more arguments of the node, as `-rabbit quorum_tick_interval 500`
}

// ManagementUser is who may do all over the management API, with ManagementPassword.
const (
	ManagementUser     = "manager"
	ManagementPassword = "hush"
)

// User is who may connect, with a certificate of that common name, and what he may do: three patterns.
type User struct{ Name, Configure, Write, Read string }

// RabbitMQ is a running broker: TLS with client certificates on a loopback port, nodes and epmd of its own.
type RabbitMQ struct {
	URL  string // amqps://127.0.0.1:PORT/
	Addr string // 127.0.0.1:PORT
	API  string // http://127.0.0.1:PORT of the management API; "" without

	cfg Rabbit

	epmd, node *daemon
	env        []string
	probe      broker.Config
}

// rabbitStart bounds a start; it takes about five seconds on an idle machine.
const rabbitStart = 90 * time.Second

// rabbitServer is the server's own script: the one on the PATH refuses to run as anybody but its system user.
func rabbitServer() (string, error) {
	found, err := filepath.Glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server")
	if err != nil || len(found) == 0 {
		return "", errors.New("rabbitmq-server is not installed")
	}
	return found[len(found)-1], nil
}

// StartRabbitMQ starts a broker and returns when it lets its first user in.
func StartRabbitMQ(ctx context.Context, cfg Rabbit) (*RabbitMQ, error) {
	r := &RabbitMQ{cfg: cfg}
	var epmd, dist, api string
	if err := freeAddrs(&r.Addr, &epmd, &dist, &api); err != nil {
		return nil, err
	}
	r.URL = "amqps://" + r.Addr + "/"
	if cfg.Manage {
		r.API = "http://" + api
	}
	if err := r.configure(epmd, dist); err != nil {
		return nil, fmt.Errorf("configure rabbitmq: %w", err)
	}
	_, port, _ := net.SplitHostPort(epmd) // it was made as one
	cmd := exec.Command("epmd", "-port", port, "-address", "127.0.0.1")
	cmd.Env = r.env
	var err error
	if r.epmd, err = startDaemon("epmd", cmd, filepath.Join(cfg.Dir, "epmd.out")); err != nil {
		return nil, err
	}
	// A node that finds no epmd starts one, which stays.
	if err := r.epmd.ready(ctx, func() error { return accepts("tcp", epmd) }); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	if err := r.Start(ctx); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

// configure writes the broker's files.
func (r *RabbitMQ) configure(epmd, dist string) error {
	dir := r.cfg.Dir
	server, err := r.cfg.Authority.Issue("rabbitmq", certs.Request{
		CommonName: "rabbitmq", Hosts: []string{"127.0.0.1", "localhost"}, Server: true, Days: 7,
	})
	if err != nil {
		return err
	}
	user, err := r.cfg.Authority.Issue("rabbitmq-probe", certs.Request{CommonName: r.cfg.Users[0].Name, Client: true, Days: 7})
	if err != nil {
		return err
	}
	r.probe = broker.Config{URLs: []string{r.URL}, Files: user, AppID: "probe"}
	definitions, err := json.MarshalIndent(definitions(r.cfg.Users, r.cfg.Manage), "", "  ")
	if err != nil {
		return err
	}
	conf := fmt.Sprintf(`listeners.tcp = none
listeners.ssl.1 = %s
ssl_options.cacertfile = %s
ssl_options.certfile = %s
ssl_options.keyfile = %s
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
ssl_cert_login_from = common_name
auth_mechanisms.1 = EXTERNAL
load_definitions = %s
disk_free_limit.absolute = 50MB
%s`, r.Addr, server.CA, server.Cert, server.Key, filepath.Join(dir, "definitions.json"), r.cfg.Extra)
	plugins := "rabbitmq_auth_mechanism_ssl"
	if r.cfg.Manage {
		plugins += ",rabbitmq_management"
		host, port, _ := net.SplitHostPort(strings.TrimPrefix(r.API, "http://")) // it was made as one
		conf += fmt.Sprintf("management.tcp.ip = %s\nmanagement.tcp.port = %s\n", host, port)
	}
	for name, text := range map[string]string{
		"definitions.json": string(definitions),
		"rabbitmq.conf":    conf,
		"enabled_plugins":  "[" + plugins + "].\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	r.env = environment(dir, epmd, dist, r.cfg.Erlang)
	return nil
}

func environment(dir, epmd, dist, erlang string) []string {
	_, epmdPort, _ := net.SplitHostPort(epmd)
	_, distPort, _ := net.SplitHostPort(dist)
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C.UTF-8",
		"RUNNING_UNDER_SYSTEMD=true", // the script becomes the server, instead of starting it beside itself
		"ERL_EPMD_PORT=" + epmdPort, "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME=belfry" + distPort + "@localhost",
		"RABBITMQ_DIST_PORT=" + distPort,
		"RABBITMQ_MNESIA_BASE=" + filepath.Join(dir, "mnesia"),
		"RABBITMQ_LOG_BASE=" + filepath.Join(dir, "log"),
		"RABBITMQ_LOGS=" + filepath.Join(dir, "log", "rabbitmq.log"),
		"RABBITMQ_CONFIG_FILE=" + filepath.Join(dir, "rabbitmq"),
		"RABBITMQ_CONF_ENV_FILE=" + filepath.Join(dir, "none"),
		"RABBITMQ_ADVANCED_CONFIG_FILE=" + filepath.Join(dir, "none.config"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(dir, "enabled_plugins"),
		"RABBITMQ_PID_FILE=" + filepath.Join(dir, "pid"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false +S 2:2 +sbwt none " + erlang,
	}
}

// definitions are the users and what they may do, as the broker imports them at its start.
func definitions(users []User, manage bool) any {
	type m = map[string]any
	var all, permissions []m
	for _, u := range users {
		// No password: the certificate says who it is.
		all = append(all, m{"name": u.Name, "password_hash": "", "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": []string{}})
		permissions = append(permissions, m{"user": u.Name, "vhost": "/", "configure": u.Configure, "write": u.Write, "read": u.Read})
	}
	if manage {
		all = append(all, m{
			"name": ManagementUser, "password_hash": passwordHash(ManagementPassword),
			"hashing_algorithm": "rabbit_password_hashing_sha256", "tags": []string{"administrator"},
		})
		permissions = append(permissions, m{"user": ManagementUser, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"})
	}
	return m{"users": all, "vhosts": []m{{"name": "/"}}, "permissions": permissions}
}

// passwordHash is how the broker keeps a password: a salt of four bytes, and the hash of salt and password.
func passwordHash(password string) string {
	salt := []byte("salt")
	sum := sha256.Sum256(append(salt, password...))
	return base64.StdEncoding.EncodeToString(append(salt, sum[:]...))
}

// Start starts the node, again after Halt or Kill, with what it had on disk. It returns when it lets a user in.
func (r *RabbitMQ) Start(ctx context.Context) error {
	server, err := rabbitServer()
	if err != nil {
		return err
	}
	cmd := exec.Command(server)
	cmd.Env, cmd.Dir = r.env, r.cfg.Dir
	if r.node, err = startDaemon("rabbitmq", cmd, filepath.Join(r.cfg.Dir, "rabbitmq.out")); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, rabbitStart)
	defer cancel()
	err = r.node.ready(ctx, func() error {
		if err := accepts("tcp", r.Addr); err != nil {
			return err
		}
		conn, err := broker.Dial(ctx, r.probe)
		if err != nil {
			return err
		}
		conn.End()
		if r.API == "" {
			return nil
		}
		return accepts("tcp", strings.TrimPrefix(r.API, "http://"))
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, lastOf(filepath.Join(r.cfg.Dir, "log", "rabbitmq.log")))
	}
	return nil
}

// Apply declares the exchanges and queues, and those of the acknowledgements of agents.
func (r *RabbitMQ) Apply(ctx context.Context, queues int, agents ...string) error {
	conn, err := broker.Dial(ctx, r.probe)
	if err != nil {
		return err
	}
	defer conn.End()
	return broker.Topology{Queues: queues, Agents: agents}.Apply(conn)
}

// Connect opens a connection as the first user: for tests that do what no program of ours would.
func (r *RabbitMQ) Connect(ctx context.Context) (*broker.Conn, error) {
	return broker.Dial(ctx, r.probe)
}

// Kill ends the node by SIGKILL. See Start.
func (r *RabbitMQ) Kill() { r.node.kill() }

// Halt ends the node in order. See Start.
func (r *RabbitMQ) Halt() error { return r.node.stop(60 * time.Second) }

// Restart is Halt and Start.
func (r *RabbitMQ) Restart(ctx context.Context) error {
	if err := r.Halt(); err != nil {
		return err
	}
	return r.Start(ctx)
}

// Stop ends everything. Its folder stays.
func (r *RabbitMQ) Stop() error {
	var err error
	if r.node != nil {
		select {
		case <-r.node.done: // it was killed before
		default:
			err = r.node.stop(60 * time.Second)
		}
	}
	if r.epmd != nil {
		r.epmd.kill() // it has no other end, and nothing to keep
	}
	return err
}
