package conversion

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/conversion"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

// A kind whose spec is the same in both versions, so that only its status is spelt differently, needs a line in spec
// copying and a projection of its status each way.

// Dataset converts Datasets.
func Dataset() conversion.SpokeConverter[*v1alpha2.Dataset] {
	return spoke(
		func() *v1alpha2.Dataset { return &v1alpha2.Dataset{} }, func() *v1alpha1.Dataset { return &v1alpha1.Dataset{} },
		func(from *v1alpha2.Dataset, to *v1alpha1.Dataset) {
			to.Spec, to.Status = from.Spec.DatasetSpec, datasetStatusToFluid(from.Status)
		},
		func(from *v1alpha1.Dataset, to *v1alpha2.Dataset) {
			to.Spec.DatasetSpec, to.Status = from.Spec, datasetStatusFromFluid(from.Status)
		})
}

// DataLoad converts DataLoads.
func DataLoad() conversion.SpokeConverter[*v1alpha2.DataLoad] {
	return spoke(
		func() *v1alpha2.DataLoad { return &v1alpha2.DataLoad{} }, func() *v1alpha1.DataLoad { return &v1alpha1.DataLoad{} },
		func(from *v1alpha2.DataLoad, to *v1alpha1.DataLoad) {
			to.Spec, to.Status = from.Spec.DataLoadSpec, loadStatusToFluid(from.Status)
		},
		func(from *v1alpha1.DataLoad, to *v1alpha2.DataLoad) {
			to.Spec.DataLoadSpec, to.Status = from.Spec, loadStatusFromFluid(from.Status)
		})
}

// CacheRuntime converts CacheRuntimes.
func CacheRuntime() conversion.SpokeConverter[*v1alpha2.CacheRuntime] {
	return spoke(
		func() *v1alpha2.CacheRuntime { return &v1alpha2.CacheRuntime{} }, func() *v1alpha1.CacheRuntime { return &v1alpha1.CacheRuntime{} },
		func(from *v1alpha2.CacheRuntime, to *v1alpha1.CacheRuntime) {
			to.Spec, to.Status = from.Spec, cacheRuntimeStatusToFluid(from.Status)
		},
		func(from *v1alpha1.CacheRuntime, to *v1alpha2.CacheRuntime) {
			to.Spec, to.Status = from.Spec, cacheRuntimeStatusFromFluid(from.Status)
		})
}

// AlluxioRuntime converts AlluxioRuntimes.
func AlluxioRuntime() conversion.SpokeConverter[*v1alpha2.AlluxioRuntime] {
	return spoke(
		func() *v1alpha2.AlluxioRuntime { return &v1alpha2.AlluxioRuntime{} },
		func() *v1alpha1.AlluxioRuntime { return &v1alpha1.AlluxioRuntime{} },
		func(from *v1alpha2.AlluxioRuntime, to *v1alpha1.AlluxioRuntime) {
			to.Spec, to.Status = from.Spec, runtimeStatusToFluid(from.Status)
		},
		func(from *v1alpha1.AlluxioRuntime, to *v1alpha2.AlluxioRuntime) {
			to.Spec, to.Status = from.Spec, runtimeStatusFromFluid(from.Status)
		})
}

// JuiceFSRuntime converts JuiceFSRuntimes.
func JuiceFSRuntime() conversion.SpokeConverter[*v1alpha2.JuiceFSRuntime] {
	return spoke(
		func() *v1alpha2.JuiceFSRuntime { return &v1alpha2.JuiceFSRuntime{} },
		func() *v1alpha1.JuiceFSRuntime { return &v1alpha1.JuiceFSRuntime{} },
		func(from *v1alpha2.JuiceFSRuntime, to *v1alpha1.JuiceFSRuntime) {
			to.Spec, to.Status = from.Spec, runtimeStatusToFluid(from.Status)
		},
		func(from *v1alpha1.JuiceFSRuntime, to *v1alpha2.JuiceFSRuntime) {
			to.Spec, to.Status = from.Spec, runtimeStatusFromFluid(from.Status)
		})
}

// JindoRuntime converts JindoRuntimes.
func JindoRuntime() conversion.SpokeConverter[*v1alpha2.JindoRuntime] {
	return spoke(
		func() *v1alpha2.JindoRuntime { return &v1alpha2.JindoRuntime{} }, func() *v1alpha1.JindoRuntime { return &v1alpha1.JindoRuntime{} },
		func(from *v1alpha2.JindoRuntime, to *v1alpha1.JindoRuntime) {
			to.Spec, to.Status = from.Spec, runtimeStatusToFluid(from.Status)
		},
		func(from *v1alpha1.JindoRuntime, to *v1alpha2.JindoRuntime) {
			to.Spec, to.Status = from.Spec, runtimeStatusFromFluid(from.Status)
		})
}

// ThinRuntime converts ThinRuntimes.
func ThinRuntime() conversion.SpokeConverter[*v1alpha2.ThinRuntime] {
	return spoke(
		func() *v1alpha2.ThinRuntime { return &v1alpha2.ThinRuntime{} }, func() *v1alpha1.ThinRuntime { return &v1alpha1.ThinRuntime{} },
		func(from *v1alpha2.ThinRuntime, to *v1alpha1.ThinRuntime) {
			to.Spec, to.Status = from.Spec, runtimeStatusToFluid(from.Status)
		},
		func(from *v1alpha1.ThinRuntime, to *v1alpha2.ThinRuntime) {
			to.Spec, to.Status = from.Spec, runtimeStatusFromFluid(from.Status)
		})
}

// ThinRuntimeProfile converts ThinRuntimeProfiles.
func ThinRuntimeProfile() conversion.SpokeConverter[*v1alpha2.ThinRuntimeProfile] {
	return spoke(
		func() *v1alpha2.ThinRuntimeProfile { return &v1alpha2.ThinRuntimeProfile{} },
		func() *v1alpha1.ThinRuntimeProfile { return &v1alpha1.ThinRuntimeProfile{} },
		func(from *v1alpha2.ThinRuntimeProfile, to *v1alpha1.ThinRuntimeProfile) { to.Spec = from.Spec },
		func(from *v1alpha1.ThinRuntimeProfile, to *v1alpha2.ThinRuntimeProfile) { to.Spec = from.Spec })
}

// CacheRuntimeClass converts CacheRuntimeClasses.
func CacheRuntimeClass() conversion.SpokeConverter[*v1alpha2.CacheRuntimeClass] {
	return spoke(
		func() *v1alpha2.CacheRuntimeClass { return &v1alpha2.CacheRuntimeClass{} },
		func() *v1alpha1.CacheRuntimeClass { return &v1alpha1.CacheRuntimeClass{} },
		func(from *v1alpha2.CacheRuntimeClass, to *v1alpha1.CacheRuntimeClass) {
			to.FileSystemType, to.Topology = from.FileSystemType, from.Topology
			to.ExtraResources, to.DataOperationSpecs = from.ExtraResources, from.DataOperationSpecs
		},
		func(from *v1alpha1.CacheRuntimeClass, to *v1alpha2.CacheRuntimeClass) {
			to.FileSystemType, to.Topology = from.FileSystemType, from.Topology
			to.ExtraResources, to.DataOperationSpecs = from.ExtraResources, from.DataOperationSpecs
		})
}

// spoke joins both directions of a kind.
func spoke[Stored, Fluid client.Object](newStored func() Stored, newFluid func() Fluid, down func(Stored, Fluid), up func(Fluid, Stored)) conversion.SpokeConverter[Stored] {
	toFluid := converter[Stored, Fluid]{newStored, down, up, remainderOfFluid, remainderOfStored}
	toStored := converter[Fluid, Stored]{newFluid, up, down, remainderOfStored, remainderOfFluid}
	return conversion.NewSpokeConverter(newFluid(),
		func(_ context.Context, stored Stored, fluid Fluid) error { return toFluid.convert(stored, fluid) },
		func(_ context.Context, fluid Fluid, stored Stored) error { return toStored.convert(fluid, stored) })
}
