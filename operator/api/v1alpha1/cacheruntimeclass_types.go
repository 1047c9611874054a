package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// CacheRuntimeClass is how Fluid runs a kind of cache. Here there is one kind of cache: what is taken from a class are
// options, where the CacheRuntime does not say them itself. A class has no spec: its fields are its own.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,categories=fluid
type CacheRuntimeClass struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// FileSystemType has no effect here: sources are known by the scheme of their mountPoint.
	// +sluice:change=ignored
	// +kubebuilder:validation:Required
	FileSystemType string `json:"fileSystemType"`
	// Topology: its options are taken.
	// +sluice:change=live
	Topology *RuntimeTopology `json:"topology,omitempty"`
	// ExtraResources has no effect here: no pod is made that could mount them.
	// +sluice:change=ignored
	ExtraResources *RuntimeExtraResources `json:"extraResources,omitempty"`
	// DataOperationSpecs has no effect here: operations run in the node daemons.
	// +sluice:change=ignored
	DataOperationSpecs []DataOperationSpec `json:"dataOperationSpecs,omitempty"`
}

// CacheRuntimeClassList is a list of CacheRuntimeClasses.
//
// +kubebuilder:object:root=true
type CacheRuntimeClassList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CacheRuntimeClass `json:"items"`
}

// RuntimeTopology is what a cache consists of.
type RuntimeTopology struct {
	// Master has no effect here: there is no master.
	// +sluice:change=ignored
	Master *RuntimeComponentDefinition `json:"master,omitempty"`
	// Worker: its options are taken.
	Worker *RuntimeComponentDefinition `json:"worker,omitempty"`
	// Client: its options are taken.
	Client *RuntimeComponentDefinition `json:"client,omitempty"`
}

// RuntimeComponentDefinition is how Fluid runs one part of a cache.
type RuntimeComponentDefinition struct {
	// Options as a CacheRuntime has them; that one's go first.
	Options map[string]string `json:"options,omitempty"`
	// Template has no effect here: no pod is made of it.
	// +sluice:change=ignored
	Template *PodFragment `json:"template,omitempty"`
	// Service has no effect here: there is nothing it could lead to.
	// +sluice:change=ignored
	Service *RuntimeComponentService `json:"service,omitempty"`
	// Dependencies has no effect here: no pod is made that could have them.
	// +sluice:change=ignored
	Dependencies *RuntimeComponentDependencies `json:"dependencies,omitempty"`
	// ExecutionEntries has no effect here: no program is run in a pod.
	// +sluice:change=ignored
	ExecutionEntries *ExecutionEntries `json:"executionEntries,omitempty"`
}

// RuntimeComponentService is the Service of a part.
type RuntimeComponentService struct {
	// Headless: without an address of its own.
	Headless *HeadlessRuntimeComponentService `json:"headless,omitempty"`
}

// HeadlessRuntimeComponentService is empty.
type HeadlessRuntimeComponentService struct{}

// RuntimeComponentDependencies is what the pods of a part need.
type RuntimeComponentDependencies struct {
	// SecretMount: the Dataset's Secrets are mounted.
	SecretMount *SecretMountDependency `json:"secretMount,omitempty"`
	// ExtraResources of the class that are mounted.
	ExtraResources *ExtraResourcesDependency `json:"extraResources,omitempty"`
}

// SecretMountDependency is whether Secrets are mounted.
type SecretMountDependency struct {
	// Enabled: they are.
	Enabled *bool `json:"enabled,omitempty"`
}

// ExtraResourcesDependency is what else is mounted.
type ExtraResourcesDependency struct {
	// ConfigMaps of the class.
	ConfigMaps []ConfigMapDependency `json:"configMaps,omitempty"`
}

// ConfigMapDependency is a ConfigMap and where it is mounted.
type ConfigMapDependency struct {
	// Name as in the class' extraResources.
	Name string `json:"name,omitempty"`
	// MountPath in the pod.
	MountPath string `json:"mountPath,omitempty"`
}

// ExecutionEntries is what Fluid runs in a part's pod.
type ExecutionEntries struct {
	// MountUFS applies the mounts.
	MountUFS *ExecutionEntry `json:"mountUFS,omitempty"`
	// ReportSummary tells the state of the cache.
	ReportSummary *ExecutionEntry `json:"reportSummary,omitempty"`
}

// ExecutionEntry is a program and how long it may take.
type ExecutionEntry struct {
	// Command and its arguments.
	// +kubebuilder:validation:Required
	Command []string `json:"command"`
	// Timeout in seconds.
	Timeout *int32 `json:"timeout,omitempty"`
}

// RuntimeExtraResources is what Fluid makes beside a cache.
type RuntimeExtraResources struct {
	// ConfigMaps to make.
	ConfigMaps []RuntimeExtraConfigMap `json:"configMaps,omitempty"`
}

// RuntimeExtraConfigMap is a ConfigMap to make.
type RuntimeExtraConfigMap struct {
	// Name of the ConfigMap.
	Name string `json:"name,omitempty"`
	// Data of the ConfigMap.
	Data map[string]string `json:"data,omitempty"`
}

// DataOperationSpec is how Fluid runs an operation on a cache.
type DataOperationSpec struct {
	// Name is the kind of the operation.
	// +kubebuilder:validation:Required
	Name OperationKind `json:"name"`
	// Image that is run.
	Image string `json:"image,omitempty"`
	// Command that is run.
	Command []string `json:"command,omitempty"`
	// Args of the command.
	Args []string `json:"args,omitempty"`
}
