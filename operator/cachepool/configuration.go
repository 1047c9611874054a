// Package cachepool leads from a CachePool to the configuration of a daemon, and says in its status how many nodes have it.
package cachepool

import (
	"fmt"

	"sigs.k8s.io/yaml"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	datav1 "github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/volume"
)

// Configuration is the spec in the words of docs/configuration.md. Error: a size or a length of time that is none.
func Configuration(spec nodev1.CachePoolSpec) (string, error) {
	result := section{}
	var tiers []section
	for _, tier := range spec.Tiers {
		entry := section{"medium": tier.Medium}
		if err := entry.size("quota", tier.Quota); err != nil {
			return "", err
		}
		entry.percent("highWatermark", tier.HighWatermark)
		entry.percent("lowWatermark", tier.LowWatermark)
		tiers = append(tiers, entry)
	}
	if len(tiers) > 0 {
		result["tiers"] = tiers
	}
	result.text("policy", spec.Policy)
	result.text("epochs", spec.Epochs)
	result.text("logLevel", spec.LogLevel)
	limits := section{}
	for name, quota := range map[string]datav1.Quota{
		"fillMemory": spec.Limits.FillMemory, "fetchSize": spec.Limits.FetchSize, "readAhead": spec.Limits.ReadAhead, "pushMemory": spec.Limits.PushMemory,
	} {
		if err := limits.size(name, quota); err != nil {
			return "", err
		}
	}
	limits.number("fetches", spec.Limits.Fetches)
	limits.number("openFiles", spec.Limits.OpenFiles)
	limits.number("sessionThreads", spec.Limits.SessionThreads)
	result.section("limits", limits)
	if spec.Scrub != nil {
		scrub := section{}
		if spec.Scrub.BytesPerSecond != "" {
			bytes, err := Bytes(spec.Scrub.BytesPerSecond, "scrub.bytesPerSecond")
			if err != nil {
				return "", err
			}
			scrub["rate"] = volume.Bytes(bytes) + "/s"
		}
		every, err := spec.Scrub.Every.Duration()
		if err != nil {
			return "", fmt.Errorf("scrub.every: %w", err)
		}
		if every > 0 {
			scrub["every"] = fmt.Sprintf("%ds", int64(every.Seconds()))
		}
		result.section("scrub", scrub)
	}
	text, err := yaml.Marshal(result)
	return string(text), err
}

// section of a configuration file.
type section map[string]any

func (s section) text(key, value string) {
	if value != "" {
		s[key] = value
	}
}

func (s section) number(key string, value *int32) {
	if value != nil {
		s[key] = *value
	}
}

func (s section) percent(key string, value *int32) {
	if value != nil {
		s[key] = fmt.Sprintf("%d%%", *value)
	}
}

func (s section) size(key string, value datav1.Quota) error {
	if value == "" {
		return nil
	}
	bytes, err := Bytes(value, key)
	if err == nil {
		s[key] = volume.Bytes(bytes)
	}
	return err
}

func (s section) section(key string, value section) {
	if len(value) > 0 {
		s[key] = value
	}
}

// Bytes of a size that may be left out; `key` is for the error.
func Bytes(value datav1.Quota, key string) (int64, error) {
	if value == "" || value == "0" {
		return 0, nil
	}
	quantity, err := value.Quantity()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", key, err)
	}
	return quantity.Value(), nil
}
