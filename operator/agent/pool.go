package agent

import (
	"context"
	"time"

	"google.golang.org/grpc/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-cache/sluice/operator/api/admin"
	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/cachepool"
)

// applied is what this agent has had the daemon do in the daemon's present life. What a daemon keeps over its restart is
// said again: that does no harm, and nobody need know what it keeps.
type applied struct {
	daemonStarted time.Time
	pool          int64 // the CachePool's generation
	poolFailure   string
	parameters    deliveries // nil: nothing has been given yet
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
	text, err := cachepool.Configuration(spec)
	if err != nil {
		return err
	}
	if _, err := a.Daemon.SetConfig(ctx, &admin.SetConfigRequest{Unset: []string{"*"}, Yaml: text, Restart: true}); err != nil {
		return err
	}
	throttle := &admin.Throttle{}
	if spec.Throttle != nil {
		bytes, err := cachepool.Bytes(spec.Throttle.BytesPerSecond, "throttle.bytesPerSecond")
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
