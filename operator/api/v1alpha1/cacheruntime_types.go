package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CacheRuntime says how the Dataset of its name is cached.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=fluid
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.worker.phase`
type CacheRuntime struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   CacheRuntimeSpec   `json:"spec,omitempty"`
	Status CacheRuntimeStatus `json:"status,omitempty"`
}

// CacheRuntimeList is a list of CacheRuntimes.
//
// +kubebuilder:object:root=true
type CacheRuntimeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CacheRuntime `json:"items"`
}

// CacheRuntimeSpec says what the cache is made of, and where.
type CacheRuntimeSpec struct {
	// RuntimeClassName is the CacheRuntimeClass that says what is not said here.
	// +sluice:change=live
	// +kubebuilder:validation:Required
	RuntimeClassName string `json:"runtimeClassName"`
	// Master has no effect here: there is no master.
	// +sluice:change=ignored
	Master *CacheRuntimeMaster `json:"master,omitempty"`
	// Worker is the cache of each node.
	// +sluice:change=live
	Worker *CacheRuntimeWorker `json:"worker,omitempty"`
	// Client is the cache of each node too: its tieredStore counts if the worker has none.
	// +sluice:change=live
	Client *CacheRuntimeClient `json:"client,omitempty"`
	// Options are volume parameters of Sluice (docs/volume-parameters.md) and options of sources (docs/fluid.md); others
	// have no effect. Those of worker and client go first, then these, then those of the class.
	// +sluice:change=live
	// +sluice:why=but for blockSize, access, transport, fileMode and dirMode, which hold from the volume's next mount on a node
	Options map[string]string `json:"options,omitempty"`
	// PodMetadata has no effect here: no pod is made that it could be put on.
	// +sluice:change=ignored
	PodMetadata *PodMetadata `json:"podMetadata,omitempty"`
	// ImagePullSecrets has no effect here: no image is pulled.
	// +sluice:change=ignored
	ImagePullSecrets []PodFragment `json:"imagePullSecrets,omitempty"`
	// Volumes has no effect here: no pod is made that could mount them.
	// +sluice:change=ignored
	Volumes []PodFragment `json:"volumes,omitempty"`
}

// CacheRuntimeComponent is what master, worker and client have in common.
type CacheRuntimeComponent struct {
	// Disabled has no effect here: there is nothing to switch off.
	// +sluice:change=ignored
	Disabled *bool `json:"disabled,omitempty"`
	// RuntimeVersion has no effect here: no pod is made that could run it.
	// +sluice:change=ignored
	RuntimeVersion *VersionSpec `json:"runtimeVersion,omitempty"`
	// Options as spec.options; these go first.
	// +sluice:change=live
	// +sluice:why=but for blockSize, access, transport, fileMode and dirMode, which hold from the volume's next mount on a node
	Options map[string]string `json:"options,omitempty"`
	// PodMetadata has no effect here: no pod is made that it could be put on.
	// +sluice:change=ignored
	PodMetadata *PodMetadata `json:"podMetadata,omitempty"`
	// Resources has no effect here: those of the node daemon are in its own manifest.
	// +sluice:change=ignored
	Resources *PodFragment `json:"resources,omitempty"`
	// Env has no effect here: no pod is made that it could be in.
	// +sluice:change=ignored
	Env []PodFragment `json:"env,omitempty"`
	// VolumeMounts has no effect here: no pod is made that could have them.
	// +sluice:change=ignored
	VolumeMounts []PodFragment `json:"volumeMounts,omitempty"`
	// Args has no effect here: no pod is made that could run with them.
	// +sluice:change=ignored
	// +listType=atomic
	Args []string `json:"args,omitempty"`
	// NodeSelector: labels of the nodes that data is loaded on. The client's has no effect.
	// +mapType=atomic
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Tolerations: nodes with other taints that keep pods away are not chosen to load data on. The client's have no
	// effect.
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
}

// CacheRuntimeMaster is the master of an engine that has one.
type CacheRuntimeMaster struct {
	CacheRuntimeComponent `json:",inline"`
	// Replicas of the master. Default: 1.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	Replicas *int32 `json:"replicas,omitempty"`
}

// CacheRuntimeWorker is the cache of each node.
type CacheRuntimeWorker struct {
	CacheRuntimeComponent `json:",inline"`
	// Replicas is how many nodes a DataLoad without replicas of its own loads data on. Default: 1.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	Replicas *int32 `json:"replicas,omitempty"`
	// TieredStore is what the cache is made of on each node.
	TieredStore *RuntimeTieredStore `json:"tieredStore,omitempty"`
}

// CacheRuntimeClient is what mounts the Dataset on each node.
type CacheRuntimeClient struct {
	CacheRuntimeComponent `json:",inline"`
	// TieredStore is what the cache is made of on each node, if the worker has none.
	TieredStore *RuntimeTieredStore `json:"tieredStore,omitempty"`
	// CleanPolicy has no effect here: a mount ends with the last pod of its node that uses it. Default: OnRuntimeDeleted.
	// +sluice:change=ignored
	// +kubebuilder:default=OnRuntimeDeleted
	// +kubebuilder:validation:Enum=OnRuntimeDeleted;OnDemand
	CleanPolicy CleanPolicy `json:"cleanPolicy,omitempty"`
}

// RuntimeTieredStore is what the cache is made of.
type RuntimeTieredStore struct {
	// Levels from the fastest to the slowest. Levels of the same medium are added up.
	Levels []RuntimeTieredStoreLevel `json:"levels,omitempty"`
}

// RuntimeTieredStoreLevel is one medium of the cache: one of processMemory, emptyDir and hostPath.
type RuntimeTieredStoreLevel struct {
	// ProcessMemory is DRAM.
	ProcessMemory *ProcessMemoryMedium `json:"processMemory,omitempty"`
	// EmptyDir is DRAM if its medium is Memory, else SSD.
	EmptyDir *EmptyDirMedium `json:"emptyDir,omitempty"`
	// HostPath is SSD.
	HostPath *HostPathMedium `json:"hostPath,omitempty"`
	// High is the share of the quota above which eviction begins: "0.95".
	High string `json:"high,omitempty"`
	// Low is the share of the quota at which eviction ends: "0.7".
	Low string `json:"low,omitempty"`
}

// ProcessMemoryMedium is memory of the engine's process.
type ProcessMemoryMedium struct {
	// Quota on each node, in bytes: 16Gi.
	// +kubebuilder:validation:Required
	Quota Quota `json:"quota"`
}

// EmptyDirMedium is a directory that a pod brings along.
type EmptyDirMedium struct {
	// Quota on each node, in bytes: 16Gi.
	// +kubebuilder:validation:Required
	Quota Quota `json:"quota"`
	// Medium is Memory, or nothing.
	Medium corev1.StorageMedium `json:"medium,omitempty"`
}

// HostPathMedium is directories of the node.
type HostPathMedium struct {
	// Paths has no effect here, but that there are as many quotas: where a node keeps its cache is in the plugin's
	// configuration.
	// +sluice:change=ignored
	// +sluice:why=users of a namespace do not choose directories of nodes
	// +kubebuilder:validation:Required
	// +kubebuilder:validation:MinItems=1
	Paths []string `json:"paths"`
	// Quotas of each path on each node, in bytes: 400Gi. They are added up.
	// +kubebuilder:validation:Required
	// +kubebuilder:validation:MinItems=1
	Quotas []Quota `json:"quotas"`
	// Type has no effect here: paths has none either.
	// +sluice:change=ignored
	Type *corev1.HostPathType `json:"type,omitempty"`
}
