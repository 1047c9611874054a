package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// JindoRuntime says how the Dataset of its name is cached, as Fluid has it for JindoFS. The cache is Sluice's: what is
// taken from here are replicas, tieredstore, the worker's nodeSelector and tolerations, and some properties
// (docs/fluid.md).
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.currentWorkerNumberScheduled
// +kubebuilder:resource:scope=Namespaced,categories=fluid,shortName=jindo
// +kubebuilder:printcolumn:name="Ready Masters",type=integer,JSONPath=`.status.masterNumberReady`,priority=10
// +kubebuilder:printcolumn:name="Desired Masters",type=integer,JSONPath=`.status.desiredMasterNumberScheduled`,priority=10
// +kubebuilder:printcolumn:name="Master Phase",type=string,JSONPath=`.status.masterPhase`
// +kubebuilder:printcolumn:name="Ready Workers",type=integer,JSONPath=`.status.workerNumberReady`,priority=10
// +kubebuilder:printcolumn:name="Desired Workers",type=integer,JSONPath=`.status.desiredWorkerNumberScheduled`,priority=10
// +kubebuilder:printcolumn:name="Worker Phase",type=string,JSONPath=`.status.workerPhase`
// +kubebuilder:printcolumn:name="Ready Fuses",type=integer,JSONPath=`.status.fuseNumberReady`,priority=10
// +kubebuilder:printcolumn:name="Desired Fuses",type=integer,JSONPath=`.status.desiredFuseNumberScheduled`,priority=10
// +kubebuilder:printcolumn:name="Fuse Phase",type=string,JSONPath=`.status.fusePhase`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type JindoRuntime struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   JindoRuntimeSpec `json:"spec,omitempty"`
	Status RuntimeStatus    `json:"status,omitempty"`
}

// JindoRuntimeList is a list of JindoRuntimes.
//
// +kubebuilder:object:root=true
type JindoRuntimeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []JindoRuntime `json:"items"`
}

// JindoRuntimeSpec has Fluid's settings for JindoFS.
type JindoRuntimeSpec struct {
	// JindoVersion has no effect here: JindoFS is not run.
	// +sluice:change=ignored
	JindoVersion *VersionSpec `json:"jindoVersion,omitempty"`
	// Master has no effect here: there is no master.
	// +sluice:change=ignored
	Master *JindoComponent `json:"master,omitempty"`
	// Worker: its nodeSelector and tolerations choose the nodes that data is loaded on.
	// +sluice:change=live
	Worker *JindoComponent `json:"worker,omitempty"`
	// Fuse has no effect here: the node daemon serves all mounts.
	// +sluice:change=ignored
	Fuse *JindoFuse `json:"fuse,omitempty"`
	// Properties of JindoFS. Those that say where and how a source is reached are translated (docs/fluid.md); the others
	// have no effect.
	// +sluice:change=live
	Properties map[string]string `json:"properties,omitempty"`
	// TieredStore is what the cache is made of on each node.
	// +sluice:change=live
	TieredStore *TieredStore `json:"tieredstore,omitempty"`
	// Replicas is how many nodes a DataLoad without replicas of its own loads data on. Default: 1.
	// +sluice:change=live
	Replicas *int32 `json:"replicas,omitempty"`
	// RunAs has no effect here: no pod is made that it could be the user of; files have the Dataset's owner.
	// +sluice:change=ignored
	RunAs *User `json:"runAs,omitempty"`
	// User has no effect here: no pod is made that it could be the user of.
	// +sluice:change=ignored
	User string `json:"user,omitempty"`
	// HadoopConfig has no effect here: there is no client for HDFS.
	// +sluice:change=ignored
	HadoopConfig string `json:"hadoopConfig,omitempty"`
	// Secret has no effect here: credentials of a source are in the Dataset's encryptOptions.
	// +sluice:change=ignored
	Secret string `json:"secret,omitempty"`
	// Labels has no effect here: no pod is made that they could be put on.
	// +sluice:change=ignored
	Labels map[string]string `json:"labels,omitempty"`
	// LogConfig has no effect here: the node daemon's log level is in its configuration.
	// +sluice:change=ignored
	LogConfig map[string]string `json:"logConfig,omitempty"`
	// NetworkMode has no effect here: no pod is made that it could be that of.
	// +sluice:change=ignored
	NetworkMode NetworkMode `json:"networkmode,omitempty"`
	// CleanCachePolicy has no effect here: a cache is emptied by deleting its Dataset.
	// +sluice:change=ignored
	CleanCachePolicy *CleanCachePolicy `json:"cleanCachePolicy,omitempty"`
	// Volumes has no effect here: no pod is made that could mount them.
	// +sluice:change=ignored
	Volumes []PodFragment `json:"volumes,omitempty"`
	// PodMetadata has no effect here: no pod is made that it could be put on.
	// +sluice:change=ignored
	PodMetadata *PodMetadata `json:"podMetadata,omitempty"`
	// ImagePullSecrets has no effect here: no image is pulled.
	// +sluice:change=ignored
	ImagePullSecrets []PodFragment `json:"imagePullSecrets,omitempty"`
}

// JindoComponent is one of JindoFS' processes.
type JindoComponent struct {
	// Replicas has no effect here: spec.replicas has.
	// +sluice:change=ignored
	// +kubebuilder:validation:Minimum=1
	Replicas *int32 `json:"replicas,omitempty"`
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
	// NodeSelector: labels of the nodes.
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Tolerations: nodes with other taints that keep pods away are not chosen.
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// Labels has no effect here: no pod is made that they could be put on.
	// +sluice:change=ignored
	Labels map[string]string `json:"labels,omitempty"`
	// PodMetadata has no effect here: no pod is made that it could be put on.
	// +sluice:change=ignored
	PodMetadata *PodMetadata `json:"podMetadata,omitempty"`
	// Disabled has no effect here: there is nothing to switch on or off.
	// +sluice:change=ignored
	Disabled *bool `json:"disabled,omitempty"`
	// VolumeMounts has no effect here: no pod is made that could have them.
	// +sluice:change=ignored
	VolumeMounts []PodFragment `json:"volumeMounts,omitempty"`
	// ImagePullSecrets has no effect here: no image is pulled.
	// +sluice:change=ignored
	ImagePullSecrets []PodFragment `json:"imagePullSecrets,omitempty"`
}

// JindoFuse is JindoFS' FUSE process.
type JindoFuse struct {
	VersionSpec `json:",inline"`
	// Properties of JindoFS in the process.
	Properties map[string]string `json:"properties,omitempty"`
	// Env of the container.
	Env map[string]string `json:"env,omitempty"`
	// Resources of the container, as a pod has them.
	Resources *PodFragment `json:"resources,omitempty"`
	// Args of the container.
	Args []string `json:"args,omitempty"`
	// NodeSelector: labels of the nodes.
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Tolerations of the pod.
	Tolerations []PodFragment `json:"tolerations,omitempty"`
	// Labels of the pod.
	Labels map[string]string `json:"labels,omitempty"`
	// PodMetadata of the pod.
	PodMetadata *PodMetadata `json:"podMetadata,omitempty"`
	// CleanPolicy is OnDemand or OnRuntimeDeleted: when Fluid ends the pod.
	CleanPolicy CleanPolicy `json:"cleanPolicy,omitempty"`
	// Disabled: no FUSE pod is made.
	Disabled *bool `json:"disabled,omitempty"`
	// LogConfig of the process.
	LogConfig map[string]string `json:"logConfig,omitempty"`
	// Metrics of the process.
	Metrics *ClientMetrics `json:"metrics,omitempty"`
	// ImagePullSecrets of the pod.
	ImagePullSecrets []PodFragment `json:"imagePullSecrets,omitempty"`
}

// ClientMetrics is whether a FUSE process' metrics are scraped.
type ClientMetrics struct {
	// Enabled: the process has metrics.
	Enabled *bool `json:"enabled,omitempty"`
	// ScrapeTarget is None, All, Mountpod or Sidecar.
	ScrapeTarget string `json:"scrapeTarget,omitempty"`
}
