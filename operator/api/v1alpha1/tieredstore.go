package v1alpha1

// TieredStore is what the cache of a runtime of one of Fluid's older kinds is made of.
type TieredStore struct {
	// Levels from the fastest to the slowest. Levels of the same medium are added up.
	Levels []Level `json:"levels,omitempty"`
}

// MediumType is what a level is made of.
// +kubebuilder:validation:Enum=MEM;SSD;HDD
type MediumType string

// The media.
const (
	Memory MediumType = "MEM"
	SSD    MediumType = "SSD"
	HDD    MediumType = "HDD"
)

// VolumeType is what kind of volume holds a level.
// +kubebuilder:validation:Enum=hostPath;emptyDir
type VolumeType string

// The volume types.
const (
	VolumeTypeHostPath VolumeType = "hostPath"
	VolumeTypeEmptyDir VolumeType = "emptyDir"
)

// Level is one medium of the cache.
type Level struct {
	// MediumType is MEM, SSD or HDD.
	// +kubebuilder:validation:Required
	MediumType MediumType `json:"mediumtype"`
	// VolumeType has no effect here: path has none either. Default: hostPath.
	// +sluice:change=ignored
	// +kubebuilder:default=hostPath
	VolumeType VolumeType `json:"volumeType,omitempty"`
	// VolumeSource has no effect here: path has none either.
	// +sluice:change=ignored
	VolumeSource *PodFragment `json:"volumeSource,omitempty"`
	// Path is one directory, or several with commas between. Where a node keeps its cache is in the plugin's configuration:
	// only how many there are counts here, for quotaList.
	// +sluice:change=ignored
	// +sluice:why=users of a namespace do not choose directories of nodes
	// +kubebuilder:validation:MinLength=1
	Path string `json:"path,omitempty"`
	// Quota of the level on each node, in bytes: 16Gi. Several directories share it.
	Quota Quota `json:"quota,omitempty"`
	// QuotaList has the quota of each of several directories, with commas between: "400Gi,400Gi".
	QuotaList string `json:"quotaList,omitempty"`
	// High is the share of the quota above which eviction begins: "0.95".
	High string `json:"high,omitempty"`
	// Low is the share of the quota at which eviction ends: "0.7".
	Low string `json:"low,omitempty"`
}
