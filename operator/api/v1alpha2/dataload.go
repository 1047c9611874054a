package v1alpha2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
)

// DataLoad fills nodes' caches with a Dataset, once, by a clock, or whenever something changes.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=fluid,shortName=load
// +kubebuilder:printcolumn:name="Dataset",type=string,JSONPath=`.spec.dataset.name`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Progress",type=string,JSONPath=`.status.progress.summary`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Duration",type=string,JSONPath=`.status.duration`
type DataLoad struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   DataLoadSpec   `json:"spec,omitempty"`
	Status DataLoadStatus `json:"status,omitempty"`
}

// DataLoadList is a list of DataLoads.
//
// +kubebuilder:object:root=true
type DataLoadList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DataLoad `json:"items"`
}

// DataLoadSpec is what is loaded, where, when and how fast.
type DataLoadSpec struct {
	v1alpha1.DataLoadSpec `json:",inline"`

	// Nodes that are to hold the data. Absent: the largest of target[].replicas; else the runtime's replicas; else one.
	// Never more than there are: the status says how many it came to.
	// +kubebuilder:validation:Minimum=1
	// +sluice:change=live
	Nodes *int32 `json:"nodes,omitempty"`
	// BytesPerSecond that each node reads from the source at most. Absent: no limit.
	// +sluice:change=live
	BytesPerSecond v1alpha1.Quota `json:"bytesPerSecond,omitempty"`
	// MetadataOnly reads names, and no data.
	// +sluice:change=refused
	// +sluice:why=it would be another load; make a new DataLoad
	MetadataOnly bool `json:"metadataOnly,omitempty"`
	// PublishNative brings the data into one tier, so that pods that start later read it without FUSE. The volume must be
	// immutable.
	// +sluice:change=refused
	// +sluice:why=it would be another load; make a new DataLoad
	PublishNative bool `json:"publishNative,omitempty"`
	// OnEvent is what begins a run under the policy OnEvent. Absent: each change of the dataset's mounts, and whatever the
	// source has that it had not five minutes before.
	// +sluice:change=live
	OnEvent *LoadEvents `json:"onEvent,omitempty"`
}

// LoadEvents are what begins a run.
type LoadEvents struct {
	// SourceEvery is how often the source is looked at for files that are new or other ones; 0: never. At least a minute.
	SourceEvery v1alpha1.Interval `json:"sourceEvery,omitempty"`
	// DatasetChanged: the dataset's spec is another one.
	DatasetChanged bool `json:"datasetChanged,omitempty"`
}

// DataLoadStatus is how far a load has come.
type DataLoadStatus struct {
	// ObservedGeneration is that of the spec which the status is about.
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Phase: "" (None), Pending, Executing, Complete, Failed.
	Phase v1alpha1.OperationPhase `json:"phase,omitempty"`
	// Conditions: Ready (the data is there), Accepted, Complete, Failed.
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Run counts the runs: 1 is the first. A load that runs by a clock or on events has many.
	Run int64 `json:"run,omitempty"`
	// Started and Finished of the present run, or the last one.
	Started  *metav1.Time `json:"started,omitempty"`
	Finished *metav1.Time `json:"finished,omitempty"`
	// Duration of the present run, or the last one: "1m30s".
	Duration string `json:"duration,omitempty"`
	// Nodes that the present run is for: decided once, when it begins.
	// +listType=map
	// +listMapKey=node
	Nodes []LoadNode `json:"nodes,omitempty"`
	// Progress is the sum over the nodes.
	Progress LoadProgress `json:"progress,omitempty"`
	// WaitingFor says what a pending load waits for.
	WaitingFor string `json:"waitingFor,omitempty"`
	// LastScheduleTime is when the last run was due, LastSuccessfulTime when one last ended well.
	LastScheduleTime   *metav1.Time `json:"lastScheduleTime,omitempty"`
	LastSuccessfulTime *metav1.Time `json:"lastSuccessfulTime,omitempty"`
	// DatasetGeneration that the last run began with.
	DatasetGeneration int64 `json:"datasetGeneration,omitempty"`
}

// LoadNode is one node's part.
type LoadNode struct {
	Node string `json:"node"`
	// State: Waiting, Running, Succeeded, Failed, Cancelled.
	State   string `json:"state,omitempty"`
	Message string `json:"message,omitempty"`
}

// LoadProgress counts bytes and files, of all nodes together.
type LoadProgress struct {
	// Summary for people: "3.2GiB of 10.0GiB (32%), 210MiB/s".
	Summary string `json:"summary,omitempty"`
	// Listed: the totals are final.
	Listed         bool  `json:"listed,omitempty"`
	FilesTotal     int64 `json:"filesTotal,omitempty"`
	FilesDone      int64 `json:"filesDone,omitempty"`
	FilesFailed    int64 `json:"filesFailed,omitempty"`
	BytesTotal     int64 `json:"bytesTotal,omitempty"`
	BytesDone      int64 `json:"bytesDone,omitempty"`
	BytesFetched   int64 `json:"bytesFetched,omitempty"`
	BytesPerSecond int64 `json:"bytesPerSecond,omitempty"`
}

func init() { builder.Register(&DataLoad{}, &DataLoadList{}) }
