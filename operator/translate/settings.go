package translate

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
)

// CacheSettings is all that a runtime can say.
type CacheSettings struct {
	// Replicas is how many nodes a load without a number of its own fills.
	Replicas int32
	// Tiers are the media that the Dataset may use, at most one of each, from the fastest; nil: all that a node has.
	Tiers []Tier
	// NodeSelector and Tolerations choose the nodes that are filled.
	NodeSelector map[string]string
	Tolerations  []corev1.Toleration
	// Parameters of the Dataset's volume, in the node plane's words (docs/volume-parameters.md).
	Parameters map[string]string
	// SourceOptions are options of sources for all mounts, none of them a credential: for Mounts.
	SourceOptions map[string]string
	Warnings      []Warning
}

// Alluxio is what an AlluxioRuntime says.
func Alluxio(spec *v1alpha1.AlluxioRuntimeSpec) (CacheSettings, field.ErrorList) {
	settings, errs := legacy("AlluxioRuntime", spec, spec.Replicas, spec.TieredStore)
	if spec.Worker != nil {
		settings.NodeSelector = spec.Worker.NodeSelector
	}
	path, properties := field.NewPath("spec", "properties"), maps.Clone(spec.Properties)
	for _, name := range alluxioDurations {
		if ttl, ok := alluxioDuration(properties[name]); ok {
			settings.Parameters["metadataTtl"] = ttl
			delete(properties, name)
		}
	}
	return settings, append(errs, settings.take(properties, path, sourcesOnly)...)
}

// JuiceFS is what a JuiceFSRuntime says.
func JuiceFS(spec *v1alpha1.JuiceFSRuntimeSpec) (CacheSettings, field.ErrorList) {
	settings, errs := legacy("JuiceFSRuntime", spec, spec.Replicas, spec.TieredStore)
	if spec.Worker != nil {
		settings.NodeSelector = spec.Worker.NodeSelector
	}
	return settings, errs
}

// Jindo is what a JindoRuntime says.
func Jindo(spec *v1alpha1.JindoRuntimeSpec) (CacheSettings, field.ErrorList) {
	settings, errs := legacy("JindoRuntime", spec, spec.Replicas, spec.TieredStore)
	if spec.Worker != nil {
		settings.NodeSelector, settings.Tolerations = spec.Worker.NodeSelector, spec.Worker.Tolerations
	}
	return settings, append(errs, settings.take(spec.Properties, field.NewPath("spec", "properties"), sourcesOnly)...)
}

// Thin is what a ThinRuntime says, and its profile where it says nothing itself. `profile` may be nil.
func Thin(spec *v1alpha1.ThinRuntimeSpec, profile *v1alpha1.ThinRuntimeProfileSpec) (CacheSettings, field.ErrorList) {
	settings, errs := legacy("ThinRuntime", spec, spec.Replicas, spec.TieredStore)
	if profile != nil {
		if profile.Worker != nil {
			settings.NodeSelector = profile.Worker.NodeSelector
		}
		if profile.Fuse != nil {
			settings.takeDefaults(profile.Fuse.Options)
		}
	}
	if spec.Worker != nil && spec.Worker.NodeSelector != nil {
		settings.NodeSelector = spec.Worker.NodeSelector
	}
	if spec.Fuse != nil {
		errs = append(errs, settings.take(spec.Fuse.Options, field.NewPath("spec", "fuse", "options"), withParameters)...)
	}
	return settings, errs
}

// Cache is what a CacheRuntime says, and its class where it says nothing itself. `class` may be nil.
func Cache(spec *v1alpha1.CacheRuntimeSpec, class *v1alpha1.CacheRuntimeClass) (CacheSettings, field.ErrorList) {
	path, settings := field.NewPath("spec"), empty()
	settings.Warnings = ignoredIn("CacheRuntime", spec)
	if class != nil && class.Topology != nil {
		for _, part := range []*v1alpha1.RuntimeComponentDefinition{class.Topology.Worker, class.Topology.Client} {
			if part != nil {
				settings.takeDefaults(part.Options)
			}
		}
	}
	errs := settings.take(spec.Options, path.Child("options"), withParameters)
	worker, client := spec.Worker, spec.Client
	if worker != nil {
		settings.NodeSelector, settings.Tolerations = worker.NodeSelector, worker.Tolerations
		errs = append(errs, settings.takeReplicas(worker.Replicas, path.Child("worker", "replicas"))...)
		errs = append(errs, settings.take(worker.Options, path.Child("worker", "options"), withParameters)...)
	}
	if client != nil {
		errs = append(errs, settings.take(client.Options, path.Child("client", "options"), withParameters)...)
		settings.warnOfClient(client, path.Child("client"))
	}
	return settings, append(errs, settings.takeCacheTiers(worker, client, path)...)
}

// takeCacheTiers: worker and client share one cache on a node.
func (s *CacheSettings) takeCacheTiers(worker *v1alpha1.CacheRuntimeWorker, client *v1alpha1.CacheRuntimeClient, path *field.Path) field.ErrorList {
	store, at := (*v1alpha1.RuntimeTieredStore)(nil), path.Child("worker", "tieredStore")
	if worker != nil {
		store = worker.TieredStore
	}
	if client != nil && client.TieredStore != nil {
		if store == nil {
			store, at = client.TieredStore, path.Child("client", "tieredStore")
		} else {
			s.warn(path.Child("client", "tieredStore"), "has no effect here: worker and client share one cache on a node, and the worker's is given")
		}
	}
	if store == nil {
		return nil
	}
	tiers, warnings, errs := cacheTiers(store, at)
	s.Tiers, s.Warnings = tiers, append(s.Warnings, warnings...)
	return errs
}

func (s *CacheSettings) warnOfClient(client *v1alpha1.CacheRuntimeClient, path *field.Path) {
	if client.NodeSelector != nil {
		s.warn(path.Child("nodeSelector"), "has no effect here: pods on every node can read")
	}
	if client.Tolerations != nil {
		s.warn(path.Child("tolerations"), "has no effect here: pods on every node can read")
	}
}

// legacy is what Fluid's older kinds have in common.
func legacy(kind string, spec any, replicas *int32, store *v1alpha1.TieredStore) (CacheSettings, field.ErrorList) {
	settings := empty()
	errs := settings.takeReplicas(replicas, field.NewPath("spec", "replicas"))
	tiers, warnings, wrong := legacyTiers(store, field.NewPath("spec", "tieredstore"))
	settings.Tiers, settings.Warnings = tiers, append(ignoredIn(kind, spec), warnings...)
	return settings, append(errs, wrong...)
}

func empty() CacheSettings {
	return CacheSettings{Replicas: 1, Parameters: map[string]string{}, SourceOptions: map[string]string{}}
}

func (s *CacheSettings) warn(path *field.Path, text string) {
	s.Warnings = append(s.Warnings, Warning{path.String(), text})
}

func (s *CacheSettings) takeReplicas(given *int32, path *field.Path) field.ErrorList {
	if given == nil {
		return nil
	}
	s.Replicas = *given
	if *given < 0 {
		return field.ErrorList{field.Invalid(path, *given, "is how many nodes data is loaded on: 0 or more")}
	}
	return nil
}

// What options of a runtime may be about.
const (
	sourcesOnly    = false
	withParameters = true
)

// take options: volume parameters, if those are asked for, and options of sources; what was taken before is replaced.
func (s *CacheSettings) take(options map[string]string, path *field.Path, parameters bool) field.ErrorList {
	var errs field.ErrorList
	var unknown []string
	for _, name := range slices.Sorted(maps.Keys(options)) {
		at, value := path.Key(name), options[name]
		parameter, isParameter := volumeParameters[name]
		known, isOption := sourceOptions[name]
		switch {
		case parameters && isParameter:
			translated, err := parameter(value)
			if err != nil {
				errs = append(errs, field.Invalid(at, value, err.Error()))
				continue
			}
			s.Parameters[name] = translated
		case isOption && known.meaning.isCredential():
			errs = append(errs, plainCredential(at))
		case isOption:
			s.SourceOptions[name] = value
		default:
			unknown = append(unknown, name)
		}
	}
	s.Warnings = append(s.Warnings, unknownOptions(path, unknown, parameters)...)
	return errs
}

// takeDefaults from what belongs to the cluster: whoever applied it was told what is wrong with it.
func (s *CacheSettings) takeDefaults(options map[string]string) {
	quiet := empty()
	quiet.take(options, field.NewPath("options"), withParameters)
	maps.Copy(s.Parameters, quiet.Parameters)
	maps.Copy(s.SourceOptions, quiet.SourceOptions)
}

// plainCredential: the value itself is left out.
func plainCredential(path *field.Path) *field.Error {
	return field.Forbidden(path, "all who may read this object could read the credential; put it in a Secret, and name that in encryptOptions of the Dataset")
}
