package dataload

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/conflict"
)

// Fields that DataLoads are found by.
const (
	uidIndex     = "metadata.uid"
	DatasetIndex = "spec.dataset"  // NAMESPACE/NAME
	afterIndex   = "spec.runAfter" // NAMESPACE/NAME
	// NodeIndex finds the loads that execute on a node.
	NodeIndex = "status.nodes"
)

// Setup makes the controller known to the manager. `reported` brings the loads of which nodes said something new.
func (r *Reconciler) Setup(manager ctrl.Manager, reported source.Source) error {
	indexes := map[string]func(*v1alpha2.DataLoad) []string{
		uidIndex:     func(load *v1alpha2.DataLoad) []string { return []string{string(load.UID)} },
		DatasetIndex: func(load *v1alpha2.DataLoad) []string { return []string{load.Namespace + "/" + load.Spec.Dataset.Name} },
		afterIndex: func(load *v1alpha2.DataLoad) []string {
			if load.Spec.RunAfter == nil {
				return nil
			}
			return []string{load.Namespace + "/" + load.Spec.RunAfter.Name}
		},
		NodeIndex: executingOn,
	}
	for name, values := range indexes {
		if err := manager.GetFieldIndexer().IndexField(context.Background(), &v1alpha2.DataLoad{}, name, func(object client.Object) []string {
			return values(object.(*v1alpha2.DataLoad))
		}); err != nil {
			return err
		}
	}
	return ctrl.NewControllerManagedBy(manager).Named("dataload").
		For(&v1alpha2.DataLoad{}).
		Owns(&corev1.Pod{}).
		Watches(&v1alpha2.DataLoad{}, r.foundBy(afterIndex)).
		Watches(&v1alpha2.Dataset{}, r.foundBy(DatasetIndex), builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})).
		WatchesRawSource(reported).
		Complete(conflict.Quietly(r))
}

func executingOn(load *v1alpha2.DataLoad) (nodes []string) {
	if load.Status.Phase != v1alpha1.OperationPhaseExecuting || load.DeletionTimestamp != nil {
		return nil
	}
	for _, node := range load.Status.Nodes {
		nodes = append(nodes, node.Node)
	}
	return nodes
}

// foundBy enqueues the loads that name the object.
func (r *Reconciler) foundBy(index string) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, object client.Object) []ctrl.Request {
		return r.find(ctx, index, object.GetNamespace()+"/"+object.GetName())
	})
}

func (r *Reconciler) find(ctx context.Context, index, value string) (requests []ctrl.Request) {
	list := &v1alpha2.DataLoadList{}
	if err := r.Client.List(ctx, list, client.MatchingFields{index: value}); err != nil {
		return nil // it is looked at again after waitEvery
	}
	for i := range list.Items {
		requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}

// OfReport are the loads that a node's report is about.
func (r *Reconciler) OfReport(ctx context.Context, cache *nodev1.NodeCache) (requests []ctrl.Request) {
	seen := map[types.NamespacedName]bool{}
	for _, load := range cache.Status.Loads {
		uid, _, found := cutRun(load.ID)
		if !found {
			continue
		}
		for _, request := range r.find(ctx, uidIndex, uid) {
			if !seen[request.NamespacedName] {
				seen[request.NamespacedName], requests = true, append(requests, request)
			}
		}
	}
	return requests
}

// cutRun takes an ID apart.
func cutRun(id string) (uid, run string, found bool) {
	rest, found := strings.CutPrefix(id, nodev1.LoadPrefix)
	at := strings.LastIndexByte(rest, '-')
	if !found || at < 0 {
		return "", "", false
	}
	return rest[:at], rest[at+1:], true
}
