package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DatasetPhase is where a Dataset is in its life.
type DatasetPhase string

// The phases of a Dataset. Those that Sluice never comes to are here for clients of Fluid.
const (
	DatasetPhaseNone          DatasetPhase = ""
	DatasetPhasePending       DatasetPhase = "Pending"
	DatasetPhaseNotBound      DatasetPhase = "NotBound"
	DatasetPhaseBound         DatasetPhase = "Bound"
	DatasetPhaseFailed        DatasetPhase = "Failed"
	DatasetPhaseUpdating      DatasetPhase = "Updating"
	DatasetPhaseDataMigrating DatasetPhase = "DataMigrating"
)

// DatasetConditionType names a condition of a Dataset.
type DatasetConditionType string

// The conditions of a Dataset.
const (
	DatasetRuntimeScheduled DatasetConditionType = "RuntimeScheduled"
	DatasetReady            DatasetConditionType = "Ready"
	DatasetNotReady         DatasetConditionType = "NotReady"
	DatasetUpdateReady      DatasetConditionType = "UpdateReady"
	DatasetUpdating         DatasetConditionType = "Updating"
	DatasetInitialized      DatasetConditionType = "Initialized"
)

// The keys of cacheStates. Sizes are for people ("12.50GiB"), ratios are percentages ("97.1%").
const (
	CacheStateCached                = "cached"
	CacheStateCapacity              = "cacheCapacity"
	CacheStateCachedPercentage      = "cachedPercentage"
	CacheStateHitRatio              = "cacheHitRatio"
	CacheStateLocalHitRatio         = "localHitRatio"
	CacheStateRemoteHitRatio        = "remoteHitRatio"
	CacheStateThroughputRatio       = "cacheThroughputRatio"
	CacheStateLocalThroughputRatio  = "localThroughputRatio"
	CacheStateRemoteThroughputRatio = "remoteThroughputRatio"
	CacheStateLowWaterMark          = "lowWaterMark"
	CacheStateHighWaterMark         = "highWaterMark"
	CacheStateNonCacheable          = "nonCacheable"
)

// CacheStates is what is known of a cache, by the keys above.
type CacheStates map[string]string

// DatasetStatus is computed from what the nodes report.
type DatasetStatus struct {
	// Mounts that are in force.
	Mounts []Mount `json:"mounts,omitempty"`
	// UfsTotal is the size of all data in the sources, for people ("1.50TiB").
	UfsTotal string `json:"ufsTotal,omitempty"`
	// Phase is NotBound until the PersistentVolumeClaim can be used, then Bound; Failed while it cannot be served.
	Phase DatasetPhase `json:"phase,omitempty"`
	// Runtimes that the Dataset is bound to.
	Runtimes []Runtime `json:"runtimes,omitempty"`
	// Conditions: Ready is what to wait for.
	// +optional
	Conditions []DatasetCondition `json:"conditions,omitempty"`
	// CacheStates is what is cached, and how often it is hit.
	CacheStates CacheStates `json:"cacheStates,omitempty"`
	// HCFSStatus is never filled in: there is no Hadoop file system here.
	HCFSStatus *HCFSStatus `json:"hcfs,omitempty"`
	// FileNum is how many files the sources have.
	FileNum string `json:"fileNum,omitempty"`
	// DataLoadRef is never filled in; operationRef is.
	DataLoadRef string `json:"dataLoadRef,omitempty"`
	// DataBackupRef is never filled in.
	DataBackupRef string `json:"dataBackupRef,omitempty"`
	// OperationRef names the operations under way, by kind, with commas between names.
	OperationRef map[string]string `json:"operationRef,omitempty"`
	// DatasetRef names the Datasets, as NAMESPACE/NAME, that mount this one.
	DatasetRef []string `json:"datasetRef,omitempty"`
}

// DatasetCondition is one aspect of a Dataset's state.
type DatasetCondition struct {
	// Type of the condition.
	Type DatasetConditionType `json:"type"`
	// Status is True, False or Unknown.
	Status corev1.ConditionStatus `json:"status"`
	// Reason is one word for programs.
	Reason string `json:"reason,omitempty"`
	// Message is for people.
	Message string `json:"message,omitempty"`
	// LastUpdateTime is when the condition was last written differently.
	LastUpdateTime *metav1.Time `json:"lastUpdateTime,omitempty"`
	// LastTransitionTime is when the status last changed.
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`
}

// HCFSStatus is where Hadoop's clients find the data.
type HCFSStatus struct {
	// Endpoint is a URL.
	Endpoint string `json:"endpoint,omitempty"`
	// UnderlayerFileSystemVersion is Hadoop's.
	UnderlayerFileSystemVersion string `json:"underlayerFileSystemVersion,omitempty"`
}
