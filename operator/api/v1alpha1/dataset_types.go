package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Dataset is data in one or more sources, which pods read through a PersistentVolumeClaim of its name. A runtime of the
// same name and namespace says how it is cached; none is needed.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=fluid,shortName=dataset
// +kubebuilder:printcolumn:name="Ufs Total Size",type=string,JSONPath=`.status.ufsTotal`
// +kubebuilder:printcolumn:name="Cached",type=string,JSONPath=`.status.cacheStates.cached`
// +kubebuilder:printcolumn:name="Cache Capacity",type=string,JSONPath=`.status.cacheStates.cacheCapacity`
// +kubebuilder:printcolumn:name="Cached Percentage",type=string,JSONPath=`.status.cacheStates.cachedPercentage`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="HCFS URL",type=string,JSONPath=`.status.hcfs.endpoint`,priority=10
// +kubebuilder:printcolumn:name="TOTAL FILES",type=string,JSONPath=`.status.fileNum`,priority=11
// +kubebuilder:printcolumn:name="CACHE HIT RATIO",type=string,JSONPath=`.status.cacheStates.cacheHitRatio`,priority=10
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Dataset struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   DatasetSpec   `json:"spec,omitempty"`
	Status DatasetStatus `json:"status,omitempty"`
}

// DatasetList is a list of Datasets.
//
// +kubebuilder:object:root=true
type DatasetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Dataset `json:"items"`
}

// DatasetSpec says where the data is and who may read it how.
type DatasetSpec struct {
	// Mounts are the sources. Each appears at its path.
	// +sluice:change=live
	// +kubebuilder:validation:MinItems=1
	Mounts []Mount `json:"mounts,omitempty"`
	// Owner of all files and directories as readers see them. Default: root.
	// +sluice:change=refused
	// +sluice:why=a volume's owner is the same for all who have it mounted
	Owner *User `json:"owner,omitempty"`
	// NodeAffinity says which nodes data is loaded on. Readers may run on any node.
	// +sluice:change=live
	NodeAffinity *CacheableNodeAffinity `json:"nodeAffinity,omitempty"`
	// Tolerations: nodes with other taints that keep pods away are not chosen to load data on.
	// +sluice:change=live
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// AccessModes of the PersistentVolume. Default: ReadOnlyMany.
	// +sluice:change=refused
	// +sluice:why=the access modes of a PersistentVolumeClaim cannot change
	AccessModes []corev1.PersistentVolumeAccessMode `json:"accessModes,omitempty"`
	// Runtimes has no effect here: the runtime of the Dataset's name and namespace is found by itself.
	// +sluice:change=ignored
	Runtimes []Runtime `json:"runtimes,omitempty"`
	// Placement has no effect here: one daemon per node serves all Datasets, within the quota of each. Default: Exclusive.
	// +sluice:change=ignored
	// +kubebuilder:validation:Enum=Exclusive;"";Shared
	Placement PlacementMode `json:"placement,omitempty"`
	// DataRestoreLocation has no effect here: there is no metadata to restore, names are read from the source.
	// +sluice:change=ignored
	DataRestoreLocation *DataRestoreLocation `json:"dataRestoreLocation,omitempty"`
	// SharedOptions are options of all mounts; what a mount says itself goes first.
	// +sluice:change=live
	SharedOptions map[string]string `json:"sharedOptions,omitempty"`
	// SharedEncryptOptions are options of all mounts whose values are in Secrets; what a mount says itself goes first.
	// +sluice:change=live
	SharedEncryptOptions []EncryptOption `json:"sharedEncryptOptions,omitempty"`
}

// PlacementMode is Exclusive or Shared.
type PlacementMode string

// The placements.
const (
	PlacementExclusive PlacementMode = "Exclusive"
	PlacementShared    PlacementMode = "Shared"
)

// CacheableNodeAffinity chooses nodes.
type CacheableNodeAffinity struct {
	// Required is what a node must be like.
	Required *corev1.NodeSelector `json:"required,omitempty"`
}

// DataRestoreLocation is where Fluid finds a backup of Alluxio's metadata.
type DataRestoreLocation struct {
	// Path is local:///DIRECTORY or pvc://CLAIM/DIRECTORY.
	Path string `json:"path,omitempty"`
	// NodeName of the node with that directory.
	NodeName string `json:"nodeName,omitempty"`
}

// Runtime is what Fluid notes of the runtime that a Dataset is bound to.
type Runtime struct {
	// Name of the runtime.
	Name string `json:"name,omitempty"`
	// Namespace of the runtime.
	Namespace string `json:"namespace,omitempty"`
	// Category is Accelerate.
	Category string `json:"category,omitempty"`
	// Type is alluxio, jindo, juicefs, thin, cache.
	Type string `json:"type,omitempty"`
	// MasterReplicas of the runtime.
	MasterReplicas *int32 `json:"masterReplicas,omitempty"`
}
