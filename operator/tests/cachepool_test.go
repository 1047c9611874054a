package tests

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
)

func TestCachePoolSaysWhereItIsInForce(t *testing.T) {
	wrong := &nodev1.CachePool{ObjectMeta: metav1.ObjectMeta{Name: "pool"}, Spec: nodev1.CachePoolSpec{Tiers: []nodev1.PoolTier{{Medium: "ssd", Quota: "300GB"}}}}
	if err := api.Create(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), "16Gi") {
		t.Errorf("a quota that is none: %v", err)
	}
	pool := &nodev1.CachePool{ObjectMeta: metav1.ObjectMeta{Name: "pool"}, Spec: nodev1.CachePoolSpec{Policy: "lru"}}
	must(t, api.Create(t.Context(), pool))
	node(t, "pool-1")
	node(t, "pool-2")
	say := func(name string, generation int64, configured metav1.ConditionStatus, message string) {
		report(t, name, func(status *nodev1.NodeCacheStatus) {
			status.Pool = nodev1.PoolStatus{Name: "pool", Generation: generation}
			meta.SetStatusCondition(&status.Conditions, metav1.Condition{Type: "Configured", Status: configured, Reason: "Any", Message: message})
		})
	}
	expect := func(configured int32, message string) {
		t.Helper()
		must(t, until(limit, func() error {
			if err := api.Get(t.Context(), client.ObjectKeyFromObject(pool), pool); err != nil {
				return err
			}
			condition := meta.FindStatusCondition(pool.Status.Conditions, "Configured")
			if pool.Status.Configured != configured || pool.Status.Nodes != 2 || condition == nil || condition.Message != message {
				return fmt.Errorf("the status is %+v", pool.Status)
			}
			return nil
		}))
	}
	say("pool-1", pool.Generation, "True", "")
	say("pool-2", 0, "True", "")
	expect(1, "in force on 1 of 2 nodes")
	say("pool-2", pool.Generation, "False", "the pool has no hdd tier")
	expect(1, "node pool-2: the pool has no hdd tier")
	say("pool-2", pool.Generation, "True", "")
	expect(2, "in force on 2 of 2 nodes")
}
