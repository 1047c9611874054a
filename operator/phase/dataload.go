package phase

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

// Types of a DataLoad's conditions beside Ready and Accepted; Fluid has them, too.
const (
	ConditionComplete = "Complete"
	ConditionFailed   = "Failed"
)

// DataLoadSeen is what is known about a DataLoad now.
type DataLoadSeen struct {
	Generation int64
	Now        time.Time
	// Refusal is why the spec cannot work; empty: it can.
	Refusal string
	// Due: a run is to begin, the first one or the next by clock or event.
	Due bool
	// WaitingFor is what a run that is due waits for; empty: it can begin.
	WaitingFor string
	// Hopeless is why a run that is due will never begin; empty: it may.
	Hopeless string
	// Reports are what the nodes of the present run say of it, in the order of status.nodes; nil: nothing yet.
	Reports []*nodev1.LoadStatus
}

// Follows says which phase may follow which. The same one again is always allowed.
//
//	""         ─► Pending              accepted; Failed when it is refused
//	Pending    ─► Executing            nothing is waited for any more; Failed when that will never be
//	Executing  ─► Complete, Failed     all nodes have ended
//	Complete, Failed ─► Pending        the next run is due (policies Cron and OnEvent)
var Follows = map[v1alpha1.OperationPhase][]v1alpha1.OperationPhase{
	v1alpha1.OperationPhaseNone:      {v1alpha1.OperationPhasePending, v1alpha1.OperationPhaseFailed},
	v1alpha1.OperationPhasePending:   {v1alpha1.OperationPhaseExecuting, v1alpha1.OperationPhaseFailed},
	v1alpha1.OperationPhaseExecuting: {v1alpha1.OperationPhaseComplete, v1alpha1.OperationPhaseFailed},
	v1alpha1.OperationPhaseComplete:  {v1alpha1.OperationPhasePending},
	v1alpha1.OperationPhaseFailed:    {v1alpha1.OperationPhasePending},
}

// DataLoad goes one step in the table, if what is seen says so, and computes conditions and progress. It says whether it
// went one: then more may follow.
func DataLoad(seen DataLoadSeen, status *v1alpha2.DataLoadStatus) (moved bool) {
	before := status.Phase
	status.ObservedGeneration = seen.Generation
	status.WaitingFor = ""
	countProgress(seen.Reports, status)
	reason, message := step(seen, status)
	setLoad := func(kind string, state metav1.ConditionStatus, reason, message string) {
		set(&status.Conditions, seen.Generation, kind, state, reason, message)
	}
	setLoad(v1alpha2.ConditionAccepted, truth(seen.Refusal == ""), orElse(seen.Refusal == "", "Valid", "Invalid"), seen.Refusal)
	setLoad(v1alpha2.ConditionReady, truth(status.Phase == v1alpha1.OperationPhaseComplete), reason, message)
	finished := map[v1alpha1.OperationPhase]string{v1alpha1.OperationPhaseComplete: ConditionComplete, v1alpha1.OperationPhaseFailed: ConditionFailed}
	for phase, kind := range finished {
		if status.Phase == phase {
			setLoad(kind, metav1.ConditionTrue, reason, message)
		} else if meta.FindStatusCondition(status.Conditions, kind) != nil {
			setLoad(kind, metav1.ConditionFalse, reason, message)
		}
	}
	if status.Started != nil {
		end := seen.Now
		if status.Finished != nil {
			end = status.Finished.Time
		}
		status.Duration = end.Sub(status.Started.Time).Truncate(time.Second).String()
	}
	return status.Phase != before
}

func step(seen DataLoadSeen, status *v1alpha2.DataLoadStatus) (reason, message string) {
	now := metav1.NewTime(seen.Now)
	switch status.Phase {
	case v1alpha1.OperationPhaseNone:
		if seen.Refusal != "" {
			status.Phase, status.Finished = v1alpha1.OperationPhaseFailed, &now
			return "Invalid", seen.Refusal
		}
		if seen.Due {
			status.Phase = v1alpha1.OperationPhasePending
			return "Pending", "accepted"
		}
		return "NotDue", "the first run is not due yet"
	case v1alpha1.OperationPhasePending:
		if seen.Hopeless != "" {
			status.Phase, status.Finished = v1alpha1.OperationPhaseFailed, &now
			return "CannotBegin", seen.Hopeless
		}
		if seen.WaitingFor != "" {
			status.WaitingFor = seen.WaitingFor
			return "Waiting", "waits for " + seen.WaitingFor
		}
		status.Phase, status.Started, status.Finished = v1alpha1.OperationPhaseExecuting, &now, nil
		return "Executing", fmt.Sprintf("on %d nodes", len(status.Nodes))
	case v1alpha1.OperationPhaseExecuting:
		return execute(seen, status, now)
	default: // Complete, Failed
		if seen.Due && seen.Refusal == "" {
			status.Phase, status.Nodes, status.Progress = v1alpha1.OperationPhasePending, nil, v1alpha2.LoadProgress{}
			return "Pending", "the next run is due"
		}
		ready := meta.FindStatusCondition(status.Conditions, v1alpha2.ConditionReady)
		if ready == nil {
			return string(status.Phase), ""
		}
		return ready.Reason, ready.Message
	}
}

// execute ends the run when every node has ended its part. One failed node is a failed run: the others' data stays.
func execute(seen DataLoadSeen, status *v1alpha2.DataLoadStatus, now metav1.Time) (reason, message string) {
	var failures []string
	ended := 0
	for i, report := range seen.Reports {
		if report == nil || !report.State.IsFinal() {
			continue
		}
		ended++
		if report.State != nodev1.LoadSucceeded {
			failures = append(failures, fmt.Sprintf("node %s: %s", status.Nodes[i].Node, orElse(report.Message != "", report.Message, string(report.State))))
		}
	}
	switch {
	case ended < len(status.Nodes) || len(status.Nodes) == 0:
		return "Executing", fmt.Sprintf("%d of %d nodes have ended", ended, len(status.Nodes))
	case len(failures) > 0:
		status.Phase, status.Finished = v1alpha1.OperationPhaseFailed, &now
		return "LoadFailed", strings.Join(failures, "; ")
	default:
		status.Phase, status.Finished, status.LastSuccessfulTime = v1alpha1.OperationPhaseComplete, &now, &now
		return "Complete", "loaded: " + status.Progress.Summary
	}
}

func countProgress(reports []*nodev1.LoadStatus, status *v1alpha2.DataLoadStatus) {
	if status.Phase != v1alpha1.OperationPhaseExecuting {
		return
	}
	sum := v1alpha2.LoadProgress{Listed: len(reports) > 0}
	for i, report := range reports {
		if report == nil {
			sum.Listed = false
			continue
		}
		status.Nodes[i].State, status.Nodes[i].Message = string(report.State), report.Message
		sum.Listed = sum.Listed && report.Listed
		sum.FilesTotal += report.FilesTotal
		sum.FilesDone += report.FilesDone
		sum.FilesFailed += report.FilesFailed
		sum.BytesTotal += report.BytesTotal
		sum.BytesDone += report.BytesDone
		sum.BytesFetched += report.BytesFetched
		sum.BytesPerSecond += report.BytesPerSecond
	}
	sum.Summary = summary(sum)
	status.Progress = sum
}

func summary(p v1alpha2.LoadProgress) string {
	text := fmt.Sprintf("%s of %s%s", Size(p.BytesDone), orElse(p.Listed, "", "at least "), Size(p.BytesTotal))
	if p.BytesTotal > 0 && p.Listed {
		text += fmt.Sprintf(" (%d%%)", p.BytesDone*100/p.BytesTotal)
	}
	text += fmt.Sprintf(", %d of %d files", p.FilesDone, p.FilesTotal)
	if p.BytesPerSecond > 0 {
		text += fmt.Sprintf(", %s/s", Size(p.BytesPerSecond))
	}
	return text
}
