// Package v1alpha2 is the stored version of data.fluid.io. A spec has all fields of v1alpha1, with the same names and meaning,
// and what is new; a status has standard conditions and is computed anew from what the nodes report. Package conversion
// leads from one version to the other and loses nothing.
//
// +kubebuilder:object:generate=true
// +groupName=data.fluid.io
package v1alpha2

//go:generate go tool controller-gen object paths=.
//go:generate go run ../changes/generate ../v1alpha1

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/scheme"
)

var (
	// GroupVersion of the objects in this package.
	GroupVersion = schema.GroupVersion{Group: "data.fluid.io", Version: "v1alpha2"}

	builder = &scheme.Builder{GroupVersion: GroupVersion}

	// AddToScheme makes the kinds of this package known to a scheme.
	AddToScheme = builder.AddToScheme
)

// The types of conditions, with the meaning they have for every kind. More are with their kind.
const (
	// ConditionReady says whether the object does what it is for. `kubectl wait --for=condition=Ready` is the gate.
	ConditionReady = "Ready"
	// ConditionAccepted is False when the spec cannot work; the message says why.
	ConditionAccepted = "Accepted"
)
