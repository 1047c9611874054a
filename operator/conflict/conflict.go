// Package conflict makes nothing of what is nothing: an object that changed between being read and being written is read
// again, without an error in the log.
package conflict

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// readAgainAfter is about how long a cache is behind.
const readAgainAfter = 100 * time.Millisecond

// Quietly repeats what `inner` could not write because of a conflict.
func Quietly(inner reconcile.Reconciler) reconcile.Reconciler {
	return reconcile.Func(func(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
		result, err := inner.Reconcile(ctx, request)
		if apierrors.IsConflict(err) {
			return ctrl.Result{RequeueAfter: readAgainAfter}, nil
		}
		return result, err
	})
}
