package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/admin"
	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/config"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/metrics"
)

const httpdLong = `Answers HTTP about the running server, without a password, so listen on loopback or
behind something that asks for one:

  /          a page with the services and workers
  /metrics   the metrics of all processes for Prometheus, labelled service and pid
  /healthz   200 if an IMAP session is greeted and the store can be read, else 503`

func (p *program) httpdCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "httpd",
		Short:   "The HTTP service (metrics, health), started by a master",
		Long:    httpdLong + serviceText,
		Example: `  http cmd="constance httpd --data /var/lib/constance" listen="127.0.0.1:8143" prefork=1    # in cyrus.conf`,
		Args:    args(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return p.httpd(c.Context()) },
	}
}

// httpConnections is how many HTTP connections are served at a time.
const httpConnections = 100

func (p *program) httpd(ctx context.Context) error {
	w, err := p.newWorker("http", func(*config.Config) int { return httpConnections })
	if err != nil {
		return err
	}
	conns := &handed{ch: make(chan net.Conn), done: make(chan struct{})}
	s := http.Server{
		Handler: w.pages(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, WriteTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog:  slog.NewLogLogger(w.log.Handler(), slog.LevelDebug),
		ConnState: conns.state,
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(conns); !errors.Is(err, http.ErrServerClosed) {
			w.log.Error("http", "err", err)
		}
	})
	err = w.run(ctx, nil, conns.serve)
	err = errors.Join(err, s.Close())
	wg.Wait()
	return err
}

// handed is a listener of connections that somebody else accepted.
type handed struct {
	ch   chan net.Conn
	done chan struct{}
	once sync.Once
	ends sync.Map // net.Conn -> chan struct{}, closed when net/http is done with it
}

// serve hands a connection to net/http and waits for its end.
func (h *handed) serve(ctx context.Context, c net.Conn) {
	end := make(chan struct{})
	h.ends.Store(c, end)
	select {
	case h.ch <- c:
	case <-ctx.Done():
		h.ends.Delete(c)
		return
	}
	select {
	case <-end:
	case <-ctx.Done():
		c.Close() // net/http's goroutine ends with it
		<-end
	}
}

// state tells serve of the end of a connection.
func (h *handed) state(c net.Conn, s http.ConnState) {
	if s != http.StateClosed && s != http.StateHijacked {
		return
	}
	if end, ok := h.ends.LoadAndDelete(c); ok {
		close(end.(chan struct{}))
	}
}

// Accept implements net.Listener.
func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.ch:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handed) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// Addr implements net.Listener.
func (h *handed) Addr() net.Addr { return &net.UnixAddr{} }

func (w *worker) pages() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /metrics", w.metricsPage)
	m.HandleFunc("GET /healthz", w.healthPage)
	m.HandleFunc("GET /{$}", w.indexPage)
	return m
}

func (w *worker) runDir() string { return filepath.Join(w.dir, "run") }

// metricsPage asks all processes for their metrics and merges them. One that does not answer in time is left out and shows as
// constance_scrape_ok 0.
func (w *worker) metricsPage(out http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	var mu sync.Mutex // guards parts
	var parts []metrics.Part
	admin.Each(admin.Processes(w.runDir()), func(p admin.Process) {
		var b bytes.Buffer
		err := p.Get(ctx, "/metrics", func(r io.Reader) error { _, err := b.ReadFrom(r); return err })
		ok := 1
		if err != nil {
			b.Reset()
			ok = 0
			w.log.Warn("scrape", "err", err)
		}
		fmt.Fprintf(&b, "# HELP constance_scrape_ok Whether the process told its metrics.\n# TYPE constance_scrape_ok gauge\nconstance_scrape_ok %d\n", ok)
		mu.Lock()
		defer mu.Unlock()
		parts = append(parts, metrics.Part{Service: p.Service, PID: p.PID, Text: &b})
	})
	slices.SortFunc(parts, func(a, b metrics.Part) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.PID, b.PID))
	})
	out.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	if err := metrics.Merge(out, parts); err != nil {
		w.log.Warn("metrics", "err", err)
	}
}

// healthPage answers 200 if mail can be read: an IMAP listener greets and the store answers.
func (w *worker) healthPage(out http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	if err := errors.Join(w.checkGreetings(ctx), w.checkStore(ctx)); err != nil {
		w.log.Error("unhealthy", "err", err)
		http.Error(out, "unhealthy: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(out, "ok")
}

// checkGreetings connects to the imap listeners, as the master knows them.
func (w *worker) checkGreetings(ctx context.Context) error {
	found := false
	for _, p := range admin.Look(ctx, w.runDir()).Processes {
		if p.Master == nil {
			continue
		}
		for _, s := range p.Master.Services {
			if name, _, _ := strings.Cut(s.Name, "/"); name != "imap" && name != "imaps" {
				continue
			}
			found = true
			if err := checkGreeting(ctx, s); err != nil {
				return fmt.Errorf("%s %s: %w", s.Name, s.Listen, err)
			}
		}
	}
	if !found {
		return errors.New("the master does not answer, or there is no imap service")
	}
	return nil
}

func checkGreeting(ctx context.Context, s admin.Service) error {
	network := "tcp"
	if filepath.IsAbs(s.Listen) {
		network = "unix"
	}
	c, err := new(net.Dialer).DialContext(ctx, network, s.Listen)
	if err != nil {
		return err
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if strings.HasPrefix(s.Name, "imaps") { // is it up, not who is it: the name in the certificate may be any
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	buf := make([]byte, 4)
	if _, err := io.ReadFull(c, buf); err != nil {
		return err
	}
	if string(buf) != "* OK" {
		return fmt.Errorf("greeting begins with %q", buf)
	}
	_, err = io.WriteString(c, "x LOGOUT\r\n")
	return err
}

// errEnough ends a listing.
var errEnough = errors.New("enough")

// checkStore reads the directory and the first user's account.
func (w *worker) checkStore(ctx context.Context) error {
	if _, err := os.Stat(w.dir); err != nil {
		return err
	}
	var first mail.AccountID
	err := w.users.List(ctx, func(u auth.User) error { first = u.Account; return errEnough })
	if errors.Is(err, errEnough) {
		_, err = w.store.Account(first).Mailbox(ctx, mail.Inbox)
	}
	return err
}

var indexTemplate = template.Must(template.New("index").Parse(`<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>Constance</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #ddd}</style>
<h1>Constance</h1>
<table><tr><th>process<th>pid<th>connections<th>limit<th>served<th>since
{{range .Processes}}<tr><td>{{.Service}}<td>{{.PID}}<td>{{.Active}}<td>{{if .Limit}}{{.Limit}}{{end}}<td>{{.Accepted}}<td>{{.Started.Format "2006-01-02 15:04:05"}}
{{end}}</table>
{{range .Errors}}<p>No answer: {{.}}</p>{{end}}
<p>{{len .Sessions}} sessions. <a href="/metrics">Metrics</a>, <a href="/healthz">health</a>.</p>
</html>
`))

func (w *worker) indexPage(out http.ResponseWriter, r *http.Request) {
	out.Header().Set("Content-Type", "text/html; charset=utf-8")
	out.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	if err := indexTemplate.Execute(out, admin.Look(r.Context(), w.runDir())); err != nil {
		w.log.Debug("index page", "err", err)
	}
}
