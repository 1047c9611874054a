package phase

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

func TestHowFarAChangeIs(t *testing.T) {
	bound := func(change ChangeSeen) DatasetSeen {
		return DatasetSeen{Generation: 7, Claim: corev1.ClaimBound, Mounted: change.Mounted, Change: change}
	}
	for name, given := range map[string]struct {
		seen            DatasetSeen
		state           metav1.ConditionStatus
		reason, message string
	}{
		"nothing has changed": {bound(ChangeSeen{Mounted: 2}), "True", "Unchanged", "the volume is as it was made"},
		"no node is concerned": {bound(ChangeSeen{Generation: 3}), "True", "NotMounted",
			"no node has it mounted; it is mounted with the last change"},
		"under way": {bound(ChangeSeen{Generation: 3, Mounted: 3, Applied: 1}), "False", "Applying", "in force on 1 of 3 nodes"},
		"a node cannot": {bound(ChangeSeen{Generation: 3, Mounted: 3, Applied: 1, Failure: "node n: no such bucket"}), "False", "NodesFail",
			"in force on 1 of 3 nodes; node n: no such bucket"},
		"a part of it waits": {bound(ChangeSeen{Generation: 3, Mounted: 2, Applied: 2, NextMount: 1, Part: "blockSize"}), "False", "NextMount",
			"in force on 2 of 2 nodes, but for blockSize: on 1 of them from the volume's next mount on"},
		"everywhere": {bound(ChangeSeen{Generation: 3, Mounted: 2, Applied: 2}), "True", "InForce", "in force on 2 of 2 nodes"},
		"a spec that cannot work is not given to nodes": {DatasetSeen{Generation: 7, Refusal: "no", Change: ChangeSeen{Generation: 3, Mounted: 1, Applied: 1}},
			"False", "Invalid", "no"},
		"nor one without a volume": {DatasetSeen{Generation: 7, Obstacle: "taken"}, "False", "Obstacle", "taken"},
	} {
		status := &v1alpha2.DatasetStatus{}
		Dataset(given.seen, status)
		got := meta.FindStatusCondition(status.Conditions, v1alpha2.ConditionApplied)
		if got == nil || got.Status != given.state || got.Reason != given.reason || got.Message != given.message || got.ObservedGeneration != 7 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Pods can use what is mounted, with the parameters from before the change.
func TestAChangeThatFailsLeavesADatasetBound(t *testing.T) {
	status := &v1alpha2.DatasetStatus{}
	Dataset(DatasetSeen{Claim: corev1.ClaimBound, Mounted: 1, Change: ChangeSeen{Generation: 3, Mounted: 1, Failure: "node n: no"}}, status)
	if status.Phase != v1alpha1.DatasetPhaseBound || !meta.IsStatusConditionTrue(status.Conditions, v1alpha2.ConditionReady) {
		t.Errorf("the status is %+v", status)
	}
}
