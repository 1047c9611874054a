package agent

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sluice-cache/sluice/operator/api/admin"
	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	datav1 "github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/volume"
)

// applied is what this agent has had the daemon do in the daemon's present life. What a daemon keeps over its restart is
// said again: that does no harm, and nobody need know what it keeps.
type applied struct {
	daemonStarted time.Time
	pool          int64 // the CachePool's generation
	poolFailure   string
}

func (a *applied) forgetAfterRestart(status *admin.Status, now time.Time) {
	const tolerance = 2 * time.Second
	started := now.Add(-time.Duration(status.UptimeSeconds * float64(time.Second)))
	if started.Sub(a.daemonStarted).Abs() > tolerance {
		*a = applied{daemonStarted: started}
	}
}

// applyPool gives the daemon the CachePool as it is now, if that is another one, and says how it went.
func (a *Agent) applyPool(ctx context.Context, to *nodev1.NodeCacheStatus) error {
	pool := &nodev1.CachePool{}
	err := a.Client.Get(ctx, client.ObjectKey{Name: a.Pool}, pool)
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	if err == nil && pool.Generation != a.applied.pool || err != nil && a.applied.pool != 0 {
		a.applied.pool, a.applied.poolFailure = pool.Generation, ""
		if err := a.configure(ctx, pool.Spec); err != nil {
			a.applied.poolFailure = status.Convert(err).Message()
		}
	}
	to.Pool = nodev1.PoolStatus{Name: a.Pool, Generation: a.applied.pool}
	switch {
	case a.applied.poolFailure != "":
		setCondition(to, "Configured", metav1.ConditionFalse, "Refused", a.applied.poolFailure)
	case a.applied.pool == 0:
		setCondition(to, "Configured", metav1.ConditionTrue, "NoCachePool", "as the plugin's configuration file says")
	default:
		setCondition(to, "Configured", metav1.ConditionTrue, "Applied", "")
	}
	return nil
}

// configure replaces all that was ever set by what the CachePool says.
func (a *Agent) configure(ctx context.Context, spec nodev1.CachePoolSpec) error {
	text, err := configuration(spec)
	if err != nil {
		return err
	}
	if _, err := a.Daemon.SetConfig(ctx, &admin.SetConfigRequest{Unset: []string{"*"}, Yaml: text, Restart: true}); err != nil {
		return err
	}
	throttle := &admin.Throttle{}
	if spec.Throttle != nil {
		bytes, err := bytesOf(spec.Throttle.BytesPerSecond, "throttle.bytesPerSecond")
		if err != nil {
			return err
		}
		throttle.ReadBytesPerSecond = uint64(bytes)
		if spec.Throttle.RequestsPerSecond != nil {
			throttle.RequestsPerSecond = uint64(max(0, *spec.Throttle.RequestsPerSecond))
		}
	}
	_, err = a.Daemon.SetThrottle(ctx, &admin.SetThrottleRequest{Dataset: "node", Throttle: throttle})
	return err
}

// configuration is the spec in the words of docs/configuration.md.
func configuration(spec nodev1.CachePoolSpec) (string, error) {
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
			bytes, err := bytesOf(spec.Scrub.BytesPerSecond, "scrub.bytesPerSecond")
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
	bytes, err := bytesOf(value, key)
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

func bytesOf(value datav1.Quota, key string) (int64, error) {
	if value == "" || value == "0" {
		return 0, nil
	}
	quantity, err := value.Quantity()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", key, err)
	}
	return quantity.Value(), nil
}
