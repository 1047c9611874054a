package nodes

import (
	"context"
	"slices"
	"sync"

	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/source"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
)

// Change is a node's report, and the volumes of which it says something new.
type Change struct {
	Cache   *nodev1.NodeCache
	Volumes []string
}

// Feed fills an Index from a watch, and tells controllers what changed. Every replica has one, as every replica answers
// webhooks; controllers subscribe where they run.
type Feed struct {
	Index *Index

	mutex       sync.Mutex
	subscribers []func(Change)
}

// Watch begins with the next start of the cache.
func (f *Feed) Watch(ctx context.Context, caches ctrlcache.Cache) error {
	informer, err := caches.GetInformer(ctx, &nodev1.NodeCache{})
	if err != nil {
		return err
	}
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { f.set(object) },
		UpdateFunc: func(_, object any) { f.set(object) },
		DeleteFunc: func(object any) {
			if last, missed := object.(cache.DeletedFinalStateUnknown); missed {
				object = last.Obj
			}
			if gone, is := object.(*nodev1.NodeCache); is {
				f.tell(Change{Cache: gone, Volumes: f.Index.Remove(gone.Name)})
			}
		},
	})
	return err
}

func (f *Feed) set(object any) {
	if report, is := object.(*nodev1.NodeCache); is {
		f.tell(Change{Cache: report, Volumes: f.Index.Set(report)})
	}
}

func (f *Feed) tell(change Change) {
	f.mutex.Lock()
	subscribers := slices.Clone(f.subscribers)
	f.mutex.Unlock()
	for _, subscriber := range subscribers {
		subscriber(change)
	}
}

// Source enqueues what a change concerns.
func (f *Feed) Source(concerned func(context.Context, Change) []ctrl.Request) source.Source {
	return source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[ctrl.Request]) error {
		f.mutex.Lock()
		defer f.mutex.Unlock()
		f.subscribers = append(f.subscribers, func(change Change) {
			for _, request := range concerned(ctx, change) {
				queue.Add(request)
			}
		})
		return nil
	})
}
