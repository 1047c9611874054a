package agent

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/sluice-cache/sluice/operator/api/admin"
	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/phase"
)

// forgetAfter is how long a volume that is mounted nowhere on the node is reported.
const forgetAfter = 24 * time.Hour

// describe makes a status of the daemon's answers. `failures` are loads that could not be begun, with the reason.
func describe(to *nodev1.NodeCacheStatus, wanted []nodev1.Load, seen answers, failures map[string]string, now time.Time) {
	to.Version = seen.status.Version
	to.Tiers = tiersOf(seen.status.Tiers)
	used, quota, broken := int64(0), int64(0), []string{}
	for _, tier := range to.Tiers {
		used, quota = used+tier.UsedBytes, quota+tier.QuotaBytes
		if !tier.InService {
			broken = append(broken, fmt.Sprintf("%s: %s", tier.Medium, tier.Failure))
		}
	}
	to.Used, to.Quota = phase.Size(used), phase.Size(quota)
	if len(broken) > 0 {
		setCondition(to, "Ready", metav1.ConditionFalse, "TierOutOfService", strings.Join(broken, "; "))
	} else {
		setCondition(to, "Ready", metav1.ConditionTrue, "Serving", "")
	}
	to.Volumes = volumesOf(to.Volumes, seen.mounts.Mounts, now)
	to.Failures = failuresOf(seen.mounts.Failures)
	to.Loads = loadsOf(wanted, seen.jobs, failures)
	limit(to)
}

func tiersOf(tiers []*admin.Tier) []nodev1.Tier {
	var result []nodev1.Tier
	for _, tier := range tiers {
		result = append(result, nodev1.Tier{
			Medium: tier.Medium, QuotaBytes: int64(tier.QuotaBytes), UsedBytes: int64(tier.UsedBytes),
			InService: tier.InService, Failure: tier.Failure,
		})
	}
	return result
}

// volumesOf are those that are mounted, and those that have been and of which the cache still had data when they were
// unmounted: pods that come back find it. What is evicted since is not known, and is reported until forgetAfter has passed.
func volumesOf(before []nodev1.Volume, mounts []*admin.Mount, now time.Time) []nodev1.Volume {
	result := unmounted(before, mounts, now)
	for _, mount := range mounts {
		cached := map[string]int64{}
		for medium, bytes := range mount.CachedBytes {
			if bytes > 0 {
				cached[medium] = int64(bytes)
			}
		}
		result = append(result, nodev1.Volume{
			ID: mount.VolumeId, Mounted: true, Path: mount.Path, CachedBytes: cached,
			Files: int64(mount.Files), Bytes: int64(mount.Bytes), Listed: mount.Listed,
			HitBytes: int64(mount.HitBytes), MissBytes: int64(mount.MissBytes), Message: strings.Join(mount.Notes, "; "),
		})
	}
	slices.SortFunc(result, func(x, y nodev1.Volume) int { return strings.Compare(x.ID, y.ID) })
	return result
}

func unmounted(before []nodev1.Volume, mounts []*admin.Mount, now time.Time) (kept []nodev1.Volume) {
	for _, volume := range before {
		isMounted := slices.ContainsFunc(mounts, func(mount *admin.Mount) bool { return mount.VolumeId == volume.ID })
		if isMounted || volume.Cached() == 0 {
			continue
		}
		if volume.Mounted {
			volume.Mounted, volume.Path, volume.Message, volume.Unmounted = false, "", "", ptr.To(metav1.NewTime(now))
		}
		if volume.Unmounted != nil && now.Sub(volume.Unmounted.Time) < forgetAfter {
			kept = append(kept, volume)
		}
	}
	return kept
}

// failuresOf keeps the last of each volume.
func failuresOf(failures []*admin.FailedMount) []nodev1.Failure {
	last := map[string]nodev1.Failure{}
	for _, failure := range failures {
		last[failure.VolumeId] = nodev1.Failure{
			Volume: failure.VolumeId, Code: failure.Code, Message: failure.Message, Time: metav1.Unix(failure.AtSeconds, 0),
		}
	}
	var result []nodev1.Failure
	for _, volume := range slices.Sorted(maps.Keys(last)) {
		result = append(result, last[volume])
	}
	return result
}

// loadsOf are those that are asked for, whether there is a job already or not.
func loadsOf(wanted []nodev1.Load, jobs map[string]*admin.Job, failures map[string]string) []nodev1.LoadStatus {
	states := map[admin.Job_State]nodev1.LoadState{
		admin.Job_WAITING: nodev1.LoadWaiting, admin.Job_RUNNING: nodev1.LoadRunning, admin.Job_SUCCEEDED: nodev1.LoadSucceeded,
		admin.Job_FAILED: nodev1.LoadFailed, admin.Job_CANCELLED: nodev1.LoadCancelled,
	}
	var result []nodev1.LoadStatus
	for _, load := range wanted {
		job := jobs[load.ID]
		if job == nil {
			state := nodev1.LoadStatus{ID: load.ID, State: nodev1.LoadWaiting}
			if why, failed := failures[load.ID]; failed {
				state.State, state.Message = nodev1.LoadFailed, why
			}
			result = append(result, state)
			continue
		}
		result = append(result, nodev1.LoadStatus{
			ID: load.ID, State: states[job.State], Message: job.Message, Listed: job.Listed,
			FilesTotal: int64(job.FilesTotal), FilesDone: int64(job.FilesDone), FilesFailed: int64(job.FilesFailed),
			BytesTotal: int64(job.BytesTotal), BytesDone: int64(job.BytesDone), BytesFetched: int64(job.BytesFetched),
			BytesPerSecond: int64(job.BytesPerSecond),
		})
	}
	return result
}

// limit leaves out what is more than the object may hold.
func limit(status *nodev1.NodeCacheStatus) {
	var cut []string
	if n := len(status.Volumes); n > nodev1.VolumesMax {
		status.Volumes, cut = status.Volumes[:nodev1.VolumesMax], append(cut, fmt.Sprintf("%d volumes", n-nodev1.VolumesMax))
	}
	if n := len(status.Failures); n > nodev1.FailuresMax {
		status.Failures, cut = status.Failures[:nodev1.FailuresMax], append(cut, fmt.Sprintf("%d failures", n-nodev1.FailuresMax))
	}
	if n := len(status.Loads); n > nodev1.LoadsMax {
		status.Loads, cut = status.Loads[:nodev1.LoadsMax], append(cut, fmt.Sprintf("%d loads", n-nodev1.LoadsMax))
	}
	if len(cut) > 0 {
		setCondition(status, "Truncated", metav1.ConditionTrue, "TooMuch", "left out: "+strings.Join(cut, ", "))
	} else {
		setCondition(status, "Truncated", metav1.ConditionFalse, "Complete", "")
	}
}

// withoutCounters is what is worth a write at once.
func withoutCounters(status *nodev1.NodeCacheStatus) *nodev1.NodeCacheStatus {
	rest := status.DeepCopy()
	rest.Reported, rest.Used = nil, ""
	for i := range rest.Tiers {
		rest.Tiers[i].UsedBytes = 0
	}
	for i := range rest.Volumes {
		volume := &rest.Volumes[i]
		volume.CachedBytes, volume.Files, volume.Bytes, volume.HitBytes, volume.MissBytes = nil, 0, 0, 0, 0
	}
	for i := range rest.Loads {
		rest.Loads[i] = nodev1.LoadStatus{ID: rest.Loads[i].ID, State: rest.Loads[i].State, Message: rest.Loads[i].Message}
	}
	return rest
}
