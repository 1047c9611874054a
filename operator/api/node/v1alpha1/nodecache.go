package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Limits of what an agent reports, so that no object outgrows the API server (1.5 MiB). What is beyond them is left out,
// and the condition Truncated says so.
const (
	VolumesMax  = 1024
	LoadsMax    = 256
	FailuresMax = 64
)

// LoadPrefix is what the ids of the operator's jobs begin with: others are an administrator's, and left alone.
const LoadPrefix = "load-"

// NodeCache is the cache of one node, and has the node's name. The operator writes spec, the node's agent status; an
// agent may write that of its own node only (deploy, ValidatingAdmissionPolicy).
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=sluice
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Used",type=string,JSONPath=`.status.used`
// +kubebuilder:printcolumn:name="Quota",type=string,JSONPath=`.status.quota`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Reported",type=date,JSONPath=`.status.reported`
type NodeCache struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   NodeCacheSpec   `json:"spec,omitempty"`
	Status NodeCacheStatus `json:"status,omitempty"`
}

// NodeCacheList is a list of NodeCaches.
//
// +kubebuilder:object:root=true
type NodeCacheList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NodeCache `json:"items"`
}

// NodeCacheSpec is what the node is to do.
type NodeCacheSpec struct {
	// Loads that the node works on. One that is no longer here is cancelled and forgotten by the node.
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=256
	Loads []Load `json:"loads,omitempty"`
}

// Load asks a node to fill its cache.
type Load struct {
	// ID of the node plane's job: the same one is never begun twice.
	// +kubebuilder:validation:MaxLength=128
	ID string `json:"id"`
	// Volume is the CSI volume handle. The node begins once the volume is mounted there.
	Volume string `json:"volume"`
	// Paths of the volume (a directory means all below it) or globs. Empty: everything.
	Paths []string `json:"paths,omitempty"`
	// MetadataOnly reads names, and no data.
	MetadataOnly bool `json:"metadataOnly,omitempty"`
	// Refresh asks the source for names anew, also where known ones are still good.
	Refresh bool `json:"refresh,omitempty"`
	// BytesPerSecond from the source at most; 0: no limit.
	BytesPerSecond int64 `json:"bytesPerSecond,omitempty"`
	// PublishNative makes the tree at the end that pods can mount without FUSE.
	PublishNative bool `json:"publishNative,omitempty"`
}

// NodeCacheStatus is what the node's agent saw last.
type NodeCacheStatus struct {
	// Reported is when the agent last wrote: at least every five minutes.
	Reported *metav1.Time `json:"reported,omitempty"`
	// Version of the cache daemon.
	Version string `json:"version,omitempty"`
	// Used and Quota of all tiers, for people ("12Gi").
	Used  string `json:"used,omitempty"`
	Quota string `json:"quota,omitempty"`
	// +listType=map
	// +listMapKey=medium
	Tiers []Tier `json:"tiers,omitempty"`
	// Volumes that are mounted, or have been and still have data in the cache.
	// +listType=map
	// +listMapKey=id
	Volumes []Volume `json:"volumes,omitempty"`
	// Failures are volumes that could not be mounted lately.
	// +listType=map
	// +listMapKey=volume
	Failures []Failure `json:"failures,omitempty"`
	// Loads that the node knows of.
	// +listType=map
	// +listMapKey=id
	Loads []LoadStatus `json:"loads,omitempty"`
	// Pool is which CachePool the daemon is configured by.
	Pool PoolStatus `json:"pool,omitempty"`
	// Conditions: Ready (the daemon answers, and every tier is in service), Configured (the CachePool is in force),
	// Truncated (there is more than this object may hold).
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Tier is one medium of the node's cache.
type Tier struct {
	// Medium is dram, ssd or hdd.
	Medium     string `json:"medium"`
	QuotaBytes int64  `json:"quotaBytes"`
	UsedBytes  int64  `json:"usedBytes"`
	InService  bool   `json:"inService"`
	// Failure is why the tier is not in service.
	Failure string `json:"failure,omitempty"`
}

// Volume is what the node knows of a volume.
type Volume struct {
	// ID is the CSI volume handle.
	ID      string `json:"id"`
	Mounted bool   `json:"mounted,omitempty"`
	// Unmounted is since when it is not; its data is reported for a day.
	Unmounted *metav1.Time `json:"unmounted,omitempty"`
	// CachedBytes by medium.
	CachedBytes map[string]int64 `json:"cachedBytes,omitempty"`
	// Files and Bytes of the source, as far as it has been listed.
	Files int64 `json:"files,omitempty"`
	Bytes int64 `json:"bytes,omitempty"`
	// Listed: all of it has been.
	Listed bool `json:"listed,omitempty"`
	// HitBytes and MissBytes are what readers got from the cache and from the source since the volume was mounted.
	HitBytes  int64 `json:"hitBytes,omitempty"`
	MissBytes int64 `json:"missBytes,omitempty"`
	// Path is how files are read: native, passthrough, no-open, page-cache.
	Path string `json:"path,omitempty"`
	// ParametersGeneration is that of the VolumeParameters in force; 0: those of the PersistentVolume.
	ParametersGeneration int64 `json:"parametersGeneration,omitempty"`
	// ParametersNextMount are those parameters of that generation that hold from the volume's next mount on.
	// +listType=atomic
	ParametersNextMount []string `json:"parametersNextMount,omitempty"`
	// ParametersFailure is why a newer generation is not in force; it is tried again.
	ParametersFailure string `json:"parametersFailure,omitempty"`
	// Message says what is not as the parameters in force ask, and why.
	Message string `json:"message,omitempty"`
}

// Cached is the sum over all media, in bytes.
func (v Volume) Cached() int64 {
	total := int64(0)
	for _, bytes := range v.CachedBytes {
		total += bytes
	}
	return total
}

// Failure is why a volume could not be mounted.
type Failure struct {
	// Volume is the CSI volume handle.
	Volume string `json:"volume"`
	// Code is gRPC's name: UNAUTHENTICATED, NOT_FOUND, …
	Code    string      `json:"code"`
	Message string      `json:"message"`
	Time    metav1.Time `json:"time"`
}

// LoadState is what has become of a load on a node.
// +kubebuilder:validation:Enum=Waiting;Running;Succeeded;Failed;Cancelled
type LoadState string

// The states of a load on a node. The last three are final.
const (
	LoadWaiting   LoadState = "Waiting" // for its volume to be mounted
	LoadRunning   LoadState = "Running"
	LoadSucceeded LoadState = "Succeeded"
	LoadFailed    LoadState = "Failed"
	LoadCancelled LoadState = "Cancelled"
)

// IsFinal says whether the load will change no more.
func (s LoadState) IsFinal() bool { return s == LoadSucceeded || s == LoadFailed || s == LoadCancelled }

// LoadStatus is a load's progress on a node.
type LoadStatus struct {
	ID    string    `json:"id"`
	State LoadState `json:"state"`
	// Message is why it failed.
	Message string `json:"message,omitempty"`
	// Listed: the totals are final.
	Listed      bool  `json:"listed,omitempty"`
	FilesTotal  int64 `json:"filesTotal,omitempty"`
	FilesDone   int64 `json:"filesDone,omitempty"`
	FilesFailed int64 `json:"filesFailed,omitempty"`
	BytesTotal  int64 `json:"bytesTotal,omitempty"`
	// BytesDone are cached, whether they were before or not.
	BytesDone int64 `json:"bytesDone,omitempty"`
	// BytesFetched came from the source.
	BytesFetched int64 `json:"bytesFetched,omitempty"`
	// BytesPerSecond of the last seconds.
	BytesPerSecond int64 `json:"bytesPerSecond,omitempty"`
}

// PoolStatus is how far a CachePool is in force.
type PoolStatus struct {
	Name string `json:"name,omitempty"`
	// Generation of the CachePool that the agent applied last, with or without success.
	Generation int64 `json:"generation,omitempty"`
}
