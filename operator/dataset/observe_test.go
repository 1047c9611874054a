package dataset

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

func status(reachable metav1.ConditionStatus, message string, change func(*v1alpha2.DatasetStatus)) *v1alpha2.DatasetStatus {
	result := &v1alpha2.DatasetStatus{Phase: v1alpha1.DatasetPhaseBound, Conditions: []metav1.Condition{
		{Type: v1alpha2.ConditionReady, Status: metav1.ConditionTrue},
		{Type: v1alpha2.ConditionReachable, Status: reachable, Message: message},
	}}
	change(result)
	return result
}

// A Dataset that a thousand nodes mount and read must not be written at each of their reports.
func TestWhatIsWrittenAtOnce(t *testing.T) {
	same := func(*v1alpha2.DatasetStatus) {}
	mounted := status(metav1.ConditionTrue, "mounted on 1 nodes", same)
	for name, given := range map[string]struct {
		after  *v1alpha2.DatasetStatus
		urgent bool
	}{
		"one more node has it mounted": {status(metav1.ConditionTrue, "mounted on 2 nodes", same), false},
		"a node has read": {status(metav1.ConditionTrue, "mounted on 1 nodes", func(s *v1alpha2.DatasetStatus) {
			s.Cache.CachedBytes, s.Source.Bytes = 1, 1
		}), false},
		"none can mount it": {status(metav1.ConditionFalse, "node n: no", same), true},
		"its phase": {status(metav1.ConditionTrue, "mounted on 1 nodes", func(s *v1alpha2.DatasetStatus) {
			s.Phase = v1alpha1.DatasetPhaseFailed
		}), true},
		"its claim": {status(metav1.ConditionTrue, "mounted on 1 nodes", func(s *v1alpha2.DatasetStatus) {
			s.Conditions[0].Status = metav1.ConditionFalse
		}), true},
	} {
		if got := isUrgent(mounted, given.after); got != given.urgent {
			t.Errorf("%s: at once is %v", name, got)
		}
	}
	failed := status(metav1.ConditionFalse, "node n: no", same)
	if !isUrgent(failed, mounted) || !isUrgent(failed, status(metav1.ConditionFalse, "node n: another reason", same)) {
		t.Error("that it is mended, or why it is not, waits")
	}
}
