package dataset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-cache/sluice/operator/nodes"
	"github.com/sluice-cache/sluice/operator/phase"
)

// changeOf says how far nodes are with the VolumeParameters of this generation; 0: there are none. Where another
// generation is in force, the node has not applied this one, whatever the reason.
func changeOf(generation int64, holders []nodes.Holder) phase.ChangeSeen {
	seen := phase.ChangeSeen{Generation: generation}
	byName := slices.SortedFunc(slices.Values(holders), func(x, y nodes.Holder) int { return cmp.Compare(x.Node.Name, y.Node.Name) })
	for _, holder := range byName {
		volume := holder.Volume
		if !volume.Mounted {
			continue
		}
		seen.Mounted++
		if volume.ParametersGeneration != generation {
			if volume.ParametersFailure != "" && seen.Failure == "" {
				seen.Failure = fmt.Sprintf("node %s: %s", holder.Node.Name, volume.ParametersFailure)
			}
			continue
		}
		seen.Applied++
		if len(volume.ParametersNextMount) > 0 {
			seen.NextMount++
			seen.Part = cmp.Or(seen.Part, strings.Join(volume.ParametersNextMount, ", "))
		}
	}
	return seen
}
