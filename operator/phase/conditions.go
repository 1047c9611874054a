// Package phase has the phase machine of each kind: pure functions from what is observed now to phase and conditions.
// A phase is computed anew each time, so that nothing sticks: whatever mends itself shows at once. Only a load
// remembers where it was (dataload.go), and its table says what may follow what.
package phase

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// messageMax is what the API server takes of a condition's message (32 KiB), and more than anybody reads.
const messageMax = 1024

// set makes a condition; its time changes only with its status.
func set(conditions *[]metav1.Condition, generation int64, kind string, status metav1.ConditionStatus, reason, message string) {
	if len(message) > messageMax {
		message = message[:messageMax] + "…"
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: kind, Status: status, ObservedGeneration: generation, Reason: reason, Message: message,
	})
}

func truth(is bool) metav1.ConditionStatus {
	if is {
		return metav1.ConditionTrue
	}
	return metav1.ConditionFalse
}
