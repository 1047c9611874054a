package phase

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

// RuntimeSeen is what is known about a runtime now.
type RuntimeSeen struct {
	Generation int64
	Replicas   int32
	// Refusal is why the spec cannot work; empty: it can.
	Refusal string
	// Overruled says which other runtime of the name counts; empty: this one does.
	Overruled string
	// Dataset of the name; nil: there is none.
	Dataset *v1alpha2.DatasetStatus
}

// Runtime computes a runtime's phase and conditions:
//
//	phase         when
//	NotReady      it is refused or overruled, or there is no Dataset of its name that is bound
//	PartialReady  fewer nodes hold data than replicas asks for, and some do
//	Ready         its settings hold. No node need hold anything: data comes when it is read, or with a DataLoad
//
// Each leads to each of the others, by itself.
func Runtime(seen RuntimeSeen, status *v1alpha2.RuntimeStatus) {
	status.ObservedGeneration = seen.Generation
	status.Cache, status.Replicas = v1alpha2.CacheStatus{}, 0
	setRuntime := func(kind string, state metav1.ConditionStatus, reason, message string) {
		set(&status.Conditions, seen.Generation, kind, state, reason, message)
	}
	setRuntime(v1alpha2.ConditionAccepted, truth(seen.Refusal == ""), orElse(seen.Refusal == "", "Valid", "Invalid"), seen.Refusal)
	if seen.Dataset != nil {
		status.Cache = seen.Dataset.Cache
		status.Replicas = min(seen.Replicas, seen.Dataset.Cache.Nodes)
	}
	switch {
	case seen.Refusal != "":
		status.Phase = v1alpha1.RuntimePhaseNotReady
		setRuntime(v1alpha2.ConditionReady, metav1.ConditionFalse, "Invalid", seen.Refusal)
	case seen.Overruled != "":
		status.Phase = v1alpha1.RuntimePhaseNotReady
		setRuntime(v1alpha2.ConditionReady, metav1.ConditionFalse, "Overruled", seen.Overruled)
	case seen.Dataset == nil:
		status.Phase = v1alpha1.RuntimePhaseNotReady
		setRuntime(v1alpha2.ConditionReady, metav1.ConditionFalse, "NoDataset", "there is no Dataset of this name")
	case seen.Dataset.Phase != v1alpha1.DatasetPhaseBound:
		status.Phase = v1alpha1.RuntimePhaseNotReady
		setRuntime(v1alpha2.ConditionReady, metav1.ConditionFalse, "DatasetNotBound", "the Dataset of this name is not bound")
	case status.Replicas > 0 && status.Replicas < seen.Replicas:
		status.Phase = v1alpha1.RuntimePhasePartialReady
		setRuntime(v1alpha2.ConditionReady, metav1.ConditionTrue, "SomeNodesHoldData", fmt.Sprintf("%d of %d nodes hold data", status.Replicas, seen.Replicas))
	default:
		status.Phase = v1alpha1.RuntimePhaseReady
		setRuntime(v1alpha2.ConditionReady, metav1.ConditionTrue, "Applied", fmt.Sprintf("%d nodes hold data", seen.Dataset.Cache.Nodes))
	}
}
