package phase

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

// Each phase leads to each other one: nothing of the last status has a say in the next.
func TestDatasetRemembersNothing(t *testing.T) {
	seen := map[v1alpha1.DatasetPhase]DatasetSeen{
		v1alpha1.DatasetPhaseNotBound: {},
		v1alpha1.DatasetPhaseBound:    {Claim: corev1.ClaimBound},
		v1alpha1.DatasetPhaseFailed:   {Claim: corev1.ClaimBound, FailureCode: "NOT_FOUND", Failure: "no such bucket"},
	}
	for from, first := range seen {
		for to, second := range seen {
			status := &v1alpha2.DatasetStatus{}
			Dataset(first, status)
			Dataset(second, status)
			fresh := &v1alpha2.DatasetStatus{}
			Dataset(second, fresh)
			if status.Phase != to || len(status.Conditions) != len(fresh.Conditions) {
				t.Errorf("from %s to %s: the phase is %s", from, to, status.Phase)
			}
			for i, condition := range fresh.Conditions {
				if got := status.Conditions[i]; got.Status != condition.Status || got.Reason != condition.Reason || got.Message != condition.Message {
					t.Errorf("from %s to %s: %s is %+v, not %+v", from, to, condition.Type, got, condition)
				}
			}
		}
	}
}

func TestWhatADatasetFailsOf(t *testing.T) {
	for name, given := range map[string]struct {
		seen   DatasetSeen
		phase  v1alpha1.DatasetPhase
		reason string
	}{
		"a spec that cannot work":     {DatasetSeen{Refusal: "no", Claim: corev1.ClaimBound}, v1alpha1.DatasetPhaseFailed, "Invalid"},
		"somebody else's claim":       {DatasetSeen{Obstacle: "taken"}, v1alpha1.DatasetPhaseFailed, "Obstacle"},
		"no node can mount it":        {DatasetSeen{Claim: corev1.ClaimBound, FailureCode: "PERMISSION_DENIED", Failure: "denied"}, v1alpha1.DatasetPhaseFailed, "PermissionDenied"},
		"one node cannot, others can": {DatasetSeen{Claim: corev1.ClaimBound, Mounted: 2, FailureCode: "UNAVAILABLE", Failure: "no route"}, v1alpha1.DatasetPhaseBound, "Bound"},
		"a code that is none":         {DatasetSeen{Claim: corev1.ClaimBound, FailureCode: "x y", Failure: "odd"}, v1alpha1.DatasetPhaseFailed, "MountFailed"},
	} {
		status := &v1alpha2.DatasetStatus{}
		Dataset(given.seen, status)
		ready := meta.FindStatusCondition(status.Conditions, v1alpha2.ConditionReady)
		if status.Phase != given.phase || ready.Reason != given.reason {
			t.Errorf("%s: phase %s, reason %s", name, status.Phase, ready.Reason)
		}
	}
}
