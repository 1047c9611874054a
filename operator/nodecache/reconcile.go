// Package nodecache writes what each node is to do into its NodeCache, and removes those of nodes that are gone.
package nodecache

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/conflict"
	"github.com/sluice-cache/sluice/operator/dataload"
	"github.com/sluice-cache/sluice/operator/translate"
	"github.com/sluice-cache/sluice/operator/volume"
)

// Reconciler of NodeCaches.
type Reconciler struct {
	Client client.Client
}

// Reconcile makes a node's spec say which loads execute there now: neither more nor less, whatever was there.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	cache := &nodev1.NodeCache{}
	if err := r.Client.Get(ctx, request.NamespacedName, cache); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	err := r.Client.Get(ctx, client.ObjectKey{Name: request.Name}, &corev1.Node{})
	if apierrors.IsNotFound(err) {
		return ctrl.Result{}, client.IgnoreNotFound(r.Client.Delete(ctx, cache, client.Preconditions{UID: &cache.UID}))
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	loads, err := r.loads(ctx, request.Name)
	if err != nil || equality.Semantic.DeepEqual(cache.Spec.Loads, loads) {
		return ctrl.Result{}, err
	}
	cache.Spec.Loads = loads
	return ctrl.Result{}, r.Client.Update(ctx, cache)
}

func (r *Reconciler) loads(ctx context.Context, node string) ([]nodev1.Load, error) {
	list := &v1alpha2.DataLoadList{}
	if err := r.Client.List(ctx, list, client.MatchingFields{dataload.NodeIndex: node}); err != nil {
		return nil, err
	}
	var loads []nodev1.Load
	for i := range list.Items {
		load := &list.Items[i]
		dataset := &v1alpha2.Dataset{}
		err := r.Client.Get(ctx, client.ObjectKey{Namespace: load.Namespace, Name: load.Spec.Dataset.Name}, dataset)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		loads = append(loads, asked(load, volume.Handle(dataset)))
	}
	slices.SortFunc(loads, func(a, b nodev1.Load) int { return strings.Compare(a.ID, b.ID) })
	return loads[:min(len(loads), nodev1.LoadsMax)], nil // the rest follows when some of these have ended
}

// asked is a load in the node's words. A run after the first sees what is new at the source; so does the first, of names
// that were listed before the load was made.
func asked(load *v1alpha2.DataLoad, handle string) nodev1.Load {
	settings, _, _ := translate.Load(&load.Spec) // what is wrong with it is refused before
	result := nodev1.Load{
		ID: dataload.ID(load), Volume: handle, MetadataOnly: settings.MetadataOnly, PublishNative: settings.PublishNative,
		BytesPerSecond: settings.BytesPerSecond,
		Refresh:        load.Spec.LoadMetadata != nil && *load.Spec.LoadMetadata || load.Status.Run > 1,
	}
	for _, target := range load.Spec.Target {
		result.Paths = append(result.Paths, target.Path)
	}
	return result
}

// Setup makes the controller known to the manager.
func (r *Reconciler) Setup(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).Named("nodecache").
		For(&nodev1.NodeCache{}).
		Watches(&corev1.Node{}, &handler.EnqueueRequestForObject{}).
		Watches(&v1alpha2.DataLoad{}, handler.EnqueueRequestsFromMapFunc(nodesOf)). // as it was, and as it is
		Complete(conflict.Quietly(r))
}

func nodesOf(_ context.Context, object client.Object) (requests []ctrl.Request) {
	for _, node := range object.(*v1alpha2.DataLoad).Status.Nodes {
		requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKey{Name: node.Node}})
	}
	return requests
}
