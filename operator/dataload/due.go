package dataload

import (
	"time"

	"github.com/robfig/cron/v3"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

// Sources are looked at this often under OnEvent, unless it says otherwise, and never more often than sourceEveryMin.
const (
	sourceEveryDefault = 5 * time.Minute
	sourceEveryMin     = time.Minute
)

// schedules are standard cron expressions of five fields, and @hourly and the like, in UTC unless they begin with CRON_TZ=.
var schedules = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

func policyOf(load *v1alpha2.DataLoad) v1alpha1.Policy {
	if load.Spec.Policy == "" {
		return v1alpha1.Once
	}
	return load.Spec.Policy
}

// isDue says whether a run is to begin now, and else when to ask again; 0: when something changes. A run that is under
// way is never overtaken: what was due meanwhile is one run after it.
func isDue(load *v1alpha2.DataLoad, dataset *v1alpha2.Dataset, now time.Time) (due bool, next time.Duration) {
	first := load.Status.Run == 0
	switch policyOf(load) {
	case v1alpha1.Cron:
		schedule, err := schedules.Parse(load.Spec.Schedule)
		if err != nil { // Validate has said so
			return false, 0
		}
		at := schedule.Next(lastDue(load).UTC())
		if at.After(now) {
			return false, at.Sub(now)
		}
		return true, 0
	case v1alpha1.OnEvent:
		if first {
			return true, 0
		}
		return eventDue(load, dataset, now)
	default:
		return first, 0
	}
}

// lastDue is when the last run was due; a load that was never run begins to count when it was made.
func lastDue(load *v1alpha2.DataLoad) time.Time {
	if load.Status.LastScheduleTime != nil {
		return load.Status.LastScheduleTime.Time
	}
	return load.CreationTimestamp.Time
}

func eventDue(load *v1alpha2.DataLoad, dataset *v1alpha2.Dataset, now time.Time) (due bool, next time.Duration) {
	watched := load.Spec.OnEvent
	if watched == nil || watched.DatasetChanged {
		if dataset.Generation != 0 && dataset.Generation != load.Status.DatasetGeneration {
			return true, 0
		}
	}
	every := sourceEveryDefault
	if watched != nil {
		every, _ = watched.SourceEvery.Duration() // what is none is refused before
	}
	if every <= 0 || load.Status.Finished == nil {
		return false, 0
	}
	left := load.Status.Finished.Add(max(every, sourceEveryMin)).Sub(now)
	return left <= 0, max(left, 0)
}
