// Package v1alpha1 is Fluid's API, data.fluid.io/v1alpha1, as its users know it: kinds, fields, defaults, columns and
// subresources are those of Fluid 1.1, so that manifests and scripts written for Fluid work unchanged. What each field
// means in Sluice is said at the field.
//
// Sluice has one cache daemon per node, which serves all datasets. Fluid starts masters, workers and FUSE pods for each
// dataset; all that is said about those pods (images, resources, ports, environment, volumes) is accepted, is given
// back, and has no effect. The operator warns of it when it is applied.
//
// Each field of a spec says how a change of it applies, by a marker on itself or on a field that it is part of:
//
//	+sluice:change=live      while everything runs
//	+sluice:change=rolling   as pods that use the dataset come and go
//	+sluice:change=refused   not at all: the object must be made anew
//	+sluice:change=ignored   it has no effect here, at any time; nor has any part of it
//	+sluice:why=TEXT         what else there is to know about it
//
// What has no effect and is of Kubernetes' own types is a PodFragment.
//
// Optional numbers and truth values are pointers, so that what was not given and what was given as zero stay apart.
//
// +kubebuilder:object:generate=true
// +groupName=data.fluid.io
package v1alpha1

//go:generate go tool controller-gen object paths=.
//go:generate go run ../changes/generate
