package translate

import (
	"maps"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/suggest"
)

// LoadSettings are what the options of a DataLoad can say, which v1alpha2 has fields for.
type LoadSettings struct {
	BytesPerSecond int64 // of each node from the source; 0: no limit
	MetadataOnly   bool  // names, and no data
	PublishNative  bool  // the data comes into one tier, to be read without FUSE
}

var loadOptions = []string{"bytesPerSecond", "metadataOnly", "publishNative"}

// Load is what the options of a DataLoad say.
func Load(options map[string]string) (LoadSettings, []Warning, field.ErrorList) {
	var settings LoadSettings
	var warnings []Warning
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(options)) {
		at, value := field.NewPath("spec", "options").Key(name), options[name]
		switch name {
		case "bytesPerSecond":
			quantity, err := v1alpha1.Quota(value).Quantity()
			if err != nil {
				errs = append(errs, field.Invalid(at, value, err.Error()))
			}
			settings.BytesPerSecond = quantity.Value()
		case "metadataOnly", "publishNative":
			truth, err := strconv.ParseBool(value)
			if err != nil {
				errs = append(errs, field.Invalid(at, value, "is neither true nor false"))
			}
			if name == "metadataOnly" {
				settings.MetadataOnly = truth
			} else {
				settings.PublishNative = truth
			}
		default:
			warnings = append(warnings, Warning{at.String(), "has no effect here: it is not known" + suggest.DidYouMean(name, loadOptions)})
		}
	}
	return settings, warnings, errs
}
