package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DataLoad loads data of a Dataset into the caches of nodes before it is read. Deleting it cancels it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=fluid,shortName=load
// +kubebuilder:printcolumn:name="Dataset",type=string,JSONPath=`.spec.dataset.name`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Duration",type=string,JSONPath=`.status.duration`
type DataLoad struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   DataLoadSpec    `json:"spec,omitempty"`
	Status OperationStatus `json:"status,omitempty"`
}

// DataLoadList is a list of DataLoads.
//
// +kubebuilder:object:root=true
type DataLoadList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DataLoad `json:"items"`
}

// DataLoadSpec says what is loaded, and when.
type DataLoadSpec struct {
	// Dataset whose data is loaded.
	// +sluice:change=refused
	// +sluice:why=a load of another Dataset is another DataLoad
	Dataset TargetDataset `json:"dataset,omitempty"`
	// LoadMetadata: names are read anew from the source first, also where known ones are still good. Default: false.
	// +sluice:change=live
	// +sluice:why=it holds from the next run on
	LoadMetadata *bool `json:"loadMetadata,omitempty"`
	// Target says what is loaded. Default: everything.
	// +sluice:change=live
	// +sluice:why=it holds from the next run on
	Target []TargetPath `json:"target,omitempty"`
	// Options: bytesPerSecond is how much each node reads from the source at most ("100Mi"), metadataOnly ("true") reads
	// names and no data, publishNative ("true") brings the data into one tier. Others have no effect.
	// +sluice:change=live
	// +sluice:why=it holds from the next run on
	Options map[string]string `json:"options,omitempty"`
	// PodMetadata is put on the pods that have the volume mounted while it is filled, one per node.
	// +sluice:change=live
	// +sluice:why=it holds from the next run on
	PodMetadata *PodMetadata `json:"podMetadata,omitempty"`
	// Affinity: its nodeAffinity says which nodes data is loaded on, within what the Dataset says. Other kinds of affinity
	// have no effect.
	// +sluice:change=live
	// +sluice:why=it holds from the next run on
	Affinity *PodFragment `json:"affinity,omitempty"`
	// Tolerations: of nodes with taints that keep pods away, these are chosen too.
	// +sluice:change=live
	// +sluice:why=it holds from the next run on
	Tolerations []PodFragment `json:"tolerations,omitempty"`
	// NodeSelector: labels of the nodes that data is loaded on.
	// +sluice:change=live
	// +sluice:why=it holds from the next run on
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// SchedulerName of those pods' scheduler.
	// +sluice:change=live
	// +sluice:why=it holds from the next run on
	SchedulerName string `json:"schedulerName,omitempty"`
	// Policy is Once, Cron (at the times that schedule says) or OnEvent (whenever the Dataset changes). Default: Once.
	// +sluice:change=refused
	// +sluice:why=what has run under one policy has no meaning under another
	// +kubebuilder:default=Once
	Policy Policy `json:"policy,omitempty"`
	// Schedule of the policy Cron: "0 3 * * *".
	// +sluice:change=live
	Schedule string `json:"schedule,omitempty"`
	// RunAfter is the operation that must be complete before this one begins.
	// +sluice:change=refused
	// +sluice:why=the order of operations is that in which they were asked for
	RunAfter *OperationRef `json:"runAfter,omitempty"`
	// TTLSecondsAfterFinished is how long the object stays after it has ended, under Once. Default: for ever.
	// +sluice:change=live
	TTLSecondsAfterFinished *int32 `json:"ttlSecondsAfterFinished,omitempty"`
	// Resources of those pods. The data is not theirs to read: they hold the volume, the node's daemon fills it.
	// +sluice:change=live
	// +sluice:why=it holds from the next run on
	Resources *PodFragment `json:"resources,omitempty"`
}

// TargetPath is a part of the Dataset.
type TargetPath struct {
	// Path in the Dataset. A directory means all below it.
	// +kubebuilder:validation:Required
	Path string `json:"path"`
	// Replicas is how many nodes it is loaded on. Default: those of the runtime.
	Replicas *int32 `json:"replicas,omitempty"`
}
