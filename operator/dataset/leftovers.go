package dataset

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/volume"
)

// Leftovers deletes PersistentVolumes of ours once nothing uses them: their claim is gone, and so is their Dataset. A
// cluster-wide object cannot be owned by one of a namespace, so nobody else would.
type Leftovers struct {
	Client client.Client
}

// Reconcile looks at one PersistentVolume.
func (l *Leftovers) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	persistent := &corev1.PersistentVolume{}
	if err := l.Client.Get(ctx, request.NamespacedName, persistent); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if persistent.DeletionTimestamp != nil || persistent.Labels[volume.ManagedByLabel] != volume.ManagedBy {
		return ctrl.Result{}, nil
	}
	// Released: it was bound, and its claim has gone. A claim that a user deleted by hand comes back with a new volume of
	// the same name.
	if persistent.Status.Phase != corev1.VolumeReleased && persistent.Status.Phase != corev1.VolumeFailed {
		if used, err := l.mayBeUsed(ctx, persistent); err != nil || used {
			return ctrl.Result{}, err
		}
	}
	change := &nodev1.VolumeParameters{}
	change.Name = persistent.Name
	if err := client.IgnoreNotFound(l.Client.Delete(ctx, change)); err != nil {
		return ctrl.Result{}, err
	}
	only := client.Preconditions{UID: &persistent.UID, ResourceVersion: &persistent.ResourceVersion}
	return ctrl.Result{}, client.IgnoreNotFound(l.Client.Delete(ctx, persistent, only))
}

// mayBeUsed: it is bound, or its Dataset is there and will bind it.
func (l *Leftovers) mayBeUsed(ctx context.Context, persistent *corev1.PersistentVolume) (bool, error) {
	if persistent.Status.Phase == corev1.VolumeBound {
		return true, nil
	}
	dataset, err := datasetWithUID(ctx, l.Client, persistent.Labels[volume.DatasetLabel])
	return dataset != nil, err
}
