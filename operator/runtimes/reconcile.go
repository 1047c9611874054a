package runtimes

import (
	"context"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/conflict"
	"github.com/sluice-cache/sluice/operator/phase"
)

// workers is how many runtimes of a kind are worked on at a time: each waits for the API server most of the time, and
// there is one for each Dataset.
const workers = 4

// Reconciler says in a runtime's status what has become of it. Its settings are the Dataset's business, which is looked
// at again whenever its runtime changes (package dataset).
type Reconciler struct {
	Client client.Client
	kind   kind
}

// Reconcile computes one runtime's status.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	object := r.kind.new()
	if err := r.Client.Get(ctx, request.NamespacedName, object); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if object.GetDeletionTimestamp() != nil {
		return ctrl.Result{}, nil
	}
	settings, wrong, err := r.kind.settings(ctx, r.Client, object)
	if err != nil {
		return ctrl.Result{}, err
	}
	seen := phase.RuntimeSeen{Generation: object.GetGeneration(), Replicas: settings.Replicas}
	if err := wrong.ToAggregate(); err != nil {
		seen.Refusal = err.Error()
	}
	all, err := All(ctx, r.Client, request.NamespacedName)
	if err != nil {
		return ctrl.Result{}, err
	}
	if len(all) > 0 && all[0].Kind != r.kind.name {
		seen.Overruled = fmt.Sprintf("%s %s counts; delete one of them", all[0].Kind, request.Name)
	}
	dataset := &v1alpha2.Dataset{}
	err = r.Client.Get(ctx, request.NamespacedName, dataset)
	if err != nil && !apierrors.IsNotFound(err) {
		return ctrl.Result{}, err
	}
	if err == nil {
		seen.Dataset = &dataset.Status
	}
	status := statusOf(object)
	before := status.DeepCopy()
	phase.Runtime(seen, status)
	if equality.Semantic.DeepEqual(before, status) {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, r.Client.Status().Update(ctx, object)
}

// statusOf any kind: they all have the same one.
func statusOf(object client.Object) *v1alpha2.RuntimeStatus {
	return reflect.ValueOf(object).Elem().FieldByName("Status").Addr().Interface().(*v1alpha2.RuntimeStatus)
}

// Setup makes a controller for each kind known to the manager.
func Setup(manager ctrl.Manager) error {
	for _, kind := range kinds {
		if err := ctrl.NewControllerManagedBy(manager).Named(kind.name).
			For(kind.new()).
			Watches(&v1alpha2.Dataset{}, &handler.EnqueueRequestForObject{}).
			WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
			Complete(conflict.Quietly(&Reconciler{Client: manager.GetClient(), kind: kind})); err != nil {
			return err
		}
	}
	return nil
}
