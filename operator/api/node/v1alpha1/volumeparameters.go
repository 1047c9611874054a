package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// VolumeParameters holds what has changed about a volume since its PersistentVolume was made: that one's volumeAttributes
// cannot change. It has the volume handle as its name, and exists only while there is a difference. The operator
// writes it, agents apply it to the volume where it is mounted, and at once where it is mounted later.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,categories=sluice
type VolumeParameters struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec VolumeParametersSpec `json:"spec"`
}

// VolumeParametersSpec is all of a volume's parameters, as docs/volume-parameters.md has them.
type VolumeParametersSpec struct {
	// +kubebuilder:validation:MaxProperties=64
	Parameters map[string]string `json:"parameters"`
}

// VolumeParametersList is a list of VolumeParameters.
//
// +kubebuilder:object:root=true
type VolumeParametersList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []VolumeParameters `json:"items"`
}
