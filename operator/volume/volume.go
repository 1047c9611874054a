// Package volume makes of a Dataset what Kubernetes and the node plane know of it: a PersistentVolume whose attributes are
// docs/volume-parameters.md, and a claim that is bound to it alone. Pure functions.
package volume

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

// What our objects carry, and what they are known by.
const (
	Driver = "sluice.csi.io"
	// StorageClass is a name only: no class is needed, and none provisions.
	StorageClass = "fluid"
	// HandlePrefix is what our volume handles begin with; the Dataset's UID follows.
	HandlePrefix = "dataset-"

	ManagedByLabel        = "app.kubernetes.io/managed-by"
	ManagedBy             = "sluice"
	DatasetLabel          = "sluice.csi.io/dataset" // the Dataset's UID
	DatasetNameAnnotation = "sluice.csi.io/dataset" // NAMESPACE/NAME, on the PersistentVolume
	SizeAnnotation        = "pvc.fluid.io/resources.requests.storage"
	MetadataAnnotation    = "data.fluid.io/metadataList"
)

// Description is all that a volume is.
type Description struct {
	Mounts []Mount
	// Secret with the credentials of all mounts, and its namespace; empty: none.
	Secret, SecretNamespace string
	// Cache says how much of which media; nil: every tier, shared with others.
	Cache map[string]Limit
	// The rest as in v1alpha2.VolumeSpec and the Dataset's owner.
	View     v1alpha2.VolumeSpec
	UID, GID int64
	// Defaults are parameters of the runtime, already in the node plane's words: what the Dataset says goes first.
	Defaults map[string]string
}

// Mount is one source at its path: an element of the parameter `mounts`.
type Mount struct {
	Path      string `json:"path"`
	Source    string `json:"source"`
	Endpoint  string `json:"endpoint,omitempty"`
	Region    string `json:"region,omitempty"`
	PathStyle string `json:"pathStyle,omitempty"`
	// Credentials: which key of the Secret is accessKeyId, secretAccessKey, sessionToken.
	Credentials map[string]string `json:"credentials,omitempty"`
}

// Limit of one medium (dram, ssd, hdd): a value of the parameter `cache`.
type Limit struct {
	QuotaBytes    int64  `json:"-"`                       // 0: all that the tier has
	Quota         string `json:"quota,omitempty"`         // the same, with a unit
	HighWatermark string `json:"highWatermark,omitempty"` // percent
	LowWatermark  string `json:"lowWatermark,omitempty"`
}

// Parameters are the volume's attributes, in the node plane's words.
func (d Description) Parameters() map[string]string {
	parameters := maps.Clone(d.Defaults)
	if parameters == nil {
		parameters = map[string]string{}
	}
	if single := d.single(); single != nil {
		maps.Copy(parameters, single)
	} else {
		parameters["mounts"] = mustJSON(d.Mounts)
	}
	if d.Cache != nil {
		parameters["cache"] = mustJSON(d.Cache)
	}
	put := func(key, value string) {
		if value != "" {
			parameters[key] = value
		}
	}
	put("consistency", d.View.Consistency)
	put("access", d.View.Access)
	put("pool", d.View.Pool)
	put("fileMode", octal(d.View.FileMode))
	put("dirMode", octal(d.View.DirectoryMode))
	if ttl, err := d.View.MetadataTTL.Duration(); err == nil && d.View.MetadataTTL != "" { // what is none is refused before
		put("metadataTtl", fmt.Sprintf("%dms", ttl/time.Millisecond))
	}
	if size, err := d.View.BlockSize.Quantity(); err == nil { // what is none is refused before
		put("blockSize", Bytes(size.Value()))
	}
	if d.UID != 0 {
		put("uid", strconv.FormatInt(d.UID, 10))
	}
	if d.GID != 0 {
		put("gid", strconv.FormatInt(d.GID, 10))
	}
	return parameters
}

// single are the parameters of a volume with one source, whose Secret has the node plane's own keys; nil: it is none.
func (d Description) single() map[string]string {
	if len(d.Mounts) != 1 || d.Mounts[0].Path != "/" {
		return nil
	}
	mount := d.Mounts[0]
	for what, key := range mount.Credentials {
		if what != key {
			return nil
		}
	}
	parameters := map[string]string{"source": mount.Source}
	for key, value := range map[string]string{"endpoint": mount.Endpoint, "region": mount.Region, "pathStyle": mount.PathStyle} {
		if value != "" {
			parameters[key] = value
		}
	}
	return parameters
}

// Bytes is a number of bytes with the largest unit that keeps it exact, as the node plane reads it: "1MiB", "1500B".
func Bytes(bytes int64) string {
	for _, unit := range []struct {
		name string
		of   int64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if bytes != 0 && bytes%unit.of == 0 {
			return strconv.FormatInt(bytes/unit.of, 10) + unit.name
		}
	}
	return strconv.FormatInt(bytes, 10) + "B"
}

// octal adds the leading zero.
func octal(mode string) string {
	if len(mode) == 3 {
		return "0" + mode
	}
	return mode
}

// AccessModes of the Dataset: by default many may read.
func AccessModes(dataset *v1alpha2.Dataset) []corev1.PersistentVolumeAccessMode {
	if len(dataset.Spec.AccessModes) > 0 {
		return dataset.Spec.AccessModes
	}
	return []corev1.PersistentVolumeAccessMode{corev1.ReadOnlyMany}
}

// Handle is the volume handle and the PersistentVolume's name: no two Datasets ever share one, whatever their names are.
func Handle(dataset *v1alpha2.Dataset) string { return HandlePrefix + string(dataset.UID) }

// mustJSON is of types that cannot fail.
func mustJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Takes is how much of a medium (dram, ssd, hdd) these limits let a volume take of each node; not limited: as much as
// there is.
func Takes(limits map[string]Limit, medium string) (bytes int64, limited bool) {
	if limits == nil {
		return 0, false
	}
	limit, may := limits[medium]
	return limit.QuotaBytes, !may || limit.QuotaBytes > 0
}
