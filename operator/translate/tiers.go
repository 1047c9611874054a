package translate

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
)

// Medium is what the node plane calls a kind of memory or disk.
type Medium string

// The media, from the fastest to the slowest.
const (
	DRAM Medium = "dram"
	SSD  Medium = "ssd"
	HDD  Medium = "hdd"
)

var media = []Medium{DRAM, SSD, HDD}

// tierBytesMin is the least that the node plane takes.
const tierBytesMin = 8 << 20

// Tier is what a Dataset may take of one medium of each node.
type Tier struct {
	Medium     Medium
	QuotaBytes int64    // 0: as much as the node has
	High, Low  *float64 // shares of the quota above which eviction begins, and at which it ends; nil: the node's
}

// level is one of Fluid's levels, before those of the same medium are added up.
type level struct {
	path   *field.Path
	medium Medium
	bytes  int64
	high   string
	low    string
}

var mediumOf = map[v1alpha1.MediumType]Medium{v1alpha1.Memory: DRAM, v1alpha1.SSD: SSD, v1alpha1.HDD: HDD}

// legacyTiers are those of Alluxio, JuiceFS, JindoFS and thin runtimes.
func legacyTiers(store *v1alpha1.TieredStore, path *field.Path) ([]Tier, []Warning, field.ErrorList) {
	if store == nil {
		return nil, nil, nil
	}
	var levels []level
	var warnings []Warning
	var errs field.ErrorList
	for i, given := range store.Levels {
		at := path.Child("levels").Index(i)
		medium, ok := mediumOf[given.MediumType]
		if !ok {
			errs = append(errs, field.NotSupported(at.Child("mediumtype"), given.MediumType, []string{"MEM", "SSD", "HDD"}))
			continue
		}
		bytes, invalid := legacyQuota(given, at)
		if invalid != nil {
			errs = append(errs, invalid)
			continue
		}
		if given.Quota != "" && given.QuotaList != "" {
			warnings = append(warnings, Warning{at.Child("quota").String(), "has no effect here: quotaList says more"})
		}
		levels = append(levels, level{at, medium, bytes, given.High, given.Low})
	}
	tiers, more, wrong := addUp(levels)
	return tiers, append(warnings, more...), append(errs, wrong...)
}

// legacyQuota of a level: quotaList, one for each path, goes before quota, which all share; 0 if neither is given.
func legacyQuota(given v1alpha1.Level, path *field.Path) (int64, *field.Error) {
	if given.QuotaList == "" {
		if given.Quota == "" {
			return 0, nil
		}
		return sum(path.Child("quota"), given.Quota)
	}
	list := path.Child("quotaList")
	var quotas []v1alpha1.Quota
	for _, part := range strings.Split(given.QuotaList, ",") {
		quotas = append(quotas, v1alpha1.Quota(strings.TrimSpace(part)))
	}
	if paths := len(strings.Split(given.Path, ",")); given.Path != "" && paths != len(quotas) {
		return 0, field.Invalid(list, given.QuotaList, fmt.Sprintf("there are %d quotas for %d paths; give one for each", len(quotas), paths))
	}
	return sum(list, quotas...)
}

// cacheTiers are those of a CacheRuntime.
func cacheTiers(store *v1alpha1.RuntimeTieredStore, path *field.Path) ([]Tier, []Warning, field.ErrorList) {
	var levels []level
	var errs field.ErrorList
	for i, given := range store.Levels {
		at := path.Child("levels").Index(i)
		medium, bytes, invalid := cacheLevel(given, at)
		if invalid != nil {
			errs = append(errs, invalid)
			continue
		}
		levels = append(levels, level{at, medium, bytes, given.High, given.Low})
	}
	tiers, warnings, wrong := addUp(levels)
	return tiers, warnings, append(errs, wrong...)
}

func cacheLevel(given v1alpha1.RuntimeTieredStoreLevel, path *field.Path) (Medium, int64, *field.Error) {
	kinds := 0
	for _, isGiven := range []bool{given.ProcessMemory != nil, given.EmptyDir != nil, given.HostPath != nil} {
		if isGiven {
			kinds++
		}
	}
	if kinds != 1 {
		return "", 0, field.Invalid(path, kinds, "a level is one of processMemory, emptyDir and hostPath; write a level for each")
	}
	switch {
	case given.ProcessMemory != nil:
		bytes, err := sum(path.Child("processMemory", "quota"), given.ProcessMemory.Quota)
		return DRAM, bytes, err
	case given.EmptyDir != nil:
		medium, known := map[corev1.StorageMedium]Medium{corev1.StorageMediumDefault: SSD, corev1.StorageMediumMemory: DRAM}[given.EmptyDir.Medium]
		if !known {
			return "", 0, field.NotSupported(path.Child("emptyDir", "medium"), given.EmptyDir.Medium, []string{"", "Memory"})
		}
		bytes, err := sum(path.Child("emptyDir", "quota"), given.EmptyDir.Quota)
		return medium, bytes, err
	default:
		quotas := path.Child("hostPath", "quotas")
		if len(given.HostPath.Quotas) != len(given.HostPath.Paths) {
			return "", 0, field.Invalid(quotas, len(given.HostPath.Quotas), fmt.Sprintf("there are %d quotas for %d paths; give one for each",
				len(given.HostPath.Quotas), len(given.HostPath.Paths)))
		}
		bytes, err := sum(quotas, given.HostPath.Quotas...)
		return SSD, bytes, err
	}
}

// sum of quotas, in bytes. Error: one of them is no quota, or all together are too little.
func sum(path *field.Path, quotas ...v1alpha1.Quota) (int64, *field.Error) {
	total := int64(0)
	for _, quota := range quotas {
		quantity, err := quota.Quantity()
		if err != nil {
			return 0, field.Invalid(path, quota, err.Error())
		}
		total = plus(total, quantity.Value())
	}
	if total < tierBytesMin {
		return 0, field.Invalid(path, total, "bytes are too few: a tier needs at least 8Mi; is a unit missing?")
	}
	return total, nil
}

// plus stays at the largest number there is.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// addUp levels of the same medium: their quotas together, the lowest of their shares.
func addUp(levels []level) ([]Tier, []Warning, field.ErrorList) {
	byMedium := map[Medium]*Tier{}
	var warnings []Warning
	var errs field.ErrorList
	for _, level := range levels {
		high, invalidHigh := share(level.high, level.path.Child("high"))
		low, invalidLow := share(level.low, level.path.Child("low"))
		if invalidHigh != nil || invalidLow != nil {
			errs = appendErrors(errs, invalidHigh, invalidLow)
			continue
		}
		tier, ok := byMedium[level.medium]
		if ok {
			warnings = append(warnings, tier.add(level, high, low)...)
		} else {
			tier = &Tier{level.medium, level.bytes, high, low}
			byMedium[level.medium] = tier
		}
		if tier.High != nil && tier.Low != nil && *tier.Low >= *tier.High {
			errs = append(errs, field.Invalid(level.path.Child("low"), level.low, fmt.Sprintf(
				"eviction begins above high and ends at low: %v is not below %v", *tier.Low, *tier.High)))
		}
	}
	var tiers []Tier
	for _, medium := range media {
		if tier, ok := byMedium[medium]; ok {
			tiers = append(tiers, *tier)
		}
	}
	return tiers, warnings, errs
}

// add another level of the tier's medium.
func (t *Tier) add(other level, high, low *float64) []Warning {
	if t.QuotaBytes == 0 || other.bytes == 0 {
		t.QuotaBytes = 0 // one of them is as large as the node allows
	} else {
		t.QuotaBytes = plus(t.QuotaBytes, other.bytes)
	}
	return append(lower(&t.High, high, other.path.Child("high")), lower(&t.Low, low, other.path.Child("low"))...)
}

// lower sets a share to another level's, if that is lower.
func lower(mine **float64, other *float64, path *field.Path) []Warning {
	switch {
	case other == nil || *mine != nil && **mine == *other:
		return nil
	case *mine == nil:
		*mine = other
		return nil
	}
	least := min(**mine, *other)
	*mine = &least
	return []Warning{{path.String(), fmt.Sprintf("is not that of the other level of this medium: both are one tier here, and the lower one, %v, holds", least)}}
}

// share of a quota; nil if there is none.
func share(text string, path *field.Path) (*float64, *field.Error) {
	if text == "" {
		return nil, nil
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || !(value > 0 && value <= 1) {
		return nil, field.Invalid(path, text, "is not a share of the quota; write one above 0 and up to 1, such as 0.95")
	}
	return &value, nil
}

func appendErrors(errs field.ErrorList, more ...*field.Error) field.ErrorList {
	return append(errs, slices.DeleteFunc(more, func(err *field.Error) bool { return err == nil })...)
}
