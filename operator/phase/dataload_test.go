package phase

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

var begin = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// Whatever is seen, in whatever order, a load goes along the table, and its conditions agree with its phase.
func TestLoadGoesAlongTheTable(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		status := &v1alpha2.DataLoadStatus{}
		for step := range 30 {
			before := status.Phase
			moved := DataLoad(anything(random, status, step), status)
			if moved != (status.Phase != before) {
				t.Fatalf("from %q to %q, and moved is %t", before, status.Phase, moved)
			}
			if moved && !slices.Contains(Follows[before], status.Phase) {
				t.Fatalf("from %q to %q is not in the table", before, status.Phase)
			}
			checkAgrees(t, status)
		}
	}
}

func anything(random *rand.Rand, status *v1alpha2.DataLoadStatus, step int) DataLoadSeen {
	pick := func(text string) string {
		if random.IntN(3) == 0 {
			return text
		}
		return ""
	}
	if len(status.Nodes) == 0 && random.IntN(2) == 0 {
		status.Nodes = []v1alpha2.LoadNode{{Node: "a"}, {Node: "b"}}
	}
	seen := DataLoadSeen{
		Generation: int64(step), Now: begin.Add(time.Duration(step) * time.Second), Due: random.IntN(2) == 0,
		Refusal: pick("refused"), WaitingFor: pick("a node"), Hopeless: pick("hopeless"),
	}
	states := []nodev1.LoadState{nodev1.LoadWaiting, nodev1.LoadRunning, nodev1.LoadSucceeded, nodev1.LoadFailed, nodev1.LoadCancelled}
	if status.Phase == v1alpha1.OperationPhaseExecuting {
		for range status.Nodes {
			var report *nodev1.LoadStatus
			if random.IntN(4) > 0 {
				report = &nodev1.LoadStatus{State: states[random.IntN(len(states))], BytesTotal: 10, BytesDone: random.Int64N(11)}
			}
			seen.Reports = append(seen.Reports, report)
		}
	}
	return seen
}

func checkAgrees(t *testing.T, status *v1alpha2.DataLoadStatus) {
	t.Helper()
	for _, condition := range status.Conditions {
		is := condition.Status == "True"
		switch condition.Type {
		case v1alpha2.ConditionReady, ConditionComplete:
			if is != (status.Phase == v1alpha1.OperationPhaseComplete) {
				t.Fatalf("%s is %t, and the phase %s", condition.Type, is, status.Phase)
			}
		case ConditionFailed:
			if is != (status.Phase == v1alpha1.OperationPhaseFailed) {
				t.Fatalf("Failed is %t, and the phase %s", is, status.Phase)
			}
		}
		if condition.Reason == "" {
			t.Fatalf("condition %s has no reason", condition.Type)
		}
	}
}

func TestProgressIsTheSumOfTheNodes(t *testing.T) {
	status := &v1alpha2.DataLoadStatus{Phase: v1alpha1.OperationPhaseExecuting, Nodes: []v1alpha2.LoadNode{{Node: "a"}, {Node: "b"}}}
	DataLoad(DataLoadSeen{Now: begin, Reports: []*nodev1.LoadStatus{
		{State: nodev1.LoadRunning, Listed: true, BytesTotal: 4 << 30, BytesDone: 1 << 30, FilesTotal: 4, FilesDone: 1, BytesPerSecond: 100 << 20},
		{State: nodev1.LoadSucceeded, Listed: true, BytesTotal: 4 << 30, BytesDone: 4 << 30, FilesTotal: 4, FilesDone: 4},
	}}, status)
	if want := "5.00GiB of 8.00GiB (62%), 5 of 8 files, 100MiB/s"; status.Progress.Summary != want {
		t.Errorf("the summary is %q, not %q", status.Progress.Summary, want)
	}
	// As long as one node is listing, the total is not known.
	DataLoad(DataLoadSeen{Now: begin, Reports: []*nodev1.LoadStatus{nil, {State: nodev1.LoadRunning, Listed: true, BytesTotal: 1 << 20}}}, status)
	if !strings.Contains(status.Progress.Summary, "of at least 1.00MiB") {
		t.Errorf("the summary is %q", status.Progress.Summary)
	}
}

func TestSize(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0B", 1023: "1023B", 1024: "1.00KiB", 1536 << 10: "1.50MiB", 300 << 20: "300MiB", 12 << 30: "12.0GiB", 5 << 40: "5.00TiB"} {
		if got := Size(bytes); got != want {
			t.Errorf("%d is %s, not %s", bytes, got, want)
		}
	}
}
