// Package describe leads from a Dataset, the runtime of its name and a cluster's policy to the volume that pods will read,
// or to what is wrong with them. Pure functions: admission and controllers ask the same question.
package describe

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/policy"
	"github.com/sluice-cache/sluice/operator/translate"
	"github.com/sluice-cache/sluice/operator/volume"
)

// Input is all that a volume depends on.
type Input struct {
	Dataset *v1alpha2.Dataset
	// Settings of the runtime of its name; nil: there is none.
	Settings *translate.CacheSettings
	// Referenced is the Dataset that dataset:// leads to, and its runtime's settings; nil: it does not exist, or none is
	// referred to.
	Referenced         *v1alpha2.Dataset
	ReferencedSettings *translate.CacheSettings
	Policy             policy.Policy
}

// Dataset describes the volume. With errors there is none.
func Dataset(input Input) (volume.Description, []translate.Warning, field.ErrorList) {
	var description volume.Description
	errors := checkObject(input.Dataset)
	warnings := ownWarnings(input.Dataset)
	if reference := ReferenceOf(input.Dataset); reference != nil {
		referenced, more, wrong := follow(input, *reference)
		description, warnings, errors = referenced, append(warnings, more...), append(errors, wrong...)
	} else {
		mounts, secret, more, wrong := mountsOf(input.Dataset, input.Settings, input.Policy)
		description.Mounts, description.Secret, description.SecretNamespace = mounts, secret, input.Dataset.Namespace
		warnings, errors = append(warnings, more...), append(errors, wrong...)
	}
	var wrong field.ErrorList
	description.Cache, wrong = cacheOf(input.Dataset, input.Settings)
	errors = append(errors, wrong...)
	if input.Settings != nil {
		description.Defaults = input.Settings.Parameters
	}
	if view := input.Dataset.Spec.Volume; view != nil {
		description.View = *view
	}
	errors = append(errors, checkView(description.View)...)
	if owner := input.Dataset.Spec.Owner; owner != nil {
		description.UID, wrong = id(owner.UID, field.NewPath("spec", "owner", "uid"))
		errors = append(errors, wrong...)
		description.GID, wrong = id(owner.GID, field.NewPath("spec", "owner", "gid"))
		errors = append(errors, wrong...)
	}
	return description, warnings, errors
}

// mountsOf leads from Fluid's mounts to the node plane's, and to the one Secret that all credentials are in.
func mountsOf(dataset *v1alpha2.Dataset, settings *translate.CacheSettings, allowed policy.Policy) (mounts []volume.Mount, secret string, warnings []translate.Warning, errors field.ErrorList) {
	var options map[string]string
	if settings != nil {
		options = settings.SourceOptions
	}
	at := field.NewPath("spec", "mounts")
	if len(dataset.Spec.Mounts) == 0 {
		return nil, "", nil, field.ErrorList{field.Required(at, "say where the data is: - mountPoint: s3://BUCKET/PREFIX")}
	}
	translated, warnings, errors := translate.Mounts(&dataset.Spec.DatasetSpec, options)
	for i, mount := range translated {
		uri := at.Index(i).Child("mountPoint")
		if why := allowed.AllowsSource(mount.URI); why != "" && mount.URI != "" {
			errors = append(errors, field.Forbidden(uri, why))
		}
		if why := allowed.AllowsEndpoint(mount.Endpoint); why != "" {
			errors = append(errors, field.Forbidden(at.Index(i).Child("options"), why))
		}
		result := volume.Mount{Path: mount.Path, Source: mount.URI, Endpoint: mount.Endpoint, Region: mount.Region}
		if mount.PathStyle != nil {
			result.PathStyle = strconv.FormatBool(*mount.PathStyle)
		}
		for what, reference := range mount.Credentials {
			if result.Credentials == nil {
				result.Credentials = map[string]string{}
			}
			result.Credentials[what], secret = reference.Key, reference.Name
		}
		mounts = append(mounts, result)
	}
	return mounts, secret, warnings, errors
}

// cacheOf is what the Dataset says of media, or else its runtime.
func cacheOf(dataset *v1alpha2.Dataset, settings *translate.CacheSettings) (map[string]volume.Limit, field.ErrorList) {
	if dataset.Spec.Cache == nil {
		if settings == nil || settings.Tiers == nil {
			return nil, nil
		}
		return limits(settings.Tiers), nil
	}
	tiers, errors := translate.DatasetTiers(dataset.Spec.Cache.Tiers, field.NewPath("spec", "cache", "tiers"))
	return limits(tiers), errors
}

func limits(tiers []translate.Tier) map[string]volume.Limit {
	result := map[string]volume.Limit{}
	for _, tier := range tiers {
		limit := volume.Limit{QuotaBytes: tier.QuotaBytes, HighWatermark: percent(tier.High), LowWatermark: percent(tier.Low)}
		if tier.QuotaBytes > 0 {
			limit.Quota = volume.Bytes(tier.QuotaBytes)
		}
		result[string(tier.Medium)] = limit
	}
	return result
}

func percent(share *float64) string {
	if share == nil {
		return ""
	}
	return fmt.Sprintf("%d%%", int(math.Round(*share*100)))
}

// checkObject is what is wrong with a Dataset whatever its sources are.
func checkObject(dataset *v1alpha2.Dataset) (errors field.ErrorList) {
	if wrong := validation.IsDNS1035Label(dataset.Name); len(wrong) > 0 {
		errors = append(errors, field.Invalid(field.NewPath("metadata", "name"), dataset.Name, strings.Join(wrong, "; ")))
	}
	annotations := field.NewPath("metadata", "annotations")
	if _, err := volume.Size(dataset); err != nil {
		errors = append(errors, field.Invalid(annotations.Key(volume.SizeAnnotation), dataset.Annotations[volume.SizeAnnotation], err.Error()))
	}
	if err := volume.CheckMetadata(dataset); err != nil {
		errors = append(errors, field.Invalid(annotations.Key(volume.MetadataAnnotation), dataset.Annotations[volume.MetadataAnnotation], err.Error()))
	}
	for i, mode := range dataset.Spec.AccessModes {
		if !slices.Contains([]corev1.PersistentVolumeAccessMode{corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOnce, corev1.ReadWriteOncePod}, mode) {
			errors = append(errors, field.NotSupported(field.NewPath("spec", "accessModes").Index(i), mode, []corev1.PersistentVolumeAccessMode{corev1.ReadOnlyMany}))
		}
	}
	if sharing := dataset.Spec.Sharing; sharing != nil {
		for i, namespace := range sharing.Namespaces {
			if wrong := validation.IsDNS1123Label(namespace); namespace != "*" && len(wrong) > 0 {
				errors = append(errors, field.Invalid(field.NewPath("spec", "sharing", "namespaces").Index(i), namespace, "name a namespace, or * for all"))
			}
		}
	}
	return errors
}

func ownWarnings(dataset *v1alpha2.Dataset) (warnings []translate.Warning) {
	for i, mode := range dataset.Spec.AccessModes {
		if mode != corev1.ReadOnlyMany {
			warnings = append(warnings, translate.Warning{Field: fmt.Sprintf("spec.accessModes[%d]", i), Text: fmt.Sprintf("%s: volumes are read-only all the same", mode)})
		}
	}
	return append(warnings, translate.Ignored("Dataset", dataset)...)
}

func checkView(view v1alpha2.VolumeSpec) (errors field.ErrorList) {
	at := field.NewPath("spec", "volume")
	if _, err := view.MetadataTTL.Duration(); err != nil {
		errors = append(errors, field.Invalid(at.Child("metadataTTL"), view.MetadataTTL, err.Error()))
	}
	if view.BlockSize != "" {
		size, err := view.BlockSize.Quantity()
		if bytes := size.Value(); err != nil || bytes&(bytes-1) != 0 || bytes < 64<<10 || bytes > 16<<20 {
			errors = append(errors, field.Invalid(at.Child("blockSize"), string(view.BlockSize), "a power of two from 64Ki to 16Mi, such as 1Mi"))
		}
	}
	return errors
}

func id(given int64, at *field.Path) (int64, field.ErrorList) {
	if given < 0 || given >= math.MaxUint32 {
		return 0, field.ErrorList{field.Invalid(at, given, "is no user or group id: 0 to 4294967294")}
	}
	return given, nil
}
