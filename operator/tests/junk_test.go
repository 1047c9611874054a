package tests

import (
	"context"
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

// Where no webhook looks at it nothing is stored that Go cannot read: it would keep every client from listing the kind.
func TestJunkThatIsStoredCanBeRead(t *testing.T) {
	junk := parsed(t, `{apiVersion: sluice.csi.io/v1alpha1, kind: CachePool, metadata: {name: junk}, spec: {scrub: {every: now and then, bytesPerSecond: 1e99999999999999999999}}}`)
	must(t, api.Create(t.Context(), junk))
	t.Cleanup(func() { _ = api.Delete(context.Background(), junk) })
	must(t, api.List(t.Context(), &nodev1.CachePoolList{}))
}
