package translate

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// volumeParameter makes of a value what the node plane reads under the parameter's name. Error: what would be right.
type volumeParameter func(value string) (string, error)

// volumeParameters are those of docs/volume-parameters.md that options may set. Others say where data is and who may read
// it: that is not an engine's business.
var volumeParameters = map[string]volumeParameter{
	"consistency": oneOf("immutable", "eventual", "strong"),
	"metadataTtl": duration,
	"blockSize":   blockSize,
	"access":      oneOf("auto", "large-files", "small-files", "native"),
	"transport":   oneOf("device", "ring"),
	"fileMode":    octalMode,
	"dirMode":     octalMode,
}

var volumeParameterNames = slices.Sorted(maps.Keys(volumeParameters))

func oneOf(choices ...string) volumeParameter {
	return func(value string) (string, error) {
		if slices.Contains(choices, value) {
			return value, nil
		}
		return "", fmt.Errorf("is none of %s", strings.Join(choices, ", "))
	}
}

var durationPattern = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$`)

func duration(value string) (string, error) {
	if !durationPattern.MatchString(value) {
		return "", fmt.Errorf("is not a duration; write a number with a unit, such as 30s, 5m or 1h")
	}
	return value, nil
}

func blockSize(value string) (string, error) {
	quantity, err := resource.ParseQuantity(strings.TrimSuffix(value, "B"))
	bytes := quantity.Value()
	if err != nil || bytes&(bytes-1) != 0 || bytes < 64<<10 || bytes > 16<<20 {
		return "", fmt.Errorf("is not a power of two from 64Ki to 16Mi, such as 1Mi")
	}
	return strconv.FormatInt(bytes, 10) + "B", nil
}

func octalMode(value string) (string, error) {
	if mode, err := strconv.ParseUint(value, 8, 32); err != nil || mode > 0o777 {
		return "", fmt.Errorf("is not an octal mode such as 0444")
	}
	return value, nil
}

// alluxioDurations are Alluxio's properties that say how long names are good.
var alluxioDurations = []string{"alluxio.user.metadata.cache.expiration.time", "alluxio.user.file.metadata.sync.interval"}

var alluxioUnits = map[string]string{
	"ms": "ms", "millisecond": "ms", "s": "s", "sec": "s", "second": "s", "m": "m", "min": "m", "minute": "m",
	"h": "h", "hr": "h", "hour": "h", "d": "d", "day": "d",
}

var alluxioDurationPattern = regexp.MustCompile(`^([0-9]*[1-9][0-9]*) *([a-z]+)$`)

// alluxioDuration is metadataTtl of a duration as Alluxio writes it: "10min", "2day". What means "always" or "never" there
// is none.
func alluxioDuration(value string) (string, bool) {
	parts := alluxioDurationPattern.FindStringSubmatch(strings.ToLower(strings.TrimSpace(value)))
	if parts == nil {
		return "", false
	}
	unit, known := alluxioUnits[parts[2]]
	if !known {
		unit, known = alluxioUnits[strings.TrimSuffix(parts[2], "s")]
	}
	return parts[1] + unit, known
}
