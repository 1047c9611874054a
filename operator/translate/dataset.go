package translate

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

// DatasetTiers are those that a Dataset asks for itself; `path` is its list's.
func DatasetTiers(given []v1alpha2.CacheTier, path *field.Path) ([]Tier, field.ErrorList) {
	var levels []level
	var errs field.ErrorList
	seen := map[Medium]bool{}
	for i, tier := range given {
		at := path.Index(i)
		medium, known := mediumOf[tier.Medium]
		switch {
		case !known:
			errs = append(errs, field.NotSupported(at.Child("medium"), tier.Medium, []string{"MEM", "SSD", "HDD"}))
			continue
		case seen[medium]:
			errs = append(errs, field.Duplicate(at.Child("medium"), tier.Medium))
			continue
		}
		seen[medium] = true
		bytes := int64(0)
		if tier.Quota != "" {
			var invalid *field.Error
			if bytes, invalid = sum(at.Child("quota"), tier.Quota); invalid != nil {
				errs = append(errs, invalid)
				continue
			}
		}
		levels = append(levels, level{at, medium, bytes, tier.High, tier.Low})
	}
	tiers, _, wrong := addUp(levels)
	return tiers, append(errs, wrong...)
}
