package metrics

import (
	"context"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// noPhase is what an object has that nobody has looked at yet, and a DataLoad that is not due.
const noPhase = "None"

// WatchPhases counts the objects of a kind by what `phase` says of each, from the next start of the cache on.
func (m *Metrics) WatchPhases(ctx context.Context, caches cache.Cache, kind string, of client.Object, phase func(client.Object) string) error {
	informer, err := caches.GetInformer(ctx, of)
	if err != nil {
		return err
	}
	_, err = informer.AddEventHandler(m.counting(kind, phase))
	return err
}

func (m *Metrics) counting(kind string, phase func(client.Object) string) toolscache.ResourceEventHandler {
	count := func(object any, change float64) {
		if last, missed := object.(toolscache.DeletedFinalStateUnknown); missed {
			object = last.Obj
		}
		if known, is := object.(client.Object); is {
			m.objects.WithLabelValues(kind, orNone(phase(known))).Add(change)
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { count(object, 1) },
		UpdateFunc: func(before, after any) { count(before, -1); count(after, 1) },
		DeleteFunc: func(object any) { count(object, -1) },
	}
}

func orNone(phase string) string {
	if phase == "" {
		return noPhase
	}
	return phase
}
