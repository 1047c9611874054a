package v1alpha2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
)

// RuntimeStatus says what has become of a runtime of any kind. There are no pods of a runtime: its settings bound what
// its Dataset takes of the nodes' caches.
type RuntimeStatus struct {
	// ObservedGeneration is that of the spec which the status is about.
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Phase: "", NotReady, PartialReady, Ready; package phase has the whole machine.
	Phase v1alpha1.RuntimePhase `json:"phase,omitempty"`
	// Conditions: Ready, Accepted.
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Replicas are the nodes that hold data of the dataset, or would: at most spec.replicas.
	Replicas int32 `json:"replicas"`
	// Selector of the pods of a runtime: there are none.
	Selector string `json:"selector,omitempty"`
	// Cache is that of its Dataset.
	Cache CacheStatus `json:"cache,omitempty"`
}

// CacheRuntime is how the nodes' caches serve the Dataset of its name.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.worker.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:resource:scope=Namespaced,categories=fluid
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type CacheRuntime struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   v1alpha1.CacheRuntimeSpec `json:"spec,omitempty"`
	Status RuntimeStatus             `json:"status,omitempty"`
}

// CacheRuntimeList is a list of CacheRuntimes.
//
// +kubebuilder:object:root=true
type CacheRuntimeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CacheRuntime `json:"items"`
}

// AlluxioRuntime is taken over from Fluid: its tiers and replicas count, nothing of Alluxio runs.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:resource:scope=Namespaced,categories=fluid,shortName=alluxio
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type AlluxioRuntime struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   v1alpha1.AlluxioRuntimeSpec `json:"spec,omitempty"`
	Status RuntimeStatus               `json:"status,omitempty"`
}

// AlluxioRuntimeList is a list of AlluxioRuntimes.
//
// +kubebuilder:object:root=true
type AlluxioRuntimeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AlluxioRuntime `json:"items"`
}

// JuiceFSRuntime is taken over from Fluid: its tiers and replicas count, nothing of JuiceFS runs.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:resource:scope=Namespaced,categories=fluid,shortName=juicefs
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type JuiceFSRuntime struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   v1alpha1.JuiceFSRuntimeSpec `json:"spec,omitempty"`
	Status RuntimeStatus               `json:"status,omitempty"`
}

// JuiceFSRuntimeList is a list of JuiceFSRuntimes.
//
// +kubebuilder:object:root=true
type JuiceFSRuntimeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []JuiceFSRuntime `json:"items"`
}

// JindoRuntime is taken over from Fluid: its tiers and replicas count, nothing of Jindo runs.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:resource:scope=Namespaced,categories=fluid,shortName=jindo
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type JindoRuntime struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   v1alpha1.JindoRuntimeSpec `json:"spec,omitempty"`
	Status RuntimeStatus             `json:"status,omitempty"`
}

// JindoRuntimeList is a list of JindoRuntimes.
//
// +kubebuilder:object:root=true
type JindoRuntimeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []JindoRuntime `json:"items"`
}

// ThinRuntime is taken over from Fluid: it is accepted where Sluice can read the Dataset's sources itself, nothing of its
// image runs.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=fluid
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ThinRuntime struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   v1alpha1.ThinRuntimeSpec `json:"spec,omitempty"`
	Status RuntimeStatus            `json:"status,omitempty"`
}

// ThinRuntimeList is a list of ThinRuntimes.
//
// +kubebuilder:object:root=true
type ThinRuntimeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ThinRuntime `json:"items"`
}

func init() {
	builder.Register(&CacheRuntime{}, &CacheRuntimeList{}, &AlluxioRuntime{}, &AlluxioRuntimeList{},
		&JuiceFSRuntime{}, &JuiceFSRuntimeList{}, &JindoRuntime{}, &JindoRuntimeList{}, &ThinRuntime{}, &ThinRuntimeList{})
}
