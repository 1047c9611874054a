package v1alpha1

import apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

// PodFragment is a part of a pod's definition that has no effect here: resources, a volume, an environment variable, a
// probe, a whole template. It is kept byte for byte, also if it is of a newer Kubernetes than this program's libraries;
// one object with nonsense in it cannot keep clients from reading all the others; and the CustomResourceDefinitions
// stay small enough for `kubectl apply`, which they are not with the schema of a pod in them (500 kB).
//
// +kubebuilder:validation:Type=object
// +kubebuilder:pruning:PreserveUnknownFields
type PodFragment struct {
	apiextensionsv1.JSON `json:"-"`
}
