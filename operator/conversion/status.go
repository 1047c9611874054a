package conversion

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

func datasetStatusToFluid(from v1alpha2.DatasetStatus) v1alpha1.DatasetStatus {
	to := v1alpha1.DatasetStatus{
		Mounts: from.Mounts, Phase: from.Phase, Runtimes: from.Runtimes, UfsTotal: from.Source.Size,
		CacheStates: cacheStates(from.Cache), OperationRef: from.Operations, DatasetRef: from.References,
	}
	if from.Source.Size != "" {
		to.FileNum = strconv.FormatInt(from.Source.Files, 10)
	}
	for _, condition := range from.Conditions {
		to.Conditions = append(to.Conditions, v1alpha1.DatasetCondition{
			Type: v1alpha1.DatasetConditionType(condition.Type), Status: corev1.ConditionStatus(condition.Status),
			Reason: condition.Reason, Message: condition.Message,
			LastTransitionTime: timeOrNil(condition.LastTransitionTime),
		})
	}
	return to
}

func datasetStatusFromFluid(from v1alpha1.DatasetStatus) v1alpha2.DatasetStatus {
	to := v1alpha2.DatasetStatus{
		Mounts: from.Mounts, Phase: from.Phase, Runtimes: from.Runtimes, Source: v1alpha2.SourceStatus{Size: from.UfsTotal},
		Cache: cacheFromStates(from.CacheStates), Operations: from.OperationRef, References: from.DatasetRef,
	}
	if files, err := strconv.ParseInt(from.FileNum, 10, 64); err == nil {
		to.Source.Files = files
	}
	for _, condition := range from.Conditions {
		to.Conditions = append(to.Conditions, standard(string(condition.Type), condition.Status, condition.Reason, condition.Message, condition.LastTransitionTime))
	}
	return to
}

// cacheStates are Fluid's words; what a node cache has no other part of is all local.
func cacheStates(from v1alpha2.CacheStatus) v1alpha1.CacheStates {
	states := v1alpha1.CacheStates{}
	put := func(key, value string) {
		if value != "" {
			states[key] = value
		}
	}
	put(v1alpha1.CacheStateCached, from.Cached)
	put(v1alpha1.CacheStateCapacity, from.Capacity)
	put(v1alpha1.CacheStateCachedPercentage, from.CachedPercentage)
	put(v1alpha1.CacheStateHitRatio, from.HitRatio)
	put(v1alpha1.CacheStateLocalHitRatio, from.HitRatio)
	if len(states) == 0 {
		return nil
	}
	return states
}

func cacheFromStates(from v1alpha1.CacheStates) v1alpha2.CacheStatus {
	return v1alpha2.CacheStatus{
		Cached: from[v1alpha1.CacheStateCached], Capacity: from[v1alpha1.CacheStateCapacity],
		CachedPercentage: from[v1alpha1.CacheStateCachedPercentage], HitRatio: from[v1alpha1.CacheStateHitRatio],
	}
}

func loadStatusToFluid(from v1alpha2.DataLoadStatus) v1alpha1.OperationStatus {
	to := v1alpha1.OperationStatus{
		Phase: from.Phase, Duration: from.Duration,
		LastScheduleTime: from.LastScheduleTime, LastSuccessfulTime: from.LastSuccessfulTime,
	}
	if from.WaitingFor != "" {
		waiting := true
		to.WaitingFor = &v1alpha1.WaitingStatus{OperationComplete: &waiting}
	}
	if from.Progress.Summary != "" {
		to.Infos = map[string]string{"progress": from.Progress.Summary}
	}
	for _, condition := range from.Conditions {
		to.Conditions = append(to.Conditions, v1alpha1.OperationCondition{
			Type: v1alpha1.OperationConditionType(condition.Type), Status: corev1.ConditionStatus(condition.Status),
			Reason: condition.Reason, Message: condition.Message,
			LastTransitionTime: timeOrNil(condition.LastTransitionTime),
		})
	}
	return to
}

func loadStatusFromFluid(from v1alpha1.OperationStatus) v1alpha2.DataLoadStatus {
	to := v1alpha2.DataLoadStatus{
		Phase: from.Phase, Duration: from.Duration,
		LastScheduleTime: from.LastScheduleTime, LastSuccessfulTime: from.LastSuccessfulTime,
	}
	to.Progress.Summary = from.Infos["progress"]
	for _, condition := range from.Conditions {
		to.Conditions = append(to.Conditions, standard(string(condition.Type), condition.Status, condition.Reason, condition.Message, condition.LastTransitionTime))
	}
	return to
}

func runtimeStatusToFluid(from v1alpha2.RuntimeStatus) v1alpha1.RuntimeStatus {
	return v1alpha1.RuntimeStatus{
		MasterPhase: from.Phase, WorkerPhase: from.Phase, FusePhase: from.Phase,
		CurrentWorkerNumberScheduled: from.Replicas, WorkerNumberReady: from.Replicas, WorkerNumberAvailable: from.Replicas,
		Selector: from.Selector, CacheStates: cacheStates(from.Cache), Conditions: fluidConditions(from.Conditions),
	}
}

func runtimeStatusFromFluid(from v1alpha1.RuntimeStatus) v1alpha2.RuntimeStatus {
	return v1alpha2.RuntimeStatus{
		Phase: from.WorkerPhase, Replicas: from.CurrentWorkerNumberScheduled, Selector: from.Selector,
		Cache: cacheFromStates(from.CacheStates), Conditions: standardConditions(from.Conditions),
	}
}

func cacheRuntimeStatusToFluid(from v1alpha2.RuntimeStatus) v1alpha1.CacheRuntimeStatus {
	to := v1alpha1.CacheRuntimeStatus{Selector: from.Selector, Conditions: fluidConditions(from.Conditions)}
	if from.Phase != v1alpha1.RuntimePhaseNone || from.Replicas != 0 {
		to.Worker = &v1alpha1.RuntimeComponentStatus{
			Phase: from.Phase, CurrentReplicas: from.Replicas, ReadyReplicas: from.Replicas, AvailableReplicas: from.Replicas,
		}
	}
	return to
}

func cacheRuntimeStatusFromFluid(from v1alpha1.CacheRuntimeStatus) v1alpha2.RuntimeStatus {
	to := v1alpha2.RuntimeStatus{Selector: from.Selector, Conditions: standardConditions(from.Conditions)}
	if from.Worker != nil {
		to.Phase, to.Replicas = from.Worker.Phase, from.Worker.CurrentReplicas
	}
	return to
}

func fluidConditions(from []metav1.Condition) []v1alpha1.RuntimeCondition {
	var to []v1alpha1.RuntimeCondition
	for _, condition := range from {
		to = append(to, v1alpha1.RuntimeCondition{
			Type: v1alpha1.RuntimeConditionType(condition.Type), Status: corev1.ConditionStatus(condition.Status),
			Reason: condition.Reason, Message: condition.Message,
			LastTransitionTime: timeOrNil(condition.LastTransitionTime),
		})
	}
	return to
}

func standardConditions(from []v1alpha1.RuntimeCondition) []metav1.Condition {
	var to []metav1.Condition
	for _, condition := range from {
		to = append(to, standard(string(condition.Type), condition.Status, condition.Reason, condition.Message, condition.LastTransitionTime))
	}
	return to
}

func standard(kind string, status corev1.ConditionStatus, reason, message string, at *metav1.Time) metav1.Condition {
	condition := metav1.Condition{Type: kind, Status: metav1.ConditionStatus(status), Reason: reason, Message: message}
	if at != nil {
		condition.LastTransitionTime = *at
	}
	return condition
}

func timeOrNil(at metav1.Time) *metav1.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}
