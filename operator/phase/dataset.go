package phase

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

// DatasetSeen is what is known about a Dataset now.
type DatasetSeen struct {
	Generation int64
	// Refusal is why the spec cannot work; empty: it can.
	Refusal string
	// Obstacle is what stands in the way of the claim, such as somebody else's of that name; empty: nothing.
	Obstacle string
	// Claim is the PersistentVolumeClaim's phase; empty: there is none yet.
	Claim corev1.PersistentVolumeClaimPhase
	// Mounted is how many nodes have the volume mounted.
	Mounted int
	// FailureCode and Failure are of the last node that could not mount it; empty: none.
	FailureCode, Failure string
	// Change of the volume, where it is mounted.
	Change ChangeSeen
}

// Dataset computes a Dataset's phase and conditions:
//
//	phase     when
//	Failed    the spec is refused, or something stands in the claim's way, or nodes tried and none could mount it
//	NotBound  the claim is not bound yet
//	Bound     it is: pods may use it
//
// Each leads to each of the others, by itself, as soon as what was observed is different.
func Dataset(seen DatasetSeen, status *v1alpha2.DatasetStatus) {
	status.ObservedGeneration = seen.Generation
	setDataset := func(kind string, state metav1.ConditionStatus, reason, message string) {
		set(&status.Conditions, seen.Generation, kind, state, reason, message)
	}
	setDataset(v1alpha2.ConditionAccepted, truth(seen.Refusal == ""), orElse(seen.Refusal == "", "Valid", "Invalid"), seen.Refusal)

	bound := seen.Claim == corev1.ClaimBound && seen.Obstacle == ""
	switch {
	case bound:
		setDataset(v1alpha2.ConditionBound, metav1.ConditionTrue, "Bound", "")
	case seen.Obstacle != "":
		setDataset(v1alpha2.ConditionBound, metav1.ConditionFalse, "Obstacle", seen.Obstacle)
	case seen.Claim == corev1.ClaimLost:
		setDataset(v1alpha2.ConditionBound, metav1.ConditionFalse, "Lost", "the claim has lost its PersistentVolume; delete the claim, and both are made anew")
	default:
		setDataset(v1alpha2.ConditionBound, metav1.ConditionFalse, "Binding", "the claim is about to be bound")
	}

	failed := seen.Failure != "" && seen.Mounted == 0
	switch {
	case failed:
		setDataset(v1alpha2.ConditionReachable, metav1.ConditionFalse, reasonOf(seen.FailureCode), seen.Failure)
	case seen.Mounted > 0 && seen.Failure != "":
		setDataset(v1alpha2.ConditionReachable, metav1.ConditionTrue, "SomeNodesFail", seen.Failure)
	case seen.Mounted > 0:
		setDataset(v1alpha2.ConditionReachable, metav1.ConditionTrue, "Mounted", fmt.Sprintf("mounted on %d nodes", seen.Mounted))
	default:
		setDataset(v1alpha2.ConditionReachable, metav1.ConditionUnknown, "NotTried", "no node has mounted it")
	}

	state, reason, message := applied(seen)
	setDataset(v1alpha2.ConditionApplied, state, reason, message)

	switch {
	case seen.Refusal != "":
		status.Phase = v1alpha1.DatasetPhaseFailed
		setDataset(v1alpha2.ConditionReady, metav1.ConditionFalse, "Invalid", seen.Refusal)
	case seen.Obstacle != "":
		status.Phase = v1alpha1.DatasetPhaseFailed
		setDataset(v1alpha2.ConditionReady, metav1.ConditionFalse, "Obstacle", seen.Obstacle)
	case !bound:
		status.Phase = v1alpha1.DatasetPhaseNotBound
		setDataset(v1alpha2.ConditionReady, metav1.ConditionFalse, "NotBound", "the claim is not bound yet")
	case failed:
		status.Phase = v1alpha1.DatasetPhaseFailed
		setDataset(v1alpha2.ConditionReady, metav1.ConditionFalse, reasonOf(seen.FailureCode), seen.Failure)
	default:
		status.Phase = v1alpha1.DatasetPhaseBound
		setDataset(v1alpha2.ConditionReady, metav1.ConditionTrue, "Bound", "pods can use the claim")
	}
}

// reasonOf is a gRPC code as a condition's reason: NOT_FOUND is NotFound.
func reasonOf(code string) string {
	reason, up := "", true
	for _, letter := range code {
		switch {
		case letter == '_':
			up = true
		case letter < 'A' || letter > 'Z':
			return "MountFailed"
		case up:
			reason, up = reason+string(letter), false
		default:
			reason += string(letter + 'a' - 'A')
		}
	}
	return orElse(reason != "", reason, "MountFailed")
}

func orElse(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}
