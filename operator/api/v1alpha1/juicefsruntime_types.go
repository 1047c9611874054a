package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// JuiceFSRuntime says how the Dataset of its name is cached, as Fluid has it for JuiceFS. The cache is Sluice's: what is
// taken from here are replicas, tieredstore and worker.nodeSelector. JuiceFS' own file system cannot be read.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.currentWorkerNumberScheduled,selectorpath=.status.selector
// +kubebuilder:resource:scope=Namespaced,categories=fluid,shortName=juicefs
// +kubebuilder:printcolumn:name="Ready Workers",type=integer,JSONPath=`.status.workerNumberReady`,priority=10
// +kubebuilder:printcolumn:name="Desired Workers",type=integer,JSONPath=`.status.desiredWorkerNumberScheduled`,priority=10
// +kubebuilder:printcolumn:name="Worker Phase",type=string,JSONPath=`.status.workerPhase`
// +kubebuilder:printcolumn:name="Ready Fuses",type=integer,JSONPath=`.status.fuseNumberReady`,priority=10
// +kubebuilder:printcolumn:name="Desired Fuses",type=integer,JSONPath=`.status.desiredFuseNumberScheduled`,priority=10
// +kubebuilder:printcolumn:name="Fuse Phase",type=string,JSONPath=`.status.fusePhase`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type JuiceFSRuntime struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   JuiceFSRuntimeSpec `json:"spec,omitempty"`
	Status RuntimeStatus      `json:"status,omitempty"`
}

// JuiceFSRuntimeList is a list of JuiceFSRuntimes.
//
// +kubebuilder:object:root=true
type JuiceFSRuntimeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []JuiceFSRuntime `json:"items"`
}

// JuiceFSRuntimeSpec has Fluid's settings for JuiceFS.
type JuiceFSRuntimeSpec struct {
	// JuiceFSVersion has no effect here: JuiceFS is not run.
	// +sluice:change=ignored
	JuiceFSVersion *VersionSpec `json:"juicefsVersion,omitempty"`
	// InitUsers has no effect here: no pod is made that it could run in.
	// +sluice:change=ignored
	InitUsers *InitUsersSpec `json:"initUsers,omitempty"`
	// Master has no effect here: there is no master.
	// +sluice:change=ignored
	Master *JuiceFSComponent `json:"master,omitempty"`
	// Worker: its nodeSelector chooses the nodes that data is loaded on.
	// +sluice:change=live
	Worker *JuiceFSComponent `json:"worker,omitempty"`
	// JobWorker has no effect here: data is loaded by the node daemons.
	// +sluice:change=ignored
	JobWorker *JuiceFSComponent `json:"jobWorker,omitempty"`
	// Fuse has no effect here: the node daemon serves all mounts.
	// +sluice:change=ignored
	Fuse *JuiceFSFuse `json:"fuse,omitempty"`
	// TieredStore is what the cache is made of on each node.
	// +sluice:change=live
	TieredStore *TieredStore `json:"tieredstore,omitempty"`
	// Configs has no effect here: they are files of JuiceFS' clients.
	// +sluice:change=ignored
	Configs []string `json:"configs,omitempty"`
	// Replicas is how many nodes a DataLoad without replicas of its own loads data on. Default: 1.
	// +sluice:change=live
	Replicas *int32 `json:"replicas,omitempty"`
	// RunAs has no effect here: no pod is made that it could be the user of; files have the Dataset's owner.
	// +sluice:change=ignored
	RunAs *User `json:"runAs,omitempty"`
	// DisablePrometheus has no effect here: the node daemons' metrics are those of all Datasets.
	// +sluice:change=ignored
	DisablePrometheus *bool `json:"disablePrometheus,omitempty"`
	// Volumes has no effect here: no pod is made that could mount them.
	// +sluice:change=ignored
	Volumes []PodFragment `json:"volumes,omitempty"`
	// VolumeClaimTemplates has no effect here: where a node keeps its cache is in the plugin's configuration.
	// +sluice:change=ignored
	// +listType=atomic
	VolumeClaimTemplates []PodFragment `json:"volumeClaimTemplates,omitempty"`
	// PodMetadata has no effect here: no pod is made that it could be put on.
	// +sluice:change=ignored
	PodMetadata *PodMetadata `json:"podMetadata,omitempty"`
	// RuntimeManagement has no effect here: a cache is emptied by deleting its Dataset, names are read when needed.
	// +sluice:change=ignored
	RuntimeManagement *RuntimeManagement `json:"management,omitempty"`
}

// JuiceFSComponent is one of JuiceFS' processes.
type JuiceFSComponent struct {
	// Replicas has no effect here: spec.replicas has.
	// +sluice:change=ignored
	// +kubebuilder:validation:Minimum=1
	Replicas *int32 `json:"replicas,omitempty"`
	// Ports has no effect here: no pod is made that could listen on them.
	// +sluice:change=ignored
	Ports []PodFragment `json:"ports,omitempty"`
	// Resources has no effect here: those of the node daemon are in its own manifest.
	// +sluice:change=ignored
	Resources *PodFragment `json:"resources,omitempty"`
	// Options has no effect here: they are JuiceFS' own; the cache's size is in tieredstore.
	// +sluice:change=ignored
	Options map[string]string `json:"options,omitempty"`
	// Env has no effect here: no pod is made that it could be in.
	// +sluice:change=ignored
	Env []PodFragment `json:"env,omitempty"`
	// Enabled has no effect here: there is nothing to switch on or off.
	// +sluice:change=ignored
	Enabled *bool `json:"enabled,omitempty"`
	// NodeSelector: labels of the nodes.
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// VolumeMounts has no effect here: no pod is made that could have them.
	// +sluice:change=ignored
	VolumeMounts []PodFragment `json:"volumeMounts,omitempty"`
	// PodMetadata has no effect here: no pod is made that it could be put on.
	// +sluice:change=ignored
	PodMetadata *PodMetadata `json:"podMetadata,omitempty"`
	// NetworkMode has no effect here: no pod is made that it could be that of.
	// +sluice:change=ignored
	NetworkMode NetworkMode `json:"networkMode,omitempty"`
}

// JuiceFSFuse is JuiceFS' FUSE process.
type JuiceFSFuse struct {
	VersionSpec `json:",inline"`
	// Env of the container, as a pod has it.
	Env []PodFragment `json:"env,omitempty"`
	// Resources of the container, as a pod has them.
	Resources *PodFragment `json:"resources,omitempty"`
	// Options of the mount.
	Options map[string]string `json:"options,omitempty"`
	// NodeSelector: labels of the nodes.
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// CleanPolicy is OnDemand, OnRuntimeDeleted or OnFuseChanged: when Fluid ends the pod.
	CleanPolicy CleanPolicy `json:"cleanPolicy,omitempty"`
	// VolumeMounts of the container, as a pod has them.
	VolumeMounts []PodFragment `json:"volumeMounts,omitempty"`
	// PodMetadata of the pod.
	PodMetadata *PodMetadata `json:"podMetadata,omitempty"`
	// NetworkMode of the pod.
	NetworkMode NetworkMode `json:"networkMode,omitempty"`
}
