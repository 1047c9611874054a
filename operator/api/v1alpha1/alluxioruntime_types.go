package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AlluxioRuntime says how the Dataset of its name is cached, as Fluid has it for Alluxio. The cache is Sluice's: what is
// taken from here are replicas, tieredstore, worker.nodeSelector and some properties (docs/fluid.md).
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.currentWorkerNumberScheduled,selectorpath=.status.selector
// +kubebuilder:resource:scope=Namespaced,categories=fluid,shortName=alluxio
// +kubebuilder:printcolumn:name="Ready Masters",type=integer,JSONPath=`.status.masterNumberReady`,priority=10
// +kubebuilder:printcolumn:name="Desired Masters",type=integer,JSONPath=`.status.desiredMasterNumberScheduled`,priority=10
// +kubebuilder:printcolumn:name="Master Phase",type=string,JSONPath=`.status.masterPhase`
// +kubebuilder:printcolumn:name="Ready Workers",type=integer,JSONPath=`.status.workerNumberReady`,priority=10
// +kubebuilder:printcolumn:name="Desired Workers",type=integer,JSONPath=`.status.desiredWorkerNumberScheduled`,priority=10
// +kubebuilder:printcolumn:name="Worker Phase",type=string,JSONPath=`.status.workerPhase`
// +kubebuilder:printcolumn:name="Ready Fuses",type=integer,JSONPath=`.status.fuseNumberReady`,priority=10
// +kubebuilder:printcolumn:name="Desired Fuses",type=integer,JSONPath=`.status.desiredFuseNumberScheduled`,priority=10
// +kubebuilder:printcolumn:name="Fuse Phase",type=string,JSONPath=`.status.fusePhase`
// +kubebuilder:printcolumn:name="API Gateway",type=string,JSONPath=`.status.apiGateway.endpoint`,priority=10
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type AlluxioRuntime struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   AlluxioRuntimeSpec `json:"spec,omitempty"`
	Status RuntimeStatus      `json:"status,omitempty"`
}

// AlluxioRuntimeList is a list of AlluxioRuntimes.
//
// +kubebuilder:object:root=true
type AlluxioRuntimeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AlluxioRuntime `json:"items"`
}

// AlluxioRuntimeSpec has Fluid's settings for Alluxio.
type AlluxioRuntimeSpec struct {
	// AlluxioVersion has no effect here: Alluxio is not run.
	// +sluice:change=ignored
	AlluxioVersion *VersionSpec `json:"alluxioVersion,omitempty"`
	// Master has no effect here: there is no master.
	// +sluice:change=ignored
	Master *AlluxioComponent `json:"master,omitempty"`
	// JobMaster has no effect here: there is no master.
	// +sluice:change=ignored
	JobMaster *AlluxioComponent `json:"jobMaster,omitempty"`
	// Worker: its nodeSelector chooses the nodes that data is loaded on.
	// +sluice:change=live
	Worker *AlluxioComponent `json:"worker,omitempty"`
	// JobWorker has no effect here: data is loaded by the node daemons.
	// +sluice:change=ignored
	JobWorker *AlluxioComponent `json:"jobWorker,omitempty"`
	// APIGateway has no effect here: data is read through volumes only.
	// +sluice:change=ignored
	APIGateway *AlluxioComponent `json:"apiGateway,omitempty"`
	// InitUsers has no effect here: no pod is made that it could run in.
	// +sluice:change=ignored
	InitUsers *InitUsersSpec `json:"initUsers,omitempty"`
	// Fuse has no effect here: the node daemon serves all mounts.
	// +sluice:change=ignored
	Fuse *AlluxioFuse `json:"fuse,omitempty"`
	// Properties of Alluxio. Those that say where and how a source is reached, the block size and how long names are
	// good are translated (docs/fluid.md); the others have no effect.
	// +sluice:change=live
	Properties map[string]string `json:"properties,omitempty"`
	// JvmOptions has no effect here: there is no JVM.
	// +sluice:change=ignored
	JvmOptions []string `json:"jvmOptions,omitempty"`
	// TieredStore is what the cache is made of on each node.
	// +sluice:change=live
	TieredStore *TieredStore `json:"tieredstore,omitempty"`
	// Data has no effect here: what is kept where is decided by what is read; `sluice pin` pins.
	// +sluice:change=ignored
	Data *AlluxioData `json:"data,omitempty"`
	// Replicas is how many nodes a DataLoad without replicas of its own loads data on. Default: 1.
	// +sluice:change=live
	Replicas *int32 `json:"replicas,omitempty"`
	// RunAs has no effect here: no pod is made that it could be the user of; files have the Dataset's owner.
	// +sluice:change=ignored
	RunAs *User `json:"runAs,omitempty"`
	// DisablePrometheus has no effect here: the node daemons' metrics are those of all Datasets.
	// +sluice:change=ignored
	DisablePrometheus *bool `json:"disablePrometheus,omitempty"`
	// HadoopConfig has no effect here: there is no client for HDFS.
	// +sluice:change=ignored
	HadoopConfig string `json:"hadoopConfig,omitempty"`
	// Volumes has no effect here: no pod is made that could mount them.
	// +sluice:change=ignored
	Volumes []PodFragment `json:"volumes,omitempty"`
	// PodMetadata has no effect here: no pod is made that it could be put on.
	// +sluice:change=ignored
	PodMetadata *PodMetadata `json:"podMetadata,omitempty"`
	// RuntimeManagement has no effect here: a cache is emptied by deleting its Dataset, names are read when needed.
	// +sluice:change=ignored
	RuntimeManagement *RuntimeManagement `json:"management,omitempty"`
	// ImagePullSecrets has no effect here: no image is pulled.
	// +sluice:change=ignored
	ImagePullSecrets []PodFragment `json:"imagePullSecrets,omitempty"`
}

// AlluxioComponent is one of Alluxio's processes.
type AlluxioComponent struct {
	// Replicas has no effect here: spec.replicas has.
	// +sluice:change=ignored
	// +kubebuilder:validation:Minimum=1
	Replicas *int32 `json:"replicas,omitempty"`
	// JvmOptions has no effect here: there is no JVM.
	// +sluice:change=ignored
	JvmOptions []string `json:"jvmOptions,omitempty"`
	// Properties has no effect here: spec.properties has.
	// +sluice:change=ignored
	Properties map[string]string `json:"properties,omitempty"`
	// Ports has no effect here: no pod is made that could listen on them.
	// +sluice:change=ignored
	Ports map[string]int `json:"ports,omitempty"`
	// Resources has no effect here: those of the node daemon are in its own manifest.
	// +sluice:change=ignored
	Resources *PodFragment `json:"resources,omitempty"`
	// Env has no effect here: no pod is made that it could be in.
	// +sluice:change=ignored
	Env map[string]string `json:"env,omitempty"`
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
	// ImagePullSecrets has no effect here: no image is pulled.
	// +sluice:change=ignored
	ImagePullSecrets []PodFragment `json:"imagePullSecrets,omitempty"`
}

// AlluxioFuse is Alluxio's FUSE process.
type AlluxioFuse struct {
	VersionSpec `json:",inline"`
	// JvmOptions of the process.
	JvmOptions []string `json:"jvmOptions,omitempty"`
	// Properties of Alluxio in the process.
	Properties map[string]string `json:"properties,omitempty"`
	// Env of the container.
	Env map[string]string `json:"env,omitempty"`
	// Resources of the container, as a pod has them.
	Resources *PodFragment `json:"resources,omitempty"`
	// Args of the container.
	Args []string `json:"args,omitempty"`
	// NodeSelector: labels of the nodes.
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// CleanPolicy is OnDemand or OnRuntimeDeleted: when Fluid ends the pod.
	CleanPolicy CleanPolicy `json:"cleanPolicy,omitempty"`
	// VolumeMounts of the container, as a pod has them.
	VolumeMounts []PodFragment `json:"volumeMounts,omitempty"`
	// PodMetadata of the pod.
	PodMetadata *PodMetadata `json:"podMetadata,omitempty"`
	// NetworkMode of the pod.
	NetworkMode NetworkMode `json:"networkMode,omitempty"`
	// ImagePullSecrets of the pod.
	ImagePullSecrets []PodFragment `json:"imagePullSecrets,omitempty"`
}

// AlluxioData is how Alluxio keeps data.
type AlluxioData struct {
	// Replicas of each block.
	Replicas *int32 `json:"replicas,omitempty"`
	// Pin keeps all data in the cache.
	Pin *bool `json:"pin,omitempty"`
}
