package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ThinRuntime says how the Dataset of its name is served, as Fluid has it for any FUSE client. Sluice reads the source by
// itself: what is taken from here are replicas, tieredstore, worker.nodeSelector and some of fuse.options
// (docs/fluid.md).
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced
type ThinRuntime struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ThinRuntimeSpec `json:"spec,omitempty"`
	Status RuntimeStatus   `json:"status,omitempty"`
}

// ThinRuntimeList is a list of ThinRuntimes.
//
// +kubebuilder:object:root=true
type ThinRuntimeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ThinRuntime `json:"items"`
}

// ThinRuntimeSpec has Fluid's settings for a FUSE client.
type ThinRuntimeSpec struct {
	// ThinRuntimeProfileName is the ThinRuntimeProfile that says what is not said here.
	// +sluice:change=live
	ThinRuntimeProfileName string `json:"profileName,omitempty"`
	// Worker: its nodeSelector chooses the nodes that data is loaded on.
	// +sluice:change=live
	Worker *ThinComponent `json:"worker,omitempty"`
	// Fuse: some of its options are translated.
	// +sluice:change=live
	Fuse *ThinFuse `json:"fuse,omitempty"`
	// TieredStore is what the cache is made of on each node.
	// +sluice:change=live
	TieredStore *TieredStore `json:"tieredstore,omitempty"`
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
	// RuntimeManagement has no effect here: a cache is emptied by deleting its Dataset, names are read when needed.
	// +sluice:change=ignored
	RuntimeManagement *RuntimeManagement `json:"management,omitempty"`
	// ImagePullSecrets has no effect here: no image is pulled.
	// +sluice:change=ignored
	ImagePullSecrets []PodFragment `json:"imagePullSecrets,omitempty"`
}

// ThinComponent is the worker of a FUSE client that has one.
type ThinComponent struct {
	// Image has no effect here: no pod is made that could run it.
	// +sluice:change=ignored
	Image string `json:"image,omitempty"`
	// ImageTag has no effect here: no pod is made that could run it.
	// +sluice:change=ignored
	ImageTag string `json:"imageTag,omitempty"`
	// ImagePullPolicy has no effect here: no image is pulled.
	// +sluice:change=ignored
	ImagePullPolicy string `json:"imagePullPolicy,omitempty"`
	// ImagePullSecrets has no effect here: no image is pulled.
	// +sluice:change=ignored
	ImagePullSecrets []PodFragment `json:"imagePullSecrets,omitempty"`
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
	// LivenessProbe has no effect here: no pod is made that could be asked.
	// +sluice:change=ignored
	LivenessProbe *PodFragment `json:"livenessProbe,omitempty"`
	// ReadinessProbe has no effect here: no pod is made that could be asked.
	// +sluice:change=ignored
	ReadinessProbe *PodFragment `json:"readinessProbe,omitempty"`
	// NetworkMode has no effect here: no pod is made that it could be that of.
	// +sluice:change=ignored
	NetworkMode NetworkMode `json:"networkMode,omitempty"`
}

// ThinFuse is the FUSE client.
type ThinFuse struct {
	// Image has no effect here: no pod is made that could run it.
	// +sluice:change=ignored
	Image string `json:"image,omitempty"`
	// ImageTag has no effect here: no pod is made that could run it.
	// +sluice:change=ignored
	ImageTag string `json:"imageTag,omitempty"`
	// ImagePullPolicy has no effect here: no image is pulled.
	// +sluice:change=ignored
	ImagePullPolicy string `json:"imagePullPolicy,omitempty"`
	// ImagePullSecrets has no effect here: no image is pulled.
	// +sluice:change=ignored
	ImagePullSecrets []PodFragment `json:"imagePullSecrets,omitempty"`
	// Ports has no effect here: no pod is made that could listen on them.
	// +sluice:change=ignored
	Ports []PodFragment `json:"ports,omitempty"`
	// Env has no effect here: no pod is made that it could be in.
	// +sluice:change=ignored
	Env []PodFragment `json:"env,omitempty"`
	// Resources has no effect here: those of the node daemon are in its own manifest.
	// +sluice:change=ignored
	Resources *PodFragment `json:"resources,omitempty"`
	// Options of the mount. Those that say where and how a source is reached, and Sluice's own volume parameters, are
	// taken (docs/fluid.md); the others have no effect.
	// +sluice:change=live
	// +sluice:why=but for blockSize, access, transport, fileMode and dirMode, which hold from the volume's next mount on a node
	Options map[string]string `json:"options,omitempty"`
	// NodeSelector has no effect here: the node daemon serves all nodes.
	// +sluice:change=ignored
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// CleanPolicy has no effect here: a mount ends with the last pod of its node that uses it.
	// +sluice:change=ignored
	CleanPolicy CleanPolicy `json:"cleanPolicy,omitempty"`
	// Command has no effect here: no pod is made that could run it.
	// +sluice:change=ignored
	Command []string `json:"command,omitempty"`
	// Args has no effect here: no pod is made that could run with them.
	// +sluice:change=ignored
	Args []string `json:"args,omitempty"`
	// VolumeMounts has no effect here: no pod is made that could have them.
	// +sluice:change=ignored
	VolumeMounts []PodFragment `json:"volumeMounts,omitempty"`
	// LivenessProbe has no effect here: no pod is made that could be asked.
	// +sluice:change=ignored
	LivenessProbe *PodFragment `json:"livenessProbe,omitempty"`
	// ReadinessProbe has no effect here: no pod is made that could be asked.
	// +sluice:change=ignored
	ReadinessProbe *PodFragment `json:"readinessProbe,omitempty"`
	// Lifecycle has no effect here: no pod is made that could be told.
	// +sluice:change=ignored
	Lifecycle *PodFragment `json:"lifecycle,omitempty"`
	// PodMetadata has no effect here: no pod is made that it could be put on.
	// +sluice:change=ignored
	PodMetadata *PodMetadata `json:"podMetadata,omitempty"`
	// NetworkMode has no effect here: no pod is made that it could be that of.
	// +sluice:change=ignored
	NetworkMode NetworkMode `json:"networkMode,omitempty"`
}
