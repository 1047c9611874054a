package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/volume"
)

// creators is how many Datasets are being made at a time.
const creators = 16

// datasets makes Datasets, and sees by a watch when each becomes Bound.
//
// Threads: any.
type datasets struct {
	api     client.Client
	plan    plan
	onBound func(index int, handle string) // of each of the many, once

	mutex sync.Mutex
	lives map[client.ObjectKey]*life
}

// life of a Dataset. What has not been seen is zero.
type life struct {
	index                                      int // -1: a single one
	created, claimed, claimBound, datasetBound time.Time
}

// wait of a user.
type wait struct {
	all      time.Duration // from `create` to Bound
	operator time.Duration // of that, what was not the claim's binding, which is kube-controller-manager's
}

func (l *life) wait() wait {
	all := l.datasetBound.Sub(l.created)
	return wait{all: all, operator: all - max(0, l.claimBound.Sub(l.claimed))}
}

// onlyPhase keeps what is looked at here: the measurement's own memory is not to matter.
func onlyPhase(object any) (any, error) {
	if dataset, is := object.(*v1alpha2.Dataset); is {
		dataset.ManagedFields, dataset.Spec = nil, v1alpha2.DatasetSpec{}
		dataset.Status = v1alpha2.DatasetStatus{Phase: dataset.Status.Phase}
	}
	return object, nil
}

func (d *datasets) watch(ctx context.Context, caches cache.Cache) error {
	d.lives = map[client.ObjectKey]*life{}
	for kind, see := range map[client.Object]func(any){&v1alpha2.Dataset{}: d.see, &corev1.PersistentVolumeClaim{}: d.seeClaim} {
		informer, err := caches.GetInformer(ctx, kind)
		if err != nil {
			return err
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: see, UpdateFunc: func(_, object any) { see(object) },
		}); err != nil {
			return err
		}
	}
	return nil
}

func (d *datasets) see(object any) {
	dataset := object.(*v1alpha2.Dataset)
	if dataset.Status.Phase != v1alpha1.DatasetPhaseBound {
		return
	}
	d.mutex.Lock()
	one := d.lives[client.ObjectKeyFromObject(dataset)]
	first := one != nil && one.datasetBound.IsZero()
	if first {
		one.datasetBound = time.Now()
	}
	d.mutex.Unlock()
	if first && one.index >= 0 {
		d.onBound(one.index, volume.Handle(dataset))
	}
}

func (d *datasets) seeClaim(object any) {
	claim := object.(*corev1.PersistentVolumeClaim)
	d.mutex.Lock()
	defer d.mutex.Unlock()
	one := d.lives[client.ObjectKeyFromObject(claim)]
	if one == nil {
		return
	}
	if one.claimed.IsZero() {
		one.claimed = time.Now()
	}
	if one.claimBound.IsZero() && claim.Status.Phase == corev1.ClaimBound {
		one.claimBound = time.Now()
	}
}

// waits of those of the many that are Bound.
func (d *datasets) waits() (waits []wait) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for _, one := range d.lives {
		if one.index >= 0 && !one.datasetBound.IsZero() {
			waits = append(waits, one.wait())
		}
	}
	return waits
}

// waitFor one Dataset to be Bound.
func (d *datasets) waitFor(ctx context.Context, key client.ObjectKey, limit time.Duration) (waited wait, err error) {
	err = poll(ctx, 5*time.Millisecond, limit, func() error {
		d.mutex.Lock()
		defer d.mutex.Unlock()
		if d.lives[key].datasetBound.IsZero() {
			return fmt.Errorf("Dataset %s is not Bound after %v", key, limit)
		}
		waited = d.lives[key].wait()
		return nil
	})
	return waited, err
}

// makeAll of the many, as fast as the plan allows.
func (d *datasets) makeAll(ctx context.Context) error {
	for i := range d.plan.namespaces {
		if err := d.api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespaceOf(i)}}); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(creators)
	pace := rate.NewLimiter(rate.Limit(d.plan.rate), 1)
	for i := range d.plan.datasets {
		if err := pace.Wait(ctx); err != nil {
			break // the group knows why
		}
		group.Go(func() error {
			return d.make(ctx, client.ObjectKey{Namespace: namespaceOf(i % d.plan.namespaces), Name: fmt.Sprintf("dataset-%d", i)}, i)
		})
	}
	return group.Wait()
}

// make one, and its runtime.
func (d *datasets) make(ctx context.Context, key client.ObjectKey, index int) error {
	d.mutex.Lock()
	d.lives[key] = &life{index: index, created: time.Now()}
	d.mutex.Unlock()
	if err := d.api.Create(ctx, manifest(key, d.plan.version)); err != nil {
		return fmt.Errorf("Dataset %s: %w", key, err)
	}
	if !d.plan.runtimes {
		return nil
	}
	if err := d.api.Create(ctx, runtime(key)); err != nil {
		return fmt.Errorf("AlluxioRuntime %s: %w", key, err)
	}
	return nil
}

func namespaceOf(i int) string { return fmt.Sprintf("team-%d", i) }
