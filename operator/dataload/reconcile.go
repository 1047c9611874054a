// Package dataload runs DataLoads: it decides when and on which nodes, has the volume mounted there by a pod that does
// nothing, and sums up what the nodes report. The nodes do the work (package agent, and the daemon's prewarm jobs).
//
//	reconcile.go  one DataLoad: a step in its phase machine
//	due.go        when a run begins: once, by the clock, on an event
//	place.go      which nodes
//	pod.go        the pod that has the volume mounted
//	setup.go      what is watched
//
// What a run does is in the status: after a restart of anything it goes on from there. A DataLoad that is deleted takes
// its pods with it, and the nodes stop what nobody asks for any more (package nodecache).
package dataload

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/nodes"
	"github.com/sluice-cache/sluice/operator/phase"
	"github.com/sluice-cache/sluice/operator/translate"
)

// waitEvery is how often something that is waited for is looked at again, beside being watched.
const waitEvery = 30 * time.Second

// Reconciler of DataLoads.
type Reconciler struct {
	Client client.Client
	Nodes  *nodes.Index
	Events events.EventRecorder
	Now    func() time.Time
	// Image of the pods that have the volume mounted, and the program in it that does nothing.
	Image   string
	Command []string
	// Runtime is what the runtime of a Dataset says; nothing, if there is none.
	Runtime func(ctx context.Context, namespace, name string) (translate.CacheSettings, error)
}

// Reconcile takes one DataLoad a step further.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	load := &v1alpha2.DataLoad{}
	if err := r.Client.Get(ctx, request.NamespacedName, load); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if load.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	before := load.Status.DeepCopy()
	seen, next, err := r.see(ctx, load)
	if err != nil {
		return ctrl.Result{}, err
	}
	moved := phase.DataLoad(seen, &load.Status)
	if moved {
		r.onMove(load)
	}
	if err := r.pods(ctx, load); err != nil {
		return ctrl.Result{}, err
	}
	if left, expires := r.untilExpiry(load); expires {
		if left <= 0 {
			return ctrl.Result{}, client.IgnoreNotFound(r.Client.Delete(ctx, load, client.Preconditions{UID: &load.UID}))
		}
		next = earlier(next, left)
	}
	return r.write(ctx, load, before, next)
}

// see looks at everything that the next step depends on. `next`: when to look again; 0: when something changes.
func (r *Reconciler) see(ctx context.Context, load *v1alpha2.DataLoad) (seen phase.DataLoadSeen, next time.Duration, err error) {
	seen = phase.DataLoadSeen{Generation: load.Generation, Now: r.Now()}
	for _, problem := range Validate(load) {
		seen.Refusal = problem.Error()
	}
	if seen.Refusal != "" {
		return seen, 0, nil
	}
	dataset := &v1alpha2.Dataset{}
	err = r.Client.Get(ctx, client.ObjectKey{Namespace: load.Namespace, Name: load.Spec.Dataset.Name}, dataset)
	if client.IgnoreNotFound(err) != nil {
		return seen, 0, err
	}
	exists := err == nil
	seen.Due, next = isDue(load, dataset, r.Now())
	switch load.Status.Phase {
	case v1alpha1.OperationPhasePending:
		seen.WaitingFor, seen.Hopeless, err = r.obstacle(ctx, load, dataset, exists)
		if err == nil && seen.WaitingFor == "" && seen.Hopeless == "" {
			seen.WaitingFor, err = r.place(ctx, load, dataset)
		}
		if seen.WaitingFor != "" {
			next = earlier(next, waitEvery)
		}
	case v1alpha1.OperationPhaseExecuting:
		for _, node := range load.Status.Nodes {
			seen.Reports = append(seen.Reports, r.reportOf(load, node.Node, exists))
		}
		next = earlier(next, waitEvery)
	}
	return seen, next, err
}

// reportOf a node; that a load can come to no end there is a report, too.
func (r *Reconciler) reportOf(load *v1alpha2.DataLoad, node string, datasetExists bool) *nodev1.LoadStatus {
	report := r.Nodes.Load(node, ID(load))
	if report != nil && report.State.IsFinal() {
		return report
	}
	if !datasetExists {
		return &nodev1.LoadStatus{State: nodev1.LoadFailed, Message: "the Dataset was deleted"}
	}
	if !r.Nodes.Exists(node) {
		return &nodev1.LoadStatus{State: nodev1.LoadFailed, Message: "the node is no longer there"}
	}
	return report
}

// obstacle is what a run waits for before it begins, or why it never will.
func (r *Reconciler) obstacle(ctx context.Context, load *v1alpha2.DataLoad, dataset *v1alpha2.Dataset, exists bool) (waitingFor, hopeless string, err error) {
	if after := load.Spec.RunAfter; after != nil {
		waitingFor, hopeless, err = r.predecessor(ctx, load, after)
		if err != nil || waitingFor != "" || hopeless != "" {
			return waitingFor, hopeless, err
		}
	}
	name := fmt.Sprintf("Dataset %s/%s", load.Namespace, load.Spec.Dataset.Name)
	switch {
	case !exists:
		return name + ", which does not exist", "", nil
	case dataset.Status.Phase == v1alpha1.DatasetPhaseFailed && !onlyUnreachable(dataset):
		return fmt.Sprintf("%s: %s", name, readyOf(dataset.Status.Conditions)), "", nil
	case dataset.Status.Phase == v1alpha1.DatasetPhaseNone || dataset.Status.Phase == v1alpha1.DatasetPhaseNotBound:
		return name + " to be bound", "", nil
	}
	return "", "", nil
}

// predecessor: another load of the namespace that has to be complete. One that failed fails this one, too: nobody waits
// for ever.
func (r *Reconciler) predecessor(ctx context.Context, load *v1alpha2.DataLoad, after *v1alpha1.OperationRef) (waitingFor, hopeless string, err error) {
	other := &v1alpha2.DataLoad{}
	name := fmt.Sprintf("%s %s", after.Kind, after.Name)
	err = r.Client.Get(ctx, client.ObjectKey{Namespace: load.Namespace, Name: after.Name}, other)
	switch {
	case apierrors.IsNotFound(err):
		return name + ", which does not exist", "", nil
	case err != nil:
		return "", "", err
	case other.Status.Phase == v1alpha1.OperationPhaseFailed:
		return "", fmt.Sprintf("%s, after which it was to run, failed", name), nil
	case other.Status.Phase != v1alpha1.OperationPhaseComplete:
		return name + " to be complete", "", nil
	}
	return "", "", nil
}

// onMove keeps what a phase begins with.
func (r *Reconciler) onMove(load *v1alpha2.DataLoad) {
	status, now := &load.Status, metav1.NewTime(r.Now())
	switch status.Phase {
	case v1alpha1.OperationPhasePending:
		status.Run++
		status.LastScheduleTime = &now
		status.Started, status.Finished, status.Duration = nil, nil, ""
	case v1alpha1.OperationPhaseFailed:
		r.Events.Eventf(load, nil, corev1.EventTypeWarning, "Failed", "Load", "%s", readyOf(load.Status.Conditions))
	default:
		r.Events.Eventf(load, nil, corev1.EventTypeNormal, string(status.Phase), "Load", "run %d: %s", status.Run, readyOf(load.Status.Conditions))
	}
}

// write the status, if it is another one.
func (r *Reconciler) write(ctx context.Context, load *v1alpha2.DataLoad, before *v1alpha2.DataLoadStatus, next time.Duration) (ctrl.Result, error) {
	result := ctrl.Result{RequeueAfter: next}
	if equality.Semantic.DeepEqual(*before, load.Status) {
		return result, nil
	}
	if err := r.Client.Status().Update(ctx, load); err != nil {
		return ctrl.Result{}, err
	}
	if before.Phase != load.Status.Phase {
		result.RequeueAfter = time.Millisecond // the next step may be possible at once
	}
	return result, nil
}

// untilExpiry is how long an ended load stays. One that runs again has no end.
func (r *Reconciler) untilExpiry(load *v1alpha2.DataLoad) (left time.Duration, expires bool) {
	ttl, status := load.Spec.TTLSecondsAfterFinished, load.Status
	if ttl == nil || status.Finished == nil || policyOf(load) != v1alpha1.Once {
		return 0, false
	}
	return status.Finished.Add(time.Duration(*ttl) * time.Second).Sub(r.Now()), true
}

// ID of the present run, on every node.
func ID(load *v1alpha2.DataLoad) string {
	return fmt.Sprintf("%s%s-%d", nodev1.LoadPrefix, load.UID, load.Status.Run)
}

// onlyUnreachable: no node could mount it so far. A load may try: its message is the source's own.
func onlyUnreachable(dataset *v1alpha2.Dataset) bool {
	return meta.IsStatusConditionTrue(dataset.Status.Conditions, v1alpha2.ConditionBound)
}

func readyOf(conditions []metav1.Condition) string {
	if ready := meta.FindStatusCondition(conditions, v1alpha2.ConditionReady); ready != nil {
		return ready.Message
	}
	return ""
}

func earlier(a, b time.Duration) time.Duration {
	if a == 0 || b < a {
		return b
	}
	return a
}
