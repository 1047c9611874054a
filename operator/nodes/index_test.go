package nodes

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
)

var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func said(name string, at time.Time, volumes ...nodev1.Volume) *nodev1.NodeCache {
	return &nodev1.NodeCache{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: nodev1.NodeCacheStatus{
		Reported: ptr.To(metav1.NewTime(at)), Volumes: volumes,
		Conditions: []metav1.Condition{{Type: "Ready", Status: "True"}},
	}}
}

func volume(id string, bytes int64) nodev1.Volume {
	return nodev1.Volume{ID: id, CachedBytes: map[string]int64{"ssd": bytes}}
}

func names(holders []Holder) (names []string) {
	for _, holder := range holders {
		names = append(names, holder.Node.Name)
	}
	return names
}

func TestHoldersAreThoseThatHoldMostFirst(t *testing.T) {
	index := NewIndex(func() time.Time { return now })
	index.Set(said("some", now, volume("v", 10)))
	index.Set(said("most", now, volume("v", 20), volume("w", 1)))
	index.Set(said("silent", now.Add(-Silent-time.Second), volume("v", 99)))
	if got := names(index.Holders("v")); !slices.Equal(got, []string{"most", "some"}) {
		t.Errorf("the holders are %v", got)
	}
	index.Remove("most")
	if got := names(index.Holders("v")); !slices.Equal(got, []string{"some"}) {
		t.Errorf("without the first the holders are %v", got)
	}
	if len(index.Ready()) != 1 {
		t.Errorf("%d nodes are ready", len(index.Ready()))
	}
}

// Only what changed is said: a node with a thousand volumes reports every few seconds.
func TestChanges(t *testing.T) {
	index := NewIndex(func() time.Time { return now })
	if got := index.Set(said("n", now, volume("a", 1), volume("b", 1))); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("new are %v", got)
	}
	if got := index.Set(said("n", now.Add(time.Second), volume("a", 1), volume("b", 2))); !slices.Equal(got, []string{"b"}) {
		t.Errorf("changed are %v", got)
	}
	if got := index.Set(said("n", now, volume("b", 2))); !slices.Equal(got, []string{"a"}) {
		t.Errorf("gone are %v", got)
	}
	failing := said("n", now, volume("b", 2))
	failing.Status.Failures = []nodev1.Failure{{Volume: "c", Message: "no"}}
	if got := index.Set(failing); !slices.Equal(got, []string{"c"}) {
		t.Errorf("failing are %v", got)
	}
	if got := index.Set(said("n", now, volume("b", 2))); !slices.Equal(got, []string{"c"}) {
		t.Errorf("mended are %v", got)
	}
}

func TestPreference(t *testing.T) {
	index := NewIndex(func() time.Time { return now })
	index.Set(said("a", now, volume("v", 100), volume("w", 0)))
	index.Set(said("b", now, volume("v", 1)))
	index.Set(said("c", now, volume("v", 50), volume("w", 50)))
	index.Set(said("nameless", now, volume("v", 100)))
	hostname := func(node string) string {
		if node == "nameless" {
			return ""
		}
		return "host-" + node
	}
	weights := map[string]int32{}
	for _, term := range index.Preference([]string{"v", "w"}, hostname) {
		for _, host := range term.Preference.MatchExpressions[0].Values {
			weights[host] = term.Weight
		}
	}
	if len(weights) != 3 || weights["host-a"] != 100 || weights["host-b"] != 20 || weights["host-c"] != 100 {
		t.Errorf("the weights are %v", weights)
	}
	if term := index.Requirement([]string{"v", "w"}, hostname); !slices.Equal(term.MatchExpressions[0].Values, []string{"host-c"}) {
		t.Errorf("both are held by %v", term.MatchExpressions[0].Values)
	}
	if index.Requirement([]string{"unknown"}, hostname) != nil || index.Preference([]string{"unknown"}, hostname) != nil {
		t.Error("a volume that nobody holds has a preference")
	}
}
