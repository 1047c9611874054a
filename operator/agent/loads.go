package agent

import (
	"context"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-cache/sluice/operator/api/admin"
	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
)

// applyLoads begins what is asked for and not begun, changes limits, and ends and forgets what is asked for no more. It
// returns the loads that the daemon will not begin, with its reason; what may work later is tried again.
func (a *Agent) applyLoads(ctx context.Context, wanted []nodev1.Load, seen answers) map[string]string {
	refused := map[string]string{}
	asked := map[string]bool{}
	for _, load := range wanted {
		asked[load.ID] = true
		job := seen.jobs[load.ID]
		var err error
		switch {
		case !strings.HasPrefix(load.ID, nodev1.LoadPrefix):
			refused[load.ID] = "an id of a load begins with " + nodev1.LoadPrefix
		case job == nil:
			err = a.begin(ctx, load, seen)
		case !isFinal(job.State) && int64(job.Request.LimitBytesPerSecond) != load.BytesPerSecond:
			_, err = a.Daemon.SetJobLimit(ctx, &admin.SetJobLimitRequest{Id: load.ID, LimitBytesPerSecond: uint64(load.BytesPerSecond)})
		}
		switch status.Code(err) {
		case codes.OK, codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Canceled:
		default:
			refused[load.ID] = status.Convert(err).Message()
		}
	}
	for id, job := range seen.jobs {
		if asked[id] || !strings.HasPrefix(id, nodev1.LoadPrefix) {
			continue
		}
		forget := a.Daemon.ForgetJob
		if !isFinal(job.State) {
			forget = a.Daemon.CancelJob // and forgotten at the next turn
		}
		if _, err := forget(ctx, &admin.JobRequest{Id: id}); err != nil && status.Code(err) != codes.NotFound {
			log.FromContext(ctx).Error(err, "a load that is asked for no more", "job", id)
		}
	}
	return refused
}

func (a *Agent) begin(ctx context.Context, load nodev1.Load, seen answers) error {
	job, err := a.Daemon.StartPrewarm(ctx, &admin.StartPrewarmRequest{
		Id: load.ID, Dataset: load.Volume, Patterns: patterns(load.Paths), LimitBytesPerSecond: uint64(load.BytesPerSecond),
		MetadataOnly: load.MetadataOnly, Refresh: load.Refresh, PublishNative: load.PublishNative,
	})
	if err == nil {
		seen.jobs[load.ID] = job
	}
	return err
}

// patterns: Fluid's paths begin with a slash, the daemon's do not; "/" is everything.
func patterns(paths []string) []string {
	var result []string
	for _, path := range paths {
		trimmed := strings.Trim(path, "/")
		if trimmed == "" {
			return nil
		}
		result = append(result, trimmed)
	}
	return result
}

func isFinal(state admin.Job_State) bool {
	return state == admin.Job_SUCCEEDED || state == admin.Job_FAILED || state == admin.Job_CANCELLED
}
