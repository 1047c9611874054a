package dataset

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/conflict"
	"github.com/sluice-cache/sluice/operator/describe"
	"github.com/sluice-cache/sluice/operator/nodes"
	"github.com/sluice-cache/sluice/operator/runtimes"
	"github.com/sluice-cache/sluice/operator/volume"
)

// uidIndex finds a Dataset by its UID, uses finds those that refer to another, by "NAMESPACE/NAME".
const (
	uidIndex        = "metadata.uid"
	referencesIndex = "spec.references"
)

// workers is how many Datasets are worked on at a time: each waits for the API server most of the time.
const workers = 8

// Setup makes the controllers known to the manager. `reported` brings the volumes of which nodes said something new.
func (r *Reconciler) Setup(manager ctrl.Manager, reported source.Source) error {
	r.pace = newPace(r.Delayed)
	index := manager.GetFieldIndexer()
	if err := index.IndexField(context.Background(), &v1alpha2.Dataset{}, uidIndex, func(object client.Object) []string {
		return []string{string(object.GetUID())}
	}); err != nil {
		return err
	}
	if err := index.IndexField(context.Background(), &v1alpha2.Dataset{}, referencesIndex, func(object client.Object) []string {
		return referredTo(object.(*v1alpha2.Dataset))
	}); err != nil {
		return err
	}
	build := ctrl.NewControllerManagedBy(manager).Named("dataset").
		For(&v1alpha2.Dataset{}).
		Owns(&corev1.PersistentVolumeClaim{}).
		Watches(&v1alpha2.Dataset{}, handler.EnqueueRequestsFromMapFunc(r.neighbours)).
		Watches(&v1alpha2.DataLoad{}, handler.EnqueueRequestsFromMapFunc(loaded)).
		Watches(&corev1.PersistentVolume{}, handler.EnqueueRequestsFromMapFunc(named)).
		Watches(&nodev1.VolumeParameters{}, handler.EnqueueRequestsFromMapFunc(r.changed)).
		WatchesRawSource(reported).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers})
	for _, kind := range runtimes.Objects() {
		build = build.Watches(kind, &handler.EnqueueRequestForObject{})
	}
	if err := build.Complete(conflict.Quietly(r)); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(manager).Named("leftovers").
		For(&corev1.PersistentVolume{}).
		Complete(conflict.Quietly(&Leftovers{Client: r.Client}))
}

// OfReport are the Datasets that a node said something new about.
func (r *Reconciler) OfReport(ctx context.Context, change nodes.Change) (requests []ctrl.Request) {
	for _, handle := range change.Volumes {
		requests = append(requests, r.ofVolume(ctx, handle)...)
	}
	return requests
}

// changed is the Dataset whose volume VolumeParameters are about.
func (r *Reconciler) changed(ctx context.Context, object client.Object) []ctrl.Request {
	return r.ofVolume(ctx, object.GetName())
}

// ofVolume is the Dataset of a volume handle, if it is of one.
func (r *Reconciler) ofVolume(ctx context.Context, handle string) []ctrl.Request {
	uid, ours := strings.CutPrefix(handle, volume.HandlePrefix)
	if !ours {
		return nil
	}
	dataset, err := datasetWithUID(ctx, r.Client, uid)
	if err != nil || dataset == nil {
		return nil
	}
	return []ctrl.Request{{NamespacedName: client.ObjectKeyFromObject(dataset)}}
}

func datasetWithUID(ctx context.Context, reader client.Reader, uid string) (*v1alpha2.Dataset, error) {
	list := &v1alpha2.DatasetList{}
	if err := reader.List(ctx, list, client.MatchingFields{uidIndex: uid}); err != nil || len(list.Items) == 0 {
		return nil, err
	}
	return &list.Items[0], nil
}

// neighbours are the Datasets that a change of this one concerns: those that it refers to, and those that refer to it.
func (r *Reconciler) neighbours(ctx context.Context, object client.Object) []ctrl.Request {
	var requests []ctrl.Request
	for _, reference := range referredTo(object.(*v1alpha2.Dataset)) {
		if namespace, name, ok := strings.Cut(reference, "/"); ok {
			requests = append(requests, ctrl.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}})
		}
	}
	list := &v1alpha2.DatasetList{}
	if err := r.Client.List(ctx, list, client.MatchingFields{referencesIndex: object.GetNamespace() + "/" + object.GetName()}); err != nil {
		return requests // the next change brings them
	}
	for i := range list.Items {
		requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}

// named is the Dataset that a PersistentVolume says it is for.
func named(_ context.Context, object client.Object) []ctrl.Request {
	namespace, name, found := strings.Cut(object.GetAnnotations()[volume.DatasetNameAnnotation], "/")
	if !found {
		return nil
	}
	return []ctrl.Request{{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}}
}

func loaded(_ context.Context, object client.Object) []ctrl.Request {
	load := object.(*v1alpha2.DataLoad)
	return []ctrl.Request{{NamespacedName: types.NamespacedName{Namespace: load.Namespace, Name: load.Spec.Dataset.Name}}}
}

// referredTo is the Dataset that this one shows a part of.
func referredTo(dataset *v1alpha2.Dataset) []string {
	if reference := describe.ReferenceOf(dataset); reference != nil {
		return []string{reference.Dataset.String()}
	}
	return nil
}
