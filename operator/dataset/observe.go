package dataset

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/nodes"
	"github.com/sluice-cache/sluice/operator/phase"
	"github.com/sluice-cache/sluice/operator/volume"
)

const (
	// topMax is how many nodes a status names.
	topMax = 10
	// obstacleEvery is how often something that this controller does not watch is looked at again.
	obstacleEvery = time.Minute
)

// report computes the status and writes it if it is another one: at once when the phase or a condition differs in more
// than its message, else when pace says so.
func (r *Reconciler) report(ctx context.Context, dataset *v1alpha2.Dataset, described described, seen phase.DatasetSeen) (ctrl.Result, error) {
	holders := r.Nodes.Holders(volume.Handle(dataset))
	seen.Mounted, seen.FailureCode, seen.Failure = r.mountsOf(dataset, holders)
	seen.Change = changeOf(seen.Change.Generation, holders)
	before := dataset.Status.DeepCopy()
	status := &dataset.Status
	phase.Dataset(seen, status)
	status.Volume = volume.Handle(dataset)
	status.Mounts = dataset.Spec.Mounts
	status.Runtimes = described.runtimes
	status.Operations = described.operations
	status.References = described.references
	status.Source, status.Cache = sourceStatus(holders), cacheStatus(holders, described.volume.Cache)

	result := ctrl.Result{}
	if seen.Obstacle != "" || seen.Refusal != "" {
		result.RequeueAfter = obstacleEvery
	}
	if equality.Semantic.DeepEqual(*before, *status) {
		return result, nil
	}
	key := types.NamespacedName{Namespace: dataset.Namespace, Name: dataset.Name}
	if !isUrgent(before, status) {
		if wait := r.pace.wait(key, r.Now()); wait > 0 {
			result.RequeueAfter = wait
			return result, nil
		}
	}
	if before.Phase != status.Phase {
		r.announce(dataset, before.Phase == "")
	}
	r.pace.written(key, r.Now())
	return result, r.Client.Status().Update(ctx, dataset)
}

// mountsOf says how many nodes have the volume mounted, and what the last node said that could not mount it.
func (r *Reconciler) mountsOf(dataset *v1alpha2.Dataset, holders []nodes.Holder) (mounted int, code, message string) {
	for _, holder := range holders {
		if holder.Volume.Mounted {
			mounted++
		}
		if holder.Volume.Message != "" {
			code, message = "PARTLY_APPLIED", fmt.Sprintf("node %s: %s", holder.Node.Name, holder.Volume.Message)
		}
	}
	var last time.Time
	failures := r.Nodes.Failures(volume.Handle(dataset))
	for _, node := range slices.Sorted(maps.Keys(failures)) {
		if failure := failures[node]; last.IsZero() || failure.Time.After(last) {
			last, code, message = failure.Time.Time, failure.Code, fmt.Sprintf("node %s: %s", node, failure.Message)
		}
	}
	return mounted, code, message
}

func (r *Reconciler) announce(dataset *v1alpha2.Dataset, first bool) {
	ready := meta.FindStatusCondition(dataset.Status.Conditions, v1alpha2.ConditionReady) // phase.Dataset has made it
	kind := corev1.EventTypeNormal
	if ready.Status != "True" && !(first && ready.Reason == "NotBound") {
		kind = corev1.EventTypeWarning
	}
	r.Events.Eventf(dataset, nil, kind, ready.Reason, string(dataset.Status.Phase), "%s", ready.Message)
}

// isUrgent: more than counters differs, and what conditions say of them. How many nodes have mounted it is one of these,
// and that the first one has: users wait for Ready. That none can mount it is none.
func isUrgent(before, after *v1alpha2.DatasetStatus) bool {
	a, b := withoutCounters(before), withoutCounters(after)
	if !meta.IsStatusConditionFalse(a.Conditions, v1alpha2.ConditionReachable) && !meta.IsStatusConditionFalse(b.Conditions, v1alpha2.ConditionReachable) {
		meta.RemoveStatusCondition(&a.Conditions, v1alpha2.ConditionReachable)
		meta.RemoveStatusCondition(&b.Conditions, v1alpha2.ConditionReachable)
	}
	return !equality.Semantic.DeepEqual(a, b)
}

func withoutCounters(status *v1alpha2.DatasetStatus) *v1alpha2.DatasetStatus {
	rest := status.DeepCopy()
	rest.Source, rest.Cache = v1alpha2.SourceStatus{}, v1alpha2.CacheStatus{}
	if applied := meta.FindStatusCondition(rest.Conditions, v1alpha2.ConditionApplied); applied != nil {
		applied.Message = "" // on how many nodes
	}
	return rest
}

// sourceStatus is that of the node which has listed most of the source.
func sourceStatus(holders []nodes.Holder) v1alpha2.SourceStatus {
	status := v1alpha2.SourceStatus{Size: "unknown"}
	for _, holder := range holders {
		seen := holder.Volume
		if better := seen.Listed && !status.Listed || seen.Listed == status.Listed && seen.Bytes > status.Bytes; better {
			status.Bytes, status.Files, status.Listed = seen.Bytes, seen.Files, seen.Listed
		}
	}
	switch {
	case status.Listed:
		status.Size = phase.Size(status.Bytes)
	case status.Bytes > 0:
		status.Size = "at least " + phase.Size(status.Bytes)
	}
	return status
}

func cacheStatus(holders []nodes.Holder, limits map[string]volume.Limit) v1alpha2.CacheStatus {
	var status v1alpha2.CacheStatus
	var hits, misses, most, of int64
	for _, holder := range holders {
		cached := holder.Volume.Cached()
		status.CachedBytes += cached
		hits, misses = hits+holder.Volume.HitBytes, misses+holder.Volume.MissBytes
		if cached == 0 && !holder.Volume.Mounted {
			continue
		}
		if cached > 0 {
			status.Nodes++
		}
		if cached > most {
			most, of = cached, holder.Volume.Bytes
		}
		for _, tier := range holder.Node.Status.Tiers {
			status.CapacityBytes += capacity(tier.Medium, tier.QuotaBytes, limits)
		}
		if len(status.Top) < topMax {
			status.Top = append(status.Top, v1alpha2.NodeShare{Node: holder.Node.Name, CachedBytes: cached, Mounted: holder.Volume.Mounted})
		}
	}
	status.Cached, status.Capacity = phase.Size(status.CachedBytes), phase.Size(status.CapacityBytes)
	if of > 0 {
		status.CachedPercentage = fmt.Sprintf("%.1f%%", min(100, 100*float64(most)/float64(of)))
	}
	if hits+misses > 0 {
		status.HitRatio = fmt.Sprintf("%.1f%%", 100*float64(hits)/float64(hits+misses))
	}
	return status
}

// capacity is what the dataset may take of a node's tier.
func capacity(medium string, quota int64, limits map[string]volume.Limit) int64 {
	if limits == nil {
		return quota
	}
	limit, may := limits[medium]
	switch {
	case !may:
		return 0
	case limit.QuotaBytes > 0:
		return min(quota, limit.QuotaBytes)
	}
	return quota
}
