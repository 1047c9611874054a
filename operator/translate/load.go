package translate

import (
	"maps"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/suggest"
)

// LoadSettings are what a DataLoad says in fields of v1alpha2, or, where these say nothing, in options of the same names.
type LoadSettings struct {
	BytesPerSecond int64 // of each node from the source; 0: no limit
	MetadataOnly   bool  // names, and no data
	PublishNative  bool  // the data comes into one tier, to be read without FUSE
}

var loadOptions = []string{"bytesPerSecond", "metadataOnly", "publishNative"}

// Load is what a DataLoad says.
func Load(spec *v1alpha2.DataLoadSpec) (LoadSettings, []Warning, field.ErrorList) {
	settings := LoadSettings{MetadataOnly: spec.MetadataOnly, PublishNative: spec.PublishNative}
	at := field.NewPath("spec")
	var errs field.ErrorList
	errs = appendErrors(errs, settings.limit(spec.BytesPerSecond, at.Child("bytesPerSecond")))
	var warnings []Warning
	for _, name := range slices.Sorted(maps.Keys(spec.Options)) {
		at, value := at.Child("options").Key(name), spec.Options[name]
		switch name {
		case "bytesPerSecond":
			if spec.BytesPerSecond == "" {
				errs = appendErrors(errs, settings.limit(v1alpha1.Quota(value), at))
			}
		case "metadataOnly":
			errs = appendErrors(errs, truth(&settings.MetadataOnly, value, at))
		case "publishNative":
			errs = appendErrors(errs, truth(&settings.PublishNative, value, at))
		default:
			warnings = append(warnings, Warning{at.String(), "has no effect here: it is not known" + suggest.DidYouMean(name, loadOptions)})
		}
	}
	if settings.MetadataOnly && settings.PublishNative {
		errs = append(errs, field.Invalid(at.Child("publishNative"), true, "with metadataOnly there is nothing to publish; leave one of them out"))
	}
	return settings, warnings, errs
}

func (s *LoadSettings) limit(given v1alpha1.Quota, at *field.Path) *field.Error {
	if given == "" {
		return nil
	}
	quantity, err := given.Quantity()
	if err != nil {
		return field.Invalid(at, given, err.Error())
	}
	s.BytesPerSecond = quantity.Value()
	return nil
}

// truth adds what an option says to what the field says, which cannot say "false".
func truth(said *bool, value string, at *field.Path) *field.Error {
	given, err := strconv.ParseBool(value)
	if err != nil {
		return field.Invalid(at, value, "is neither true nor false")
	}
	*said = *said || given
	return nil
}
