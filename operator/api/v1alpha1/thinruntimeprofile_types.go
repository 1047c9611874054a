package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ThinRuntimeProfile is what several ThinRuntimes have in common. It belongs to the cluster. Taken from it are
// worker.nodeSelector and some of fuse.options, where the ThinRuntime does not say them itself.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster
type ThinRuntimeProfile struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ThinRuntimeProfileSpec   `json:"spec,omitempty"`
	Status ThinRuntimeProfileStatus `json:"status,omitempty"`
}

// ThinRuntimeProfileList is a list of ThinRuntimeProfiles.
//
// +kubebuilder:object:root=true
type ThinRuntimeProfileList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ThinRuntimeProfile `json:"items"`
}

// ThinRuntimeProfileSpec has Fluid's settings for a FUSE client.
type ThinRuntimeProfileSpec struct {
	// FileSystemType has no effect here: sources are known by the scheme of their mountPoint.
	// +sluice:change=ignored
	// +kubebuilder:validation:Required
	FileSystemType string `json:"fileSystemType"`
	// Worker: its nodeSelector chooses the nodes that data is loaded on.
	// +sluice:change=live
	Worker *ThinComponent `json:"worker,omitempty"`
	// Fuse: some of its options are translated.
	// +sluice:change=live
	Fuse *ThinFuse `json:"fuse,omitempty"`
	// Volumes has no effect here: no pod is made that could mount them.
	// +sluice:change=ignored
	Volumes []PodFragment `json:"volumes,omitempty"`
	// ImagePullSecrets has no effect here: no image is pulled.
	// +sluice:change=ignored
	ImagePullSecrets []PodFragment `json:"imagePullSecrets,omitempty"`
	// NodePublishSecretPolicy has no effect here: a Dataset's own Secret reaches the node through CSI. Default:
	// MountNodePublishSecretIfExists.
	// +sluice:change=ignored
	// +kubebuilder:default=MountNodePublishSecretIfExists
	NodePublishSecretPolicy NodePublishSecretPolicy `json:"nodePublishSecretPolicy,omitempty"`
}

// NodePublishSecretPolicy is how Fluid gives a PersistentVolume's Secret to the FUSE client.
// +kubebuilder:validation:Enum=NotMountNodePublishSecret;MountNodePublishSecretIfExists;CopyNodePublishSecretAndMountIfNotExists
type NodePublishSecretPolicy string

// The policies.
const (
	NotMountNodePublishSecret                NodePublishSecretPolicy = "NotMountNodePublishSecret"
	MountNodePublishSecretIfExists           NodePublishSecretPolicy = "MountNodePublishSecretIfExists"
	CopyNodePublishSecretAndMountIfNotExists NodePublishSecretPolicy = "CopyNodePublishSecretAndMountIfNotExists"
)

// ThinRuntimeProfileStatus is empty.
type ThinRuntimeProfileStatus struct{}
