package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Whether everything that is measured is: not how fast it is, on a machine that does other things, too.
func TestMeasuresEverything(t *testing.T) {
	asked, err := parse([]string{"--datasets=40", "--nodes=5", "--namespaces=3", "--rate=100", "--probes=3", "--busy=25s", "--idle=2s", "--limit=5m"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := measure(t.Context(), asked, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	if len(got.boundWhileCreating) != 40 || len(got.boundAlone) != 3 || slices.ContainsFunc(append(got.boundAlone, got.boundWhileCreating...), func(w wait) bool { return w.operator <= 0 || w.operator > w.all }) {
		t.Errorf("%d of 40 Datasets became Bound; single ones after %v", len(got.boundWhileCreating), got.boundAlone)
	}
	if got.creating.writes < 40*4 || got.creating.operator.cpu <= 0 || got.creating.operator.rss == 0 {
		t.Errorf("while Datasets were made: %+v; each is a PersistentVolume, a claim and a status twice at least", got.creating)
	}
	if got.busy.reconciles == 0 || got.idle.writes >= got.busy.writes {
		t.Errorf("%.0f Datasets were looked at while they were read; %.0f writes then, and %.0f while nobody read", got.busy.reconciles, got.busy.writes, got.idle.writes)
	}
	if got.pods.preferring != 3 || len(got.pods.without) != 3 {
		t.Errorf("of 3 pods with claims %d were told of nodes", got.pods.preferring)
	}
	if got.restart.workedOff < got.restart.ready || got.restart.use.cpu <= 0 || got.peak < got.idle.operator.rss || got.storedBytes == 0 {
		t.Errorf("started again: %+v; at most %d bytes of memory; %d bytes stored", got.restart, got.peak, got.storedBytes)
	}
	if got.failedTurns != 0 {
		t.Errorf("%d turns of agents failed", got.failedTurns)
	}
	if printed := table(asked, got); strings.Count(printed, "\n| ") < 15 || strings.Contains(printed, "%!") {
		t.Errorf("the table is\n%s", printed)
	}
}

func TestRefusesWhatCannotBeMeasured(t *testing.T) {
	for argument, says := range map[string]string{
		"--datasets=0": "--datasets is 0", "--holders=200": "with 100 nodes it is 0 to 100", "--rate=0": "--rate is 0", "--version=v1": "v1alpha1 or v1alpha2",
	} {
		if _, err := parse([]string{argument}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", argument, err)
		}
	}
}

func TestSpread(t *testing.T) {
	var latencies []time.Duration
	for i := range 101 {
		latencies = append(latencies, time.Duration(100-i)*20*time.Millisecond)
	}
	if got := spread(latencies); got != "median 1.0 s, 99 % within 2.0 s, at most 2.0 s" {
		t.Errorf("got %s", got)
	}
	if got := spread([]time.Duration{1500 * time.Microsecond}); !strings.HasPrefix(got, "median 2 ms") {
		t.Errorf("got %s", got)
	}
}
