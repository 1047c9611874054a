package phase

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ChangeSeen is how far nodes are with what has changed about a volume since its PersistentVolume was made.
type ChangeSeen struct {
	// Generation of the last change; 0: nothing has changed.
	Generation int64
	// Mounted is how many nodes have the volume mounted, Applied those of them where the last change is in force.
	Mounted, Applied int
	// NextMount is on how many of Applied a part of it holds from the volume's next mount on, such as Part.
	NextMount int
	Part      string
	// Failure is what the first node says that could not apply it; empty: none does.
	Failure string
}

// applied is the condition of that name. Nodes that do not have the volume mounted begin with the last change.
func applied(seen DatasetSeen) (state metav1.ConditionStatus, reason, message string) {
	change := seen.Change
	inForce := fmt.Sprintf("in force on %d of %d nodes", change.Applied, change.Mounted)
	switch {
	case seen.Refusal != "":
		return metav1.ConditionFalse, "Invalid", seen.Refusal
	case seen.Obstacle != "":
		return metav1.ConditionFalse, "Obstacle", seen.Obstacle
	case change.Generation == 0:
		return metav1.ConditionTrue, "Unchanged", "the volume is as it was made"
	case change.Mounted == 0:
		return metav1.ConditionTrue, "NotMounted", "no node has it mounted; it is mounted with the last change"
	case change.Failure != "":
		return metav1.ConditionFalse, "NodesFail", inForce + "; " + change.Failure
	case change.Applied < change.Mounted:
		return metav1.ConditionFalse, "Applying", inForce
	case change.NextMount > 0:
		return metav1.ConditionFalse, "NextMount", fmt.Sprintf("%s, but for %s: on %d of them from the volume's next mount on", inForce, change.Part, change.NextMount)
	}
	return metav1.ConditionTrue, "InForce", inForce
}
