package v1alpha2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
)

// CacheRuntimeClass is what CacheRuntimes name. Sluice is one engine: any class is accepted, nothing of its pods runs; its
// options are defaults.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:scope=Cluster,categories=fluid
type CacheRuntimeClass struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// FileSystemType has no effect here: it is a name for people.
	// +sluice:change=ignored
	// +kubebuilder:validation:Required
	FileSystemType string `json:"fileSystemType"`
	// Topology: its options are taken where a CacheRuntime does not say them itself.
	// +sluice:change=live
	Topology *v1alpha1.RuntimeTopology `json:"topology,omitempty"`
	// ExtraResources have no effect here: there are no pods of a runtime.
	// +sluice:change=ignored
	ExtraResources *v1alpha1.RuntimeExtraResources `json:"extraResources,omitempty"`
	// DataOperationSpecs have no effect here: the nodes' caches do the work themselves.
	// +sluice:change=ignored
	DataOperationSpecs []v1alpha1.DataOperationSpec `json:"dataOperationSpecs,omitempty"`
}

// CacheRuntimeClassList is a list of CacheRuntimeClasses.
//
// +kubebuilder:object:root=true
type CacheRuntimeClassList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CacheRuntimeClass `json:"items"`
}

// ThinRuntimeProfile is what ThinRuntimes name. Nothing of its image runs.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=fluid
type ThinRuntimeProfile struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   v1alpha1.ThinRuntimeProfileSpec `json:"spec,omitempty"`
	Status ProfileStatus                   `json:"status,omitempty"`
}

// ProfileStatus says whether Sluice can do without the profile's image.
type ProfileStatus struct {
	// ObservedGeneration is that of the spec which the status is about.
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: Accepted.
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ThinRuntimeProfileList is a list of ThinRuntimeProfiles.
//
// +kubebuilder:object:root=true
type ThinRuntimeProfileList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ThinRuntimeProfile `json:"items"`
}

func init() {
	builder.Register(&CacheRuntimeClass{}, &CacheRuntimeClassList{}, &ThinRuntimeProfile{}, &ThinRuntimeProfileList{})
}
