package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// profiledSeconds of a window, from its beginning.
const profiledSeconds = 30

// profileCPU profiles the operator and the API server beside what is measured: files for `go tool pprof`.
func (m *measurement) profileCPU(ctx context.Context, window string) <-chan error {
	done := make(chan error, 1)
	if m.plan.profiles == "" {
		done <- nil
		return done
	}
	var group errgroup.Group
	for program, get := range map[string]func(context.Context, string) (io.ReadCloser, error){
		"operator": m.operator.pprof, "apiserver": m.cluster.pprof,
	} {
		group.Go(func() error {
			return m.keep(ctx, get, fmt.Sprintf("profile?seconds=%d", profiledSeconds), fmt.Sprintf("%s.%s.cpu", window, program))
		})
	}
	go func() { done <- group.Wait() }()
	return done
}

// profileHeap of the operator, at the end of a window.
func (m *measurement) profileHeap(ctx context.Context, window string) error {
	if m.plan.profiles == "" {
		return nil
	}
	return m.keep(ctx, m.operator.pprof, "heap?gc=1", window+".operator.heap")
}

func (m *measurement) keep(ctx context.Context, get func(context.Context, string) (io.ReadCloser, error), what, file string) error {
	from, err := get(ctx, what)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(filepath.Join(m.plan.profiles, file))
	if err != nil {
		return err
	}
	defer to.Close()
	_, err = io.Copy(to, from)
	return err
}

func (o *operator) pprof(ctx context.Context, what string) (io.ReadCloser, error) {
	return o.get(ctx, o.ports.profiles, "/debug/pprof/"+what)
}

func (c *cluster) pprof(ctx context.Context, what string) (io.ReadCloser, error) {
	return c.get(ctx, "/debug/pprof/"+what)
}
