package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap/zapcore"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/wiring"
)

// settledFor is how long the operator has to have nothing to do before the next window begins.
const settledFor = 5 * time.Second

// measured is all that was.
type measured struct {
	creating, busy, idle window
	boundWhileCreating   []wait
	boundAlone           []wait
	pods                 pods
	restart              restarted
	peak                 uint64 // of the operator, in its first life
	storedBytes          uint64 // the API server's database
	failedTurns          int64  // of agents
}

// restarted is how the operator begins where everything is there already.
type restarted struct {
	ready, workedOff time.Duration // since it was started
	use              use           // until then
}

// measurement is what the phases share.
type measurement struct {
	plan     plan
	say      func(string)
	cluster  *cluster
	program  string
	operator *operator
	datasets *datasets
	fleet    *fleet
	fail     context.CancelCauseFunc // ends the measurement
}

func measure(ctx context.Context, asked plan, say func(string)) (result measured, err error) {
	ctrl.SetLogger(zap.New(zap.WriteTo(os.Stderr), zap.Level(zapcore.ErrorLevel)))
	m := &measurement{plan: asked, say: say}
	defer m.end() // once nobody watches any more
	ctx, cancel := context.WithTimeout(ctx, asked.limit)
	defer cancel()
	ctx, m.fail = context.WithCancelCause(ctx)
	defer m.fail(nil)
	for _, phase := range []func(context.Context, *measured) error{m.begin, m.create, m.read, m.rest, m.again} {
		if err := phase(ctx, &result); err != nil {
			return result, errors.Join(context.Cause(ctx), err)
		}
	}
	result.failedTurns = m.fleet.failed.Load()
	return result, nil
}

func (m *measurement) begin(ctx context.Context, _ *measured) (err error) {
	m.say("the API server, the operator, the nodes")
	if m.cluster, err = startCluster(ctx); err != nil {
		return err
	}
	if m.program, err = m.cluster.build(ctx, m.plan.operator); err != nil {
		return err
	}
	if err := m.startOperator(ctx); err != nil {
		return err
	}
	caches, err := cache.New(m.cluster.server.Config, cache.Options{Scheme: wiring.Scheme(), ByObject: map[client.Object]cache.ByObject{
		&v1alpha2.Dataset{}: {Transform: onlyPhase}, &corev1.PersistentVolumeClaim{}: {Transform: cache.TransformStripManagedFields()},
	}})
	if err != nil {
		return err
	}
	reading, err := client.New(m.cluster.server.Config, client.Options{Scheme: wiring.Scheme(), Cache: &client.CacheOptions{Reader: caches}})
	if err != nil {
		return err
	}
	m.fleet = newFleet(reading, m.plan)
	m.datasets = &datasets{api: m.cluster.api, plan: m.plan, onBound: m.fleet.mount}
	if err := m.datasets.watch(ctx, caches); err != nil {
		return err
	}
	for _, kind := range []client.Object{&nodev1.NodeCache{}, &nodev1.CachePool{}} {
		if _, err := caches.GetInformer(ctx, kind); err != nil {
			return err
		}
	}
	go func() { _ = caches.Start(ctx) }() // it ends with the context
	if !caches.WaitForCacheSync(ctx) {
		return fmt.Errorf("the watch of Datasets and nodes has not begun: %w", ctx.Err())
	}
	if err := m.fleet.join(ctx); err != nil {
		return err
	}
	m.fleet.run(ctx)
	return m.settle(ctx)
}

// startOperator, and have everything end with it, unless it is asked to: on a machine that is too busy it may lose the lead.
func (m *measurement) startOperator(ctx context.Context) (err error) {
	if m.operator, err = m.cluster.startOperator(ctx, m.program); err != nil {
		return err
	}
	go func(watched *operator) {
		<-watched.Done()
		if !watched.WasAsked() {
			m.fail(fmt.Errorf("sluice-operator ended by itself:\n%s", watched.LastWords()))
		}
	}(m.operator)
	return nil
}

func (m *measurement) end() {
	if m.operator != nil {
		m.operator.Kill()
	}
	if m.cluster != nil {
		m.cluster.stop()
	}
}

// create makes the many, and waits until pods could use each.
func (m *measurement) create(ctx context.Context, result *measured) (err error) {
	result.creating, err = m.during(ctx, "creating", func() error {
		if err := m.datasets.makeAll(ctx); err != nil {
			return err
		}
		return poll(ctx, 100*time.Millisecond, m.plan.limit, func() error {
			if bound := len(m.datasets.waits()); bound < m.plan.datasets {
				return fmt.Errorf("%d of %d Datasets are Bound", bound, m.plan.datasets)
			}
			return nil
		})
	})
	result.boundWhileCreating = m.datasets.waits()
	return err
}

// read has volumes read on all nodes; single Datasets and pods come meanwhile.
func (m *measurement) read(ctx context.Context, result *measured) (err error) {
	if err := m.settle(ctx); err != nil {
		return err
	}
	m.fleet.read.Store(int32(m.plan.read))
	if result.busy, err = m.during(ctx, "busy", func() error { return sleep(ctx, m.plan.busy) }); err != nil {
		return err
	}
	m.say("single Datasets, and pods")
	if result.boundAlone, err = probeDatasets(ctx, m.datasets); err != nil {
		return err
	}
	result.pods, err = probePods(ctx, m.datasets)
	m.fleet.read.Store(0)
	return err
}

// rest measures what is there while nobody does anything.
func (m *measurement) rest(ctx context.Context, result *measured) (err error) {
	if err := m.settle(ctx); err != nil {
		return err
	}
	result.idle, err = m.during(ctx, "idle", func() error { return sleep(ctx, m.plan.idle) })
	result.peak = result.idle.operator.peak
	if err != nil {
		return err
	}
	result.storedBytes, err = m.cluster.stored(ctx)
	return err
}

// again ends the operator and starts it where everything is there already.
func (m *measurement) again(ctx context.Context, result *measured) (err error) {
	m.say("the operator starts again")
	m.operator.Terminate()
	if err := m.startOperator(ctx); err != nil {
		return err
	}
	result.restart.ready = time.Since(m.operator.started)
	all := float64(m.plan.datasets + m.plan.probes)
	if err := poll(ctx, 50*time.Millisecond, m.plan.limit, func() error {
		seen, err := m.operator.total(ctx, "controller_runtime_reconcile_total", map[string]string{"controller": "dataset"})
		if err != nil || seen < all {
			return fmt.Errorf("%.0f of %.0f Datasets are looked at (%v)", seen, all, err)
		}
		return m.hasNothingToDo(ctx)
	}); err != nil {
		return err
	}
	result.restart.workedOff = time.Since(m.operator.started)
	result.restart.use, err = useOf(m.operator.ID())
	return err
}

// settle waits until the operator has had nothing to do for a while.
func (m *measurement) settle(ctx context.Context) error {
	since := time.Now()
	return poll(ctx, 100*time.Millisecond, m.plan.limit, func() error {
		if err := m.hasNothingToDo(ctx); err != nil {
			since = time.Now()
			return err
		}
		if time.Since(since) < settledFor {
			return fmt.Errorf("the operator has had nothing to do for %v only", time.Since(since))
		}
		return nil
	})
}

func (m *measurement) hasNothingToDo(ctx context.Context) error {
	for _, metric := range []string{"workqueue_depth", "controller_runtime_active_workers"} {
		count, err := m.operator.total(ctx, metric, nil)
		if err != nil {
			return err
		}
		if count > 0 {
			return fmt.Errorf("the operator's %s is %.0f", metric, count)
		}
	}
	return nil
}
