// Package nodes knows what the nodes hold: an index over the NodeCaches, by volume. It is fed by every replica's own
// watch, and asked by the pods' webhook and by the controllers.
package nodes

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
)

// Silent is how long an agent may say nothing before what it said last counts no more: three reports that did not come.
const Silent = 15 * time.Minute

// Index is what all nodes last reported, by volume.
//
// Threads: any. What is returned is the caller's, but the reports that it points to are shared: read them only.
type Index struct {
	mutex   sync.RWMutex
	nodes   map[string]*nodev1.NodeCache          // by name
	holders map[string]map[string]*nodev1.Volume  // by volume, by node
	failed  map[string]map[string]*nodev1.Failure // by volume, by node
	now     func() time.Time
}

// NewIndex is empty.
func NewIndex(now func() time.Time) *Index {
	return &Index{
		nodes:   map[string]*nodev1.NodeCache{},
		holders: map[string]map[string]*nodev1.Volume{},
		failed:  map[string]map[string]*nodev1.Failure{},
		now:     now,
	}
}

// Set takes a node's report in place of its last one, and returns the volumes of which something is different now. The
// object is the index's from now on.
func (i *Index) Set(node *nodev1.NodeCache) []string {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	changed := i.remove(node.Name)
	i.nodes[node.Name] = node
	for at := range node.Status.Volumes {
		volume := &node.Status.Volumes[at]
		insert(i.holders, volume.ID, node.Name, volume)
		if before, was := changed[volume.ID]; was && sameVolume(before.volume, volume) && before.failure == nil {
			delete(changed, volume.ID)
		} else {
			changed[volume.ID] = report{volume: volume}
		}
	}
	for at := range node.Status.Failures {
		failure := &node.Status.Failures[at]
		insert(i.failed, failure.Volume, node.Name, failure)
		changed[failure.Volume] = report{failure: failure}
	}
	return slices.Sorted(maps.Keys(changed))
}

// Remove forgets a node, and returns the volumes of which something is different now.
func (i *Index) Remove(name string) []string {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return slices.Sorted(maps.Keys(i.remove(name)))
}

type report struct {
	volume  *nodev1.Volume
	failure *nodev1.Failure
}

// remove returns what the node had reported.
func (i *Index) remove(name string) map[string]report {
	reported := map[string]report{}
	node := i.nodes[name]
	if node == nil {
		return reported
	}
	for at := range node.Status.Volumes {
		volume := &node.Status.Volumes[at]
		reported[volume.ID] = report{volume: volume}
		drop(i.holders, volume.ID, name)
	}
	for at := range node.Status.Failures {
		failure := &node.Status.Failures[at]
		entry := reported[failure.Volume]
		entry.failure = failure
		reported[failure.Volume] = entry
		drop(i.failed, failure.Volume, name)
	}
	delete(i.nodes, name)
	return reported
}

// Holder is what one node has of a volume.
type Holder struct {
	Node   *nodev1.NodeCache
	Volume *nodev1.Volume
}

// Holders are the nodes that know a volume and can be believed, those that hold most first.
func (i *Index) Holders(volume string) []Holder {
	i.mutex.RLock()
	defer i.mutex.RUnlock()
	var holders []Holder
	for name, held := range i.holders[volume] {
		if node := i.nodes[name]; i.isHeard(node) {
			holders = append(holders, Holder{Node: node, Volume: held})
		}
	}
	slices.SortFunc(holders, func(a, b Holder) int {
		return cmp.Or(cmp.Compare(b.Volume.Cached(), a.Volume.Cached()), cmp.Compare(a.Node.Name, b.Node.Name))
	})
	return holders
}

// Failures are why nodes could not mount a volume, by node.
func (i *Index) Failures(volume string) map[string]*nodev1.Failure {
	i.mutex.RLock()
	defer i.mutex.RUnlock()
	failures := map[string]*nodev1.Failure{}
	for name, failure := range i.failed[volume] {
		if i.isHeard(i.nodes[name]) {
			failures[name] = failure
		}
	}
	return failures
}

// Ready are the nodes whose cache works, in order of their names.
func (i *Index) Ready() []*nodev1.NodeCache {
	i.mutex.RLock()
	defer i.mutex.RUnlock()
	var ready []*nodev1.NodeCache
	for _, name := range slices.Sorted(maps.Keys(i.nodes)) {
		node := i.nodes[name]
		if i.isHeard(node) && meta.IsStatusConditionTrue(node.Status.Conditions, "Ready") {
			ready = append(ready, node)
		}
	}
	return ready
}

// State of a node's cache.
type State string

// The states that Count tells apart.
const (
	StateReady    State = "ready"
	StateNotReady State = "not_ready" // the agent says so
	StateSilent   State = "silent"    // the agent says nothing, or never did
)

// Count of nodes in each state; one with none is there, too.
func (i *Index) Count() map[State]int {
	i.mutex.RLock()
	defer i.mutex.RUnlock()
	count := map[State]int{StateReady: 0, StateNotReady: 0, StateSilent: 0}
	for _, node := range i.nodes {
		switch {
		case !i.isHeard(node):
			count[StateSilent]++
		case meta.IsStatusConditionTrue(node.Status.Conditions, "Ready"):
			count[StateReady]++
		default:
			count[StateNotReady]++
		}
	}
	return count
}

// Exists says whether the node has a NodeCache.
func (i *Index) Exists(name string) bool {
	i.mutex.RLock()
	defer i.mutex.RUnlock()
	return i.nodes[name] != nil
}

// All are the nodes that have ever reported, in order of their names.
func (i *Index) All() []*nodev1.NodeCache {
	i.mutex.RLock()
	defer i.mutex.RUnlock()
	var all []*nodev1.NodeCache
	for _, name := range slices.Sorted(maps.Keys(i.nodes)) {
		all = append(all, i.nodes[name])
	}
	return all
}

// Load is what a node says of a load; nil: nothing.
func (i *Index) Load(node, id string) *nodev1.LoadStatus {
	i.mutex.RLock()
	defer i.mutex.RUnlock()
	cache := i.nodes[node]
	if !i.isHeard(cache) {
		return nil
	}
	for at := range cache.Status.Loads {
		if cache.Status.Loads[at].ID == id {
			return &cache.Status.Loads[at]
		}
	}
	return nil
}

func (i *Index) isHeard(node *nodev1.NodeCache) bool {
	return node != nil && node.Status.Reported != nil && i.now().Sub(node.Status.Reported.Time) < Silent
}

func sameVolume(a, b *nodev1.Volume) bool {
	if a == nil || b == nil || !maps.Equal(a.CachedBytes, b.CachedBytes) {
		return false
	}
	return a.ID == b.ID && a.Mounted == b.Mounted && a.Files == b.Files && a.Bytes == b.Bytes && a.Listed == b.Listed &&
		a.HitBytes == b.HitBytes && a.MissBytes == b.MissBytes && a.Message == b.Message &&
		a.ParametersGeneration == b.ParametersGeneration && a.ParametersFailure == b.ParametersFailure &&
		slices.Equal(a.ParametersNextMount, b.ParametersNextMount)
}

func insert[T any](index map[string]map[string]T, volume, node string, value T) {
	if index[volume] == nil {
		index[volume] = map[string]T{}
	}
	index[volume][node] = value
}

func drop[T any](index map[string]map[string]T, volume, node string) {
	delete(index[volume], node)
	if len(index[volume]) == 0 {
		delete(index, volume)
	}
}
