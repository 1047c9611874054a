package v1alpha2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
)

// Dataset is data somewhere else that pods read through the nodes' caches, as a PersistentVolumeClaim of its name.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=fluid,shortName=dataset
// +kubebuilder:printcolumn:name="Ufs Total Size",type=string,JSONPath=`.status.source.size`
// +kubebuilder:printcolumn:name="Cached",type=string,JSONPath=`.status.cache.cached`
// +kubebuilder:printcolumn:name="Cache Capacity",type=string,JSONPath=`.status.cache.capacity`
// +kubebuilder:printcolumn:name="Cached Percentage",type=string,JSONPath=`.status.cache.cachedPercentage`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Nodes",type=integer,JSONPath=`.status.cache.nodes`,priority=1
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

// DatasetSpec is where the data is, and how pods see it.
type DatasetSpec struct {
	v1alpha1.DatasetSpec `json:",inline"`

	// Cache says which media of a node may hold the dataset, and how much of each. A runtime of the dataset's name may
	// say so, too; what is here counts more. Without both every tier of the node, shared with others.
	// +sluice:change=live
	Cache *CacheSpec `json:"cache,omitempty"`

	// Volume is how files look and behave.
	Volume *VolumeSpec `json:"volume,omitempty"`

	// Sharing names the namespaces whose Datasets may refer to this one (dataset://NAMESPACE/NAME). Absent: none but its own.
	// +sluice:change=live
	Sharing *Sharing `json:"sharing,omitempty"`
}

// CacheSpec bounds what a dataset takes of each node's cache.
type CacheSpec struct {
	// Tiers that may hold the dataset, at most one of each medium.
	// +listType=map
	// +listMapKey=medium
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	Tiers []CacheTier `json:"tiers"`
}

// CacheTier is one medium of a node.
type CacheTier struct {
	// Medium is MEM, SSD or HDD.
	// +kubebuilder:validation:Enum=MEM;SSD;HDD
	Medium v1alpha1.MediumType `json:"medium"`
	// Quota of the dataset on each node. Absent: as much as the tier has.
	Quota v1alpha1.Quota `json:"quota,omitempty"`
	// High share of the quota, "0.95": eviction begins above it.
	High string `json:"high,omitempty"`
	// Low share of the quota, "0.9": eviction ends below it.
	Low string `json:"low,omitempty"`
}

// VolumeSpec is how files look and behave; docs/volume-parameters.md of the node plane has more on each.
type VolumeSpec struct {
	// Consistency: immutable (what was listed once holds), eventual (asked again after metadataTTL), strong (asked at
	// each open). Default: eventual.
	// +kubebuilder:validation:Enum=immutable;eventual;strong
	// +sluice:change=live
	Consistency string `json:"consistency,omitempty"`
	// MetadataTTL is how long names hold under eventual. Default: a minute.
	// +sluice:change=live
	MetadataTTL v1alpha1.Interval `json:"metadataTTL,omitempty"`
	// BlockSize is the unit of caching: a power of two from 64Ki to 16Mi. Default: 1Mi. Another one than before makes a
	// cache of its own.
	// +sluice:change=rolling
	// +sluice:why=it holds from the volume's next mount on a node, once no pod of that node uses it any more
	BlockSize v1alpha1.Quota `json:"blockSize,omitempty"`
	// Access is how files are opened: auto, large-files, small-files, native. Default: auto.
	// +kubebuilder:validation:Enum=auto;large-files;small-files;native
	// +sluice:change=refused
	// +sluice:why=a volume that is mounted has one profile; make a new Dataset
	Access string `json:"access,omitempty"`
	// FileMode, octal. Default: 0444.
	// +kubebuilder:validation:Pattern=`^0?[0-7]{3}$`
	// +sluice:change=refused
	// +sluice:why=the kernel keeps attributes of files that are open; make a new Dataset
	FileMode string `json:"fileMode,omitempty"`
	// DirectoryMode, octal. Default: 0555.
	// +kubebuilder:validation:Pattern=`^0?[0-7]{3}$`
	// +sluice:change=refused
	// +sluice:why=the kernel keeps attributes of files that are open; make a new Dataset
	DirectoryMode string `json:"directoryMode,omitempty"`
	// Pool of each node that serves the dataset. Default: default.
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`
	// +sluice:change=refused
	// +sluice:why=another pool is another daemon; make a new Dataset
	Pool string `json:"pool,omitempty"`
}

// Sharing is the owner's consent.
type Sharing struct {
	// Namespaces that may refer to the dataset; "*" is all.
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	Namespaces []string `json:"namespaces"`
}

// Types of a Dataset's conditions beside Ready and Accepted.
const (
	// ConditionBound: the PersistentVolume and the claim exist and are bound.
	ConditionBound = "Bound"
	// ConditionReachable is False when no node can mount the dataset; the message is the source's own. Unknown before any
	// node has tried.
	ConditionReachable = "Reachable"
	// ConditionApplied is False while some node that has the volume mounted does not have the last change of it in force,
	// or a part of it from the volume's next mount on only; the message counts nodes, and says why the first one fails.
	ConditionApplied = "Applied"
)

// DatasetStatus is computed from the claim and from what nodes report.
type DatasetStatus struct {
	// ObservedGeneration is that of the spec which the status is about.
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Phase: NotBound, Bound, Failed; package phase has the whole machine.
	Phase v1alpha1.DatasetPhase `json:"phase,omitempty"`
	// Conditions: Ready, Accepted, Bound, Reachable, Applied.
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Volume is the PersistentVolume's name, and the volume handle.
	Volume string `json:"volume,omitempty"`
	// Mounts that are in force.
	Mounts []v1alpha1.Mount `json:"mounts,omitempty"`
	// Runtimes of the dataset's name that it takes settings from.
	Runtimes []v1alpha1.Runtime `json:"runtimes,omitempty"`
	// Source is what is known of the data.
	Source SourceStatus `json:"source,omitempty"`
	// Cache is what the nodes hold of it.
	Cache CacheStatus `json:"cache,omitempty"`
	// Operations that are under way on the dataset: their names by kind, "DataLoad": "a,b".
	Operations map[string]string `json:"operations,omitempty"`
	// References are the Datasets ("NAMESPACE/NAME") that refer to this one.
	References []string `json:"references,omitempty"`
}

// SourceStatus is what is known of the data itself.
type SourceStatus struct {
	// Size for people: "1.20TiB", "at least 3.00GiB" while not all is listed, "unknown" before.
	Size string `json:"size,omitempty"`
	// Bytes and Files as far as some node has listed the source.
	Bytes int64 `json:"bytes,omitempty"`
	Files int64 `json:"files,omitempty"`
	// Listed: all of it has been.
	Listed bool `json:"listed,omitempty"`
}

// CacheStatus is the sum over all nodes.
type CacheStatus struct {
	// Cached, Capacity and CachedPercentage for people: "12.0GiB", "40.0GiB", "83.1%". Percentage is that of the node that
	// holds most.
	Cached           string `json:"cached,omitempty"`
	Capacity         string `json:"capacity,omitempty"`
	CachedPercentage string `json:"cachedPercentage,omitempty"`
	CachedBytes      int64  `json:"cachedBytes,omitempty"`
	CapacityBytes    int64  `json:"capacityBytes,omitempty"`
	// HitRatio of the bytes that pods read through the daemons: "97.2%".
	HitRatio string `json:"hitRatio,omitempty"`
	// Nodes that hold some of it.
	Nodes int32 `json:"nodes,omitempty"`
	// Top are the nodes that hold most, at most ten.
	Top []NodeShare `json:"top,omitempty"`
}

// NodeShare is what one node holds.
type NodeShare struct {
	Node        string `json:"node"`
	CachedBytes int64  `json:"cachedBytes"`
	Mounted     bool   `json:"mounted,omitempty"`
}

func init() { builder.Register(&Dataset{}, &DatasetList{}) }
