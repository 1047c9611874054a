package agent

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
)

// When a delivery that failed is tried again: after retryMin first, after twice as long each time, at least every retryMax.
const (
	retryMin = askEvery
	retryMax = 5 * time.Minute
)

// failureMax bytes of what the daemon says are reported of each volume: a NodeCache has VolumesMax of them.
const failureMax = 512

// version of a VolumeParameters object; zero: there is none. One that is made anew begins with generation 1 again, with
// another uid.
type version struct {
	uid        types.UID
	generation int64
}

func versionOf(object *nodev1.VolumeParameters) version {
	if object == nil {
		return version{}
	}
	return version{object.UID, object.Generation}
}

// delivery is how far a volume's VolumeParameters have come on this node.
type delivery struct {
	wanted    version
	inForce   int64         // the generation that the daemon took last; 0: none
	nextMount []string      // parameters of it that hold from the volume's next mount on
	failure   string        // why the daemon did not take the wanted one; empty: it did, or has not been asked
	due       time.Time     // when the daemon is told, or told again; zero: not at all
	wait      time.Duration // that has gone before the last attempt; 0: it was the first
}

// deliveries by volume handle.
type deliveries map[string]*delivery

// remembered are those of which a status tells: what was in force before a restart of the agent or of the daemon. Each of
// them is due, also where the object has been deleted meanwhile.
func remembered(volumes []nodev1.Volume) deliveries {
	all := deliveries{}
	for _, volume := range volumes {
		if volume.ParametersGeneration != 0 {
			reported := version{generation: volume.ParametersGeneration} // its uid is not known: it differs from every object's
			all[volume.ID] = &delivery{wanted: reported, inForce: volume.ParametersGeneration, nextMount: volume.ParametersNextMount}
		}
	}
	return all
}

// want makes due what is another version than it was, and what is gone.
func (d deliveries) want(objects map[string]*nodev1.VolumeParameters, now time.Time) {
	for volume := range objects {
		if d[volume] == nil {
			d[volume] = &delivery{}
		}
	}
	for volume, each := range d {
		if wanted := versionOf(objects[volume]); wanted != each.wanted {
			each.wanted, each.failure, each.due, each.wait = wanted, "", now, 0
		}
	}
}

// dueBy `now` are at most `most` volumes, those first that have waited longest: none starves.
func (d deliveries) dueBy(now time.Time, most int) []string {
	var volumes []string
	for volume, each := range d {
		if !each.due.IsZero() && !each.due.After(now) {
			volumes = append(volumes, volume)
		}
	}
	slices.SortFunc(volumes, func(x, y string) int { return cmp.Or(d[x].due.Compare(d[y].due), cmp.Compare(x, y)) })
	return volumes[:min(len(volumes), most)]
}

// took: the daemon has what was wanted. What waits for the next mount is asked for again, should that mount not be seen.
func (d deliveries) took(volume string, nextMount []string, now time.Time) {
	each := d[volume]
	if each.wanted == (version{}) {
		delete(d, volume)
		return
	}
	*each = delivery{wanted: each.wanted, inForce: each.wanted.generation, nextMount: nextMount}
	if len(nextMount) > 0 {
		each.due = now.Add(retryMax)
	}
}

func (d deliveries) failed(volume, why string, now time.Time) {
	each := d[volume]
	each.wait = min(max(2*each.wait, retryMin), retryMax)
	each.failure, each.due = shortened(why), now.Add(each.wait)
}

// describe says in a status how far each volume is. What waits for the next mount has come into force where none is.
func (d deliveries) describe(volumes []nodev1.Volume) {
	mounted := map[string]bool{}
	for i := range volumes {
		volume := &volumes[i]
		mounted[volume.ID] = volume.Mounted
		volume.ParametersGeneration, volume.ParametersFailure, volume.ParametersNextMount = 0, "", nil
		each := d[volume.ID]
		if each == nil {
			continue
		}
		volume.ParametersGeneration = each.inForce
		if volume.Mounted {
			volume.ParametersFailure, volume.ParametersNextMount = each.failure, each.nextMount
		}
	}
	for volume, each := range d {
		if !mounted[volume] {
			each.nextMount = nil
		}
	}
}
