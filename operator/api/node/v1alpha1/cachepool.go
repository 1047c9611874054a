package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	datav1 "github.com/sluice-cache/sluice/operator/api/v1alpha1"
)

// CachePool is how the caches of all nodes are configured, beyond what the plugin's configuration file says: it changes
// while everything runs. It has the pool's name ("default"). What is not given stays as the file has it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=sluice
// +kubebuilder:printcolumn:name="Nodes",type=integer,JSONPath=`.status.nodes`
// +kubebuilder:printcolumn:name="Configured",type=integer,JSONPath=`.status.configured`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type CachePool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   CachePoolSpec   `json:"spec,omitempty"`
	Status CachePoolStatus `json:"status,omitempty"`
}

// CachePoolList is a list of CachePools.
//
// +kubebuilder:object:root=true
type CachePoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CachePool `json:"items"`
}

// CachePoolSpec has the keys of docs/configuration.md that change live.
type CachePoolSpec struct {
	// Tiers that the pool has already; at most one of each medium.
	// +listType=map
	// +listMapKey=medium
	// +kubebuilder:validation:MaxItems=3
	Tiers []PoolTier `json:"tiers,omitempty"`
	// Policy decides which blocks stay.
	// +kubebuilder:validation:Enum=s3-fifo;w-tinylfu;lru
	Policy string `json:"policy,omitempty"`
	// Epochs: auto, they are recognised; declared, what fits first stays.
	// +kubebuilder:validation:Enum=auto;declared
	Epochs string     `json:"epochs,omitempty"`
	Limits PoolLimits `json:"limits,omitempty"`
	Scrub  *PoolScrub `json:"scrub,omitempty"`
	// LogLevel of the daemon.
	// +kubebuilder:validation:Enum=trace;debug;info;warn;error
	LogLevel string `json:"logLevel,omitempty"`
	// Throttle of each node: what readers and loads together may read through its daemon.
	Throttle *Throttle `json:"throttle,omitempty"`
}

// PoolTier is one medium of the pool.
type PoolTier struct {
	// +kubebuilder:validation:Enum=dram;ssd;hdd
	Medium string       `json:"medium"`
	Quota  datav1.Quota `json:"quota,omitempty"`
	// HighWatermark in percent of the quota: eviction begins above it.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	HighWatermark *int32 `json:"highWatermark,omitempty"`
	// LowWatermark in percent of the quota: eviction ends below it.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	LowWatermark *int32 `json:"lowWatermark,omitempty"`
}

// PoolLimits bound what a daemon takes of its node.
type PoolLimits struct {
	// FillMemory for data on its way from sources.
	FillMemory datav1.Quota `json:"fillMemory,omitempty"`
	// Fetches to sources at a time.
	// +kubebuilder:validation:Minimum=1
	Fetches *int32 `json:"fetches,omitempty"`
	// FetchSize of one request.
	FetchSize datav1.Quota `json:"fetchSize,omitempty"`
	// ReadAhead per sequential reader.
	ReadAhead datav1.Quota `json:"readAhead,omitempty"`
	// PushMemory per volume of small files: page cache filled ahead of their first read.
	PushMemory datav1.Quota `json:"pushMemory,omitempty"`
	// OpenFiles of the cache.
	// +kubebuilder:validation:Minimum=1
	OpenFiles *int32 `json:"openFiles,omitempty"`
	// SessionThreads per volume.
	// +kubebuilder:validation:Minimum=1
	SessionThreads *int32 `json:"sessionThreads,omitempty"`
}

// PoolScrub is how the cache is compared with its checksums in the background.
type PoolScrub struct {
	// BytesPerSecond; 0: never.
	BytesPerSecond datav1.Quota `json:"bytesPerSecond,omitempty"`
	// Every is from the begin of a pass to that of the next.
	Every datav1.Interval `json:"every,omitempty"`
}

// Throttle limits reads that reach a daemon. 0 or absent: no limit.
type Throttle struct {
	BytesPerSecond    datav1.Quota `json:"bytesPerSecond,omitempty"`
	RequestsPerSecond *int64       `json:"requestsPerSecond,omitempty"`
}

// CachePoolStatus is computed from what nodes report.
type CachePoolStatus struct {
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Nodes that have a daemon of the pool, and those of them where this generation is in force.
	Nodes      int32 `json:"nodes"`
	Configured int32 `json:"configured"`
	// Conditions: Configured, False with the first node's own words when some node refuses.
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
