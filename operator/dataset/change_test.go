package dataset

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/nodes"
	"github.com/sluice-cache/sluice/operator/phase"
)

func holder(node string, volume nodev1.Volume) nodes.Holder {
	return nodes.Holder{Node: &nodev1.NodeCache{ObjectMeta: metav1.ObjectMeta{Name: node}}, Volume: &volume}
}

func TestChangeIsCountedByGeneration(t *testing.T) {
	holders := []nodes.Holder{
		holder("z-refuses", nodev1.Volume{Mounted: true, ParametersGeneration: 1, ParametersFailure: "no route"}),
		holder("b-refuses", nodev1.Volume{Mounted: true, ParametersFailure: "no such bucket"}),
		holder("is-behind", nodev1.Volume{Mounted: true, ParametersGeneration: 1}),
		holder("was-never-told", nodev1.Volume{Mounted: true}),
		holder("has-it", nodev1.Volume{Mounted: true, ParametersGeneration: 2}),
		holder("has-most-of-it", nodev1.Volume{Mounted: true, ParametersGeneration: 2, ParametersNextMount: []string{"blockSize", "access"}}),
		// Given again after a restart, while the source is away: it is in force already.
		holder("has-it-and-is-asked-again", nodev1.Volume{Mounted: true, ParametersGeneration: 2, ParametersFailure: "no route"}),
		holder("only-has-data", nodev1.Volume{ParametersGeneration: 1}),
	}
	want := phase.ChangeSeen{Generation: 2, Mounted: 7, Applied: 3, NextMount: 1, Part: "blockSize, access", Failure: "node b-refuses: no such bucket"}
	if got := changeOf(2, holders); got != want {
		t.Errorf("nodes are as far as %+v, not %+v", got, want)
	}
	if got := changeOf(0, nil); got != (phase.ChangeSeen{}) {
		t.Errorf("without a change: %+v", got)
	}
}
