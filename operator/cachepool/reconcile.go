package cachepool

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/source"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/conflict"
	"github.com/sluice-cache/sluice/operator/nodes"
)

// configuredCondition of a CachePool and of a NodeCache.
const configuredCondition = "Configured"

// Reconciler of CachePools.
type Reconciler struct {
	Client client.Client
	Nodes  *nodes.Index
}

// Reconcile counts the nodes where a CachePool is in force as it is now.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	pool := &nodev1.CachePool{}
	if err := r.Client.Get(ctx, request.NamespacedName, pool); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before := pool.Status.DeepCopy()
	Count(pool, r.Nodes.All())
	if equality.Semantic.DeepEqual(before, &pool.Status) {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, r.Client.Status().Update(ctx, pool)
}

// Count computes the status from what nodes report.
func Count(pool *nodev1.CachePool, caches []*nodev1.NodeCache) {
	status := &pool.Status
	status.ObservedGeneration, status.Nodes, status.Configured = pool.Generation, 0, 0
	refusal := ""
	for _, cache := range caches {
		if cache.Status.Pool.Name != pool.Name {
			continue
		}
		status.Nodes++
		if cache.Status.Pool.Generation != pool.Generation {
			continue // not asked yet, or away
		}
		if condition := meta.FindStatusCondition(cache.Status.Conditions, configuredCondition); condition != nil && condition.Status == metav1.ConditionFalse {
			if refusal == "" {
				refusal = fmt.Sprintf("node %s: %s", cache.Name, condition.Message)
			}
			continue
		}
		status.Configured++
	}
	condition := metav1.Condition{
		Type: configuredCondition, ObservedGeneration: pool.Generation, Status: metav1.ConditionTrue, Reason: "Applied",
		Message: fmt.Sprintf("in force on %d of %d nodes", status.Configured, status.Nodes),
	}
	switch {
	case refusal != "":
		condition.Status, condition.Reason, condition.Message = metav1.ConditionFalse, "Refused", refusal
	case status.Configured < status.Nodes:
		condition.Status, condition.Reason = metav1.ConditionFalse, "Applying"
	}
	meta.SetStatusCondition(&status.Conditions, condition)
}

// Setup makes the controller known to the manager. `reported` brings the pools of which nodes said something new.
func (r *Reconciler) Setup(manager ctrl.Manager, reported source.Source) error {
	return ctrl.NewControllerManagedBy(manager).Named("cachepool").
		For(&nodev1.CachePool{}).
		WatchesRawSource(reported).
		Complete(conflict.Quietly(r))
}

// OfReport is the pool that a node's report is about.
func OfReport(_ context.Context, change nodes.Change) []ctrl.Request {
	if change.Cache.Status.Pool.Name == "" {
		return nil
	}
	return []ctrl.Request{{NamespacedName: client.ObjectKey{Name: change.Cache.Status.Pool.Name}}}
}
