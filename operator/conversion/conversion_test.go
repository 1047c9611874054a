package conversion

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/conversion"
	"sigs.k8s.io/randfill"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

// rounds of each kind and direction, with fields filled at random: about half of the optional ones are there.
const rounds = 100

// testKind goes there and back both ways and compares what arrives, field for field, as clients see it.
func testKind[Stored client.Object](t *testing.T, newStored func() Stored, converter conversion.SpokeConverter[Stored]) {
	t.Helper()
	fill := filler()
	ctx := context.Background()
	t.Run(reflect.TypeOf(newStored()).Elem().Name(), func(t *testing.T) {
		for round := range rounds {
			stored, again, fluid := newStored(), newStored(), newFluid(converter)
			fill.Fill(stored)
			check(t, converter.ConvertHubToSpoke(ctx, stored, fluid))
			check(t, converter.ConvertSpokeToHub(ctx, fluid, again))
			same(t, round, "v1alpha2 by way of v1alpha1", stored, again)

			original, back, between := newFluid(converter), newFluid(converter), newStored()
			fill.Fill(original)
			check(t, converter.ConvertSpokeToHub(ctx, original, between))
			check(t, converter.ConvertHubToSpoke(ctx, between, back))
			same(t, round, "v1alpha1 by way of v1alpha2", original, back)
		}
	})
}

func newFluid[Stored client.Object](converter conversion.SpokeConverter[Stored]) client.Object {
	return reflect.New(reflect.TypeOf(converter.GetSpoke()).Elem()).Interface().(client.Object)
}

// filler fills every field of a type, so that a field that somebody adds is converted from the first day, or fails here.
func filler() *randfill.Filler {
	return randfill.New().NilChance(.5).NumElements(1, 3).MaxDepth(16).Funcs(
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewQuantity(c.Int63n(1<<40), resource.BinarySI)
			_ = q.String() // as one that was read
		},
		func(at *metav1.Time, c randfill.Continue) { *at = metav1.Unix(1+c.Int63n(1<<31), 0) },
		func(raw *apiextensionsv1.JSON, c randfill.Continue) {
			raw.Raw, _ = json.Marshal(map[string]any{"a" + c.String(4): []int{c.Intn(9)}, "b": map[string]string{"c": c.String(8)}})
		},
		func(f *metav1.FieldsV1, _ randfill.Continue) { f.Raw = []byte(`{"f:spec":{}}`) },
		func(meta *metav1.ObjectMeta, c randfill.Continue) {
			c.FillNoCustom(meta)
			meta.ManagedFields, meta.OwnerReferences = nil, nil
		},
	)
}

func TestRoundTrip(t *testing.T) {
	testKind(t, func() *v1alpha2.Dataset { return &v1alpha2.Dataset{} }, Dataset())
	testKind(t, func() *v1alpha2.DataLoad { return &v1alpha2.DataLoad{} }, DataLoad())
	testKind(t, func() *v1alpha2.CacheRuntime { return &v1alpha2.CacheRuntime{} }, CacheRuntime())
	testKind(t, func() *v1alpha2.CacheRuntimeClass { return &v1alpha2.CacheRuntimeClass{} }, CacheRuntimeClass())
	testKind(t, func() *v1alpha2.ThinRuntime { return &v1alpha2.ThinRuntime{} }, ThinRuntime())
	testKind(t, func() *v1alpha2.ThinRuntimeProfile { return &v1alpha2.ThinRuntimeProfile{} }, ThinRuntimeProfile())
	testKind(t, func() *v1alpha2.AlluxioRuntime { return &v1alpha2.AlluxioRuntime{} }, AlluxioRuntime())
	testKind(t, func() *v1alpha2.JuiceFSRuntime { return &v1alpha2.JuiceFSRuntime{} }, JuiceFSRuntime())
	testKind(t, func() *v1alpha2.JindoRuntime { return &v1alpha2.JindoRuntime{} }, JindoRuntime())
}

// An edit in the other version is kept, whatever had been left over.
func TestEditInTheOtherVersion(t *testing.T) {
	ctx := context.Background()
	stored := &v1alpha2.Dataset{Spec: v1alpha2.DatasetSpec{Cache: &v1alpha2.CacheSpec{Tiers: []v1alpha2.CacheTier{{Medium: "MEM", Quota: "1Gi"}}}}}
	stored.Spec.Mounts = []v1alpha1.Mount{{MountPoint: "s3://one"}}
	fluid, after := &v1alpha1.Dataset{}, &v1alpha2.Dataset{}
	check(t, Dataset().ConvertHubToSpoke(ctx, stored, fluid))
	fluid.Spec.Mounts = []v1alpha1.Mount{{MountPoint: "s3://two"}, {MountPoint: "s3://three", Path: "/three"}}
	fluid.Annotations["mine"] = "kept"
	check(t, Dataset().ConvertSpokeToHub(ctx, fluid, after))
	if len(after.Spec.Mounts) != 2 || after.Spec.Mounts[0].MountPoint != "s3://two" {
		t.Errorf("the edited mounts are %v", after.Spec.Mounts)
	}
	if after.Spec.Cache == nil || after.Spec.Cache.Tiers[0].Quota != "1Gi" {
		t.Errorf("what v1alpha1 has no field for came back as %v", after.Spec.Cache)
	}
	if len(after.Annotations) != 1 || after.Annotations["mine"] != "kept" {
		t.Errorf("the annotations are %v", after.Annotations)
	}
}

func TestSpoiltAnnotation(t *testing.T) {
	fluid := &v1alpha1.Dataset{}
	fluid.Annotations = map[string]string{remainderOfStored: `{"spec":`}
	if err := Dataset().ConvertSpokeToHub(context.Background(), fluid, &v1alpha2.Dataset{}); err == nil {
		t.Error("a spoilt annotation was taken for nothing")
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, round int, way string, wanted, got client.Object) {
	t.Helper()
	a, b := asClientsSee(t, wanted), asClientsSee(t, got)
	if !reflect.DeepEqual(a, b) {
		patch, _ := difference(wanted, got)
		t.Fatalf("round %d, %s: not what it was; the difference: %s\nannotations: %v\nand: %v", round, way, patch, wanted.GetAnnotations(), got.GetAnnotations())
	}
}

func asClientsSee(t *testing.T, object client.Object) (seen map[string]any) {
	t.Helper()
	text, err := json.Marshal(object)
	check(t, err)
	check(t, json.Unmarshal(text, &seen))
	delete(seen, "kind")
	delete(seen, "apiVersion")
	return seen
}
