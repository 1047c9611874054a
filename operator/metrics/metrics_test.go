package metrics

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/nodes"
)

var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func dataset(phase v1alpha1.DatasetPhase) *v1alpha2.Dataset {
	return &v1alpha2.Dataset{Status: v1alpha2.DatasetStatus{Phase: phase}}
}

func said(name string, ready metav1.ConditionStatus, ago time.Duration) *nodev1.NodeCache {
	return &nodev1.NodeCache{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: nodev1.NodeCacheStatus{
		Reported: ptr.To(metav1.NewTime(now.Add(-ago))), Conditions: []metav1.Condition{{Type: "Ready", Status: ready}},
	}}
}

func TestPhasesFollowTheWatch(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m, err := New(registry, nodes.NewIndex(func() time.Time { return now }))
	if err != nil {
		t.Fatal(err)
	}
	watch := m.counting("Dataset", func(object client.Object) string { return string(object.(*v1alpha2.Dataset).Status.Phase) })
	watch.OnAdd(dataset(""), true)
	watch.OnAdd(dataset(v1alpha1.DatasetPhaseBound), false)
	watch.OnUpdate(dataset(""), dataset(v1alpha1.DatasetPhaseFailed))
	watch.OnAdd(dataset(v1alpha1.DatasetPhaseBound), false)
	watch.OnDelete(toolscache.DeletedFinalStateUnknown{Obj: dataset(v1alpha1.DatasetPhaseBound)})
	m.CountRefused("DataLoad")
	want := `# HELP sluice_operator_objects Objects of data.fluid.io by phase.
# TYPE sluice_operator_objects gauge
sluice_operator_objects{kind="Dataset",phase="Bound"} 1
sluice_operator_objects{kind="Dataset",phase="Failed"} 1
sluice_operator_objects{kind="Dataset",phase="None"} 0
# HELP sluice_operator_refused_total Objects that were refused at admission.
# TYPE sluice_operator_refused_total counter
sluice_operator_refused_total{kind="DataLoad"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "sluice_operator_objects", "sluice_operator_refused_total"); err != nil {
		t.Error(err)
	}
}

func TestNodesAndCertificate(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	index := nodes.NewIndex(func() time.Time { return now })
	if _, err := New(registry, index); err != nil {
		t.Fatal(err)
	}
	index.Set(said("a", metav1.ConditionTrue, time.Minute))
	index.Set(said("b", metav1.ConditionTrue, time.Minute))
	index.Set(said("c", metav1.ConditionFalse, time.Minute))
	index.Set(said("d", metav1.ConditionTrue, nodes.Silent+time.Minute))
	var expiry time.Time
	if err := Certificate(registry, func() time.Time { return expiry }); err != nil {
		t.Fatal(err)
	}
	want := `# HELP sluice_operator_nodes Nodes by whether their cache works.
# TYPE sluice_operator_nodes gauge
sluice_operator_nodes{state="not_ready"} 1
sluice_operator_nodes{state="ready"} 2
sluice_operator_nodes{state="silent"} 1
# HELP sluice_operator_certificate_expiry_seconds When the webhooks' certificate expires, as Unix time.
# TYPE sluice_operator_certificate_expiry_seconds gauge
sluice_operator_certificate_expiry_seconds `
	names := []string{"sluice_operator_nodes", "sluice_operator_certificate_expiry_seconds"}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want+"0\n"), names...); err != nil {
		t.Error(err)
	}
	expiry = time.Unix(1769860800, 0)
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want+"1.7698608e+09\n"), names...); err != nil {
		t.Error(err)
	}
}
