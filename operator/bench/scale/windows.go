package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"
)

// window is what a stretch of time took.
type window struct {
	took       time.Duration
	operator   use                      // cpu: in this window
	others     map[string]time.Duration // CPU time of the servers, by name, and of the nodes' players
	reconciles float64                  // of Datasets
	writes     float64                  // requests of the operator to the API server that were no reads
}

// cores that the operator used on average.
func (w window) cores() float64 { return w.operator.cpu.Seconds() / w.took.Seconds() }

// players is the name of this process among the others.
const players = "nodes and users, played"

// counters are what a window is the difference of.
type counters struct {
	at                 time.Time
	operator           use
	others             map[string]time.Duration
	reconciles, writes float64
}

func (m *measurement) count(ctx context.Context) (counters, error) {
	now := counters{at: time.Now(), others: map[string]time.Duration{}}
	var err error
	if now.operator, err = useOf(m.operator.ID()); err != nil {
		return now, err
	}
	ids := map[string]int{players: os.Getpid()}
	for _, server := range m.cluster.server.Processes() {
		ids[server.Name] = server.ID()
	}
	for name, id := range ids {
		used, err := useOf(id)
		if err != nil {
			return now, fmt.Errorf("%s: %w", name, err)
		}
		now.others[name] = used.cpu
	}
	if now.reconciles, err = m.operator.total(ctx, "controller_runtime_reconcile_total", map[string]string{"controller": "dataset"}); err != nil {
		return now, err
	}
	for _, verb := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		count, err := m.operator.total(ctx, "rest_client_requests_total", map[string]string{"method": verb})
		if err != nil {
			return now, err
		}
		now.writes += count
	}
	return now, nil
}

// during measures what happens while the function runs.
func (m *measurement) during(ctx context.Context, name string, run func() error) (window, error) {
	m.say(name)
	before, err := m.count(ctx)
	if err != nil {
		return window{}, err
	}
	profiled := m.profileCPU(ctx, name)
	if err := run(); err != nil {
		return window{}, fmt.Errorf("%s: %w", name, err)
	}
	after, err := m.count(ctx)
	if err != nil {
		return window{}, err
	}
	w := window{
		took: after.at.Sub(before.at), operator: after.operator, others: map[string]time.Duration{},
		reconciles: after.reconciles - before.reconciles, writes: after.writes - before.writes,
	}
	w.operator.cpu -= before.operator.cpu
	for _, other := range slices.Collect(maps.Keys(after.others)) {
		w.others[other] = after.others[other] - before.others[other]
	}
	m.say(fmt.Sprintf("  %.0f s: operator %.2f cores, %s, %.0f Datasets looked at, %.0f writes", w.took.Seconds(), w.cores(),
		mebibytes(w.operator.rss), w.reconciles, w.writes))
	if err := <-profiled; err != nil {
		return w, err
	}
	return w, m.profileHeap(ctx, name)
}

// sleep ends early, with an error, when the context does.
func sleep(ctx context.Context, length time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(length):
		return nil
	}
}
