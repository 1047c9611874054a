// Package dataset makes of each Dataset a PersistentVolume and a claim of its name, keeps what nodes serve in step with
// the spec, and says in its status what nodes report.
//
//	reconcile.go  one Dataset: what is wanted, what is there, what to write
//	describe.go   spec and runtime ─► volume.Description
//	observe.go    claim and nodes' reports ─► status
//	pace.go       when a status is written that differs in counters only
//	change.go     how far nodes are with what has changed
//	leftovers.go  PersistentVolumes whose Dataset is gone
//	setup.go      what is watched
//
// There is no finalizer: the claim goes with its Dataset as soon as no pod uses it (Kubernetes sees to both), the
// PersistentVolume with its claim. Nothing can hang on this controller.
package dataset

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/describe"
	"github.com/sluice-cache/sluice/operator/nodes"
	"github.com/sluice-cache/sluice/operator/phase"
	"github.com/sluice-cache/sluice/operator/policy"
	"github.com/sluice-cache/sluice/operator/volume"
)

// Reconciler of Datasets.
type Reconciler struct {
	Client client.Client
	// Live reads what the caches leave out: claims that are not ours.
	Live   client.Reader
	Nodes  *nodes.Index
	Policy policy.Policy
	Events events.EventRecorder
	Now    func() time.Time
	// Delayed is called when a status waits because too many are to be written.
	Delayed func()

	pace *pace
}

// Reconcile brings one Dataset's volume and status in step with its spec and with what nodes report.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	dataset := &v1alpha2.Dataset{}
	if err := r.Client.Get(ctx, request.NamespacedName, dataset); err != nil {
		r.pace.forget(request.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if dataset.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	seen := phase.DatasetSeen{Generation: dataset.Generation}
	described, err := r.describe(ctx, dataset)
	if err != nil {
		return ctrl.Result{}, err
	}
	if described.refusal != "" {
		seen.Refusal = described.refusal
		if err := r.withdraw(ctx, dataset); err != nil {
			return ctrl.Result{}, err
		}
	} else if err := r.ensure(ctx, dataset, described.volume, &seen); err != nil {
		return ctrl.Result{}, err
	}
	return r.report(ctx, dataset, described, seen)
}

// ensure makes what is missing of the volume. An obstacle is not an error: it is seen, and retried when it changes.
func (r *Reconciler) ensure(ctx context.Context, dataset *v1alpha2.Dataset, wanted volume.Description, seen *phase.DatasetSeen) error {
	persistent, err := volume.PersistentVolume(dataset, wanted)
	if err != nil {
		seen.Refusal = err.Error()
		return nil
	}
	claim, err := volume.Claim(dataset)
	if err != nil {
		seen.Refusal = err.Error()
		return nil
	}
	present := &corev1.PersistentVolumeClaim{}
	err = r.Client.Get(ctx, client.ObjectKeyFromObject(claim), present)
	switch {
	case apierrors.IsNotFound(err):
		// Ours are cached by their label: somebody else's of that name shows when ours is created.
	case err != nil:
		return err
	case !metav1.IsControlledBy(present, dataset):
		// Of a Dataset of this name that was deleted while pods use it: it goes when they do.
		seen.Obstacle = fmt.Sprintf("the claim %s/%s of a Dataset that was deleted is still in use; it goes with the last pod that uses it", claim.Namespace, claim.Name)
		return nil
	default:
		seen.Claim = present.Status.Phase
	}
	if err := r.ensureVolume(ctx, persistent, wanted, seen); err != nil || seen.Obstacle != "" || seen.Claim != "" {
		return err
	}
	err = r.Client.Create(ctx, claim)
	if apierrors.IsAlreadyExists(err) {
		if err := r.Live.Get(ctx, client.ObjectKeyFromObject(claim), present); err != nil || metav1.IsControlledBy(present, dataset) {
			return client.IgnoreNotFound(err) // our own, which the cache does not show yet
		}
		seen.Obstacle = fmt.Sprintf("there is a PersistentVolumeClaim %s/%s already that is not this Dataset's; delete it, or give the Dataset another name", claim.Namespace, claim.Name)
		return nil
	}
	if apierrors.IsForbidden(err) { // a ResourceQuota, say
		seen.Obstacle = err.Error()
		return nil
	}
	return err
}

// withdraw takes the claim away from who may no longer see another's Dataset. Pods that have it keep it to their end.
func (r *Reconciler) withdraw(ctx context.Context, dataset *v1alpha2.Dataset) error {
	if describe.ReferenceOf(dataset) == nil {
		return nil
	}
	claim := &corev1.PersistentVolumeClaim{}
	err := r.Client.Get(ctx, client.ObjectKeyFromObject(dataset), claim)
	if err != nil || claim.DeletionTimestamp != nil || !metav1.IsControlledBy(claim, dataset) {
		return client.IgnoreNotFound(err)
	}
	return client.IgnoreNotFound(r.Client.Delete(ctx, claim, client.Preconditions{UID: &claim.UID}))
}

// ensureVolume creates the PersistentVolume, or writes down what is different from it now. One that was bound to a claim
// which is gone is in the way; leftovers.go removes it.
func (r *Reconciler) ensureVolume(ctx context.Context, wanted *corev1.PersistentVolume, description volume.Description, seen *phase.DatasetSeen) error {
	present := &corev1.PersistentVolume{}
	err := r.Client.Get(ctx, client.ObjectKeyFromObject(wanted), present)
	if apierrors.IsNotFound(err) {
		return client.IgnoreAlreadyExists(r.Client.Create(ctx, wanted))
	}
	if err != nil {
		return err
	}
	if present.DeletionTimestamp != nil || present.Status.Phase == corev1.VolumeReleased {
		seen.Obstacle = "the PersistentVolume of a claim that was deleted is about to go; then both are made anew"
		return nil
	}
	seen.Change.Generation, err = r.writeChange(ctx, present, wanted.Name, description)
	return err
}

// writeChange keeps VolumeParameters in step, once there is a difference from the PersistentVolume, and returns their
// generation; 0: there are none, or there are, and the cache does not show them yet.
func (r *Reconciler) writeChange(ctx context.Context, present *corev1.PersistentVolume, name string, description volume.Description) (int64, error) {
	change := &nodev1.VolumeParameters{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{volume.ManagedByLabel: volume.ManagedBy},
	}}
	err := r.Client.Get(ctx, client.ObjectKeyFromObject(change), change)
	if client.IgnoreNotFound(err) != nil {
		return 0, err
	}
	parameters := description.Parameters()
	same := present.Spec.CSI != nil && equality.Semantic.DeepEqual(present.Spec.CSI.VolumeAttributes, parameters)
	switch {
	case err != nil && same:
		return 0, nil
	case err != nil:
		change.Spec.Parameters = parameters
		err = client.IgnoreAlreadyExists(r.Client.Create(ctx, change))
	case !equality.Semantic.DeepEqual(change.Spec.Parameters, parameters):
		// Also when the spec is again what it was in the beginning: nodes go by the change's generation.
		change.Spec.Parameters = parameters
		err = r.Client.Update(ctx, change)
	}
	return change.Generation, err
}
