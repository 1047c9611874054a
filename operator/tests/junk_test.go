package tests

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
)

func parsed(t *testing.T, manifest string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	must(t, yaml.Unmarshal([]byte(manifest), object))
	return object
}

// What is no size and no length of time is refused, with the field and what would be right.
func TestJunkIsRefusedByName(t *testing.T) {
	namespace(t, "junk")
	for field, manifest := range map[string]string{
		"spec.volume.metadataTTL":  `{apiVersion: data.fluid.io/v1alpha2, kind: Dataset, metadata: {name: junk, namespace: junk}, spec: {mounts: [{mountPoint: "s3://b"}], volume: {metadataTTL: 5 minutes}}}`,
		"spec.onEvent.sourceEvery": `{apiVersion: data.fluid.io/v1alpha2, kind: DataLoad, metadata: {name: junk, namespace: junk}, spec: {dataset: {name: junk}, policy: OnEvent, onEvent: {sourceEvery: 5 minutes}}}`,
		"spec.tieredstore.levels[0].quota": `{apiVersion: data.fluid.io/v1alpha1, kind: AlluxioRuntime, metadata: {name: junk, namespace: junk},
			spec: {tieredstore: {levels: [{mediumtype: MEM, quota: 16GB}]}}}`,
	} {
		err := api.Create(t.Context(), parsed(t, manifest))
		if err == nil || !strings.Contains(err.Error(), field+": Invalid value: ") || !strings.Contains(err.Error(), "write it like") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// junk came in before the webhooks did. Nothing is stored that Go cannot read: it would keep every client from listing the
// kind, and the operator from working.
const junk = `{apiVersion: sluice.csi.io/v1alpha1, kind: CachePool, metadata: {name: junk}, spec: {scrub: {every: now and then, bytesPerSecond: 1e99999999999999999999}}}`

func TestJunkThatIsStoredCanBeRead(t *testing.T) {
	list := &nodev1.CachePoolList{}
	must(t, api.List(t.Context(), list))
	for _, pool := range list.Items {
		if pool.Name == "junk" && pool.Spec.Scrub.Every == "now and then" {
			return
		}
	}
	t.Error("it is not there")
}
