package v1alpha1

// User is who owns files.
type User struct {
	// UID is the numeric user id.
	UID int64 `json:"uid"`
	// GID is the numeric group id.
	GID int64 `json:"gid"`
	// UserName has no effect here: files are owned by numbers.
	// +sluice:change=ignored
	UserName string `json:"user,omitempty"`
	// GroupName has no effect here: files are owned by numbers.
	// +sluice:change=ignored
	GroupName string `json:"group,omitempty"`
}

// PodMetadata is put on the pods that Fluid makes.
type PodMetadata struct {
	// Labels of the pods.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations of the pods.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// VersionSpec is an image.
type VersionSpec struct {
	// Image without tag.
	Image string `json:"image,omitempty"`
	// ImageTag of the image.
	ImageTag string `json:"imageTag,omitempty"`
	// ImagePullPolicy is Always, Never or IfNotPresent.
	ImagePullPolicy string `json:"imagePullPolicy,omitempty"`
}

// NetworkMode is whether pods use their node's network.
// +kubebuilder:validation:Enum=HostNetwork;"";ContainerNetwork
type NetworkMode string

// The network modes.
const (
	NetworkHost      NetworkMode = "HostNetwork"
	NetworkContainer NetworkMode = "ContainerNetwork"
)

// CleanPolicy is when FUSE pods end.
type CleanPolicy string

// The clean policies.
const (
	CleanOnRuntimeDeleted CleanPolicy = "OnRuntimeDeleted"
	CleanOnDemand         CleanPolicy = "OnDemand"
	CleanOnFuseChanged    CleanPolicy = "OnFuseChanged"
)

// RuntimeManagement is how Fluid looks after a runtime.
type RuntimeManagement struct {
	// CleanCachePolicy of the cache when the runtime is deleted.
	CleanCachePolicy *CleanCachePolicy `json:"cleanCachePolicy,omitempty"`
	// MetadataSyncPolicy of the engine.
	MetadataSyncPolicy *MetadataSyncPolicy `json:"metadataSyncPolicy,omitempty"`
}

// CleanCachePolicy is how long Fluid tries to empty a cache.
type CleanCachePolicy struct {
	// GracePeriodSeconds of one attempt. Default: 60.
	// +kubebuilder:default=60
	GracePeriodSeconds *int32 `json:"gracePeriodSeconds,omitempty"`
	// MaxRetryAttempts after the first. Default: 3.
	// +kubebuilder:default=3
	MaxRetryAttempts *int32 `json:"maxRetryAttempts,omitempty"`
}

// MetadataSyncPolicy is whether the engine reads all names when the runtime starts.
type MetadataSyncPolicy struct {
	// AutoSync: yes or no. Default: true.
	AutoSync *bool `json:"autoSync,omitempty"`
}

// InitUsersSpec is the init container that makes users in Fluid's pods.
type InitUsersSpec struct {
	VersionSpec `json:",inline"`
	// Env of the container.
	Env map[string]string `json:"env,omitempty"`
	// Resources of the container, as a pod has them.
	Resources *PodFragment `json:"resources,omitempty"`
}
