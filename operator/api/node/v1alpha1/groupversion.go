// Package v1alpha1 is how the operator and the nodes speak to each other: through objects of the API, never directly.
//
//	CachePool         what administrators want of every node's cache (tiers, limits); agents apply it, live
//	NodeCache         one per node: the operator asks (spec), the node's agent reports (status)
//	VolumeParameters  what is different, since its PersistentVolume was made, about a volume; agents apply it, live
//
// None of these holds a secret: credentials reach a node through CSI alone.
//
// +kubebuilder:object:generate=true
// +groupName=sluice.csi.io
package v1alpha1

//go:generate go tool controller-gen object paths=.

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/scheme"
)

var (
	// GroupVersion of the objects in this package.
	GroupVersion = schema.GroupVersion{Group: "sluice.csi.io", Version: "v1alpha1"}

	builder = &scheme.Builder{GroupVersion: GroupVersion}

	// AddToScheme makes the kinds of this package known to a scheme.
	AddToScheme = builder.AddToScheme
)

func init() {
	builder.Register(&NodeCache{}, &NodeCacheList{}, &CachePool{}, &CachePoolList{},
		&VolumeParameters{}, &VolumeParametersList{})
}
