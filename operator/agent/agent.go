// Package agent is the operator's side on each node: it runs beside the cache daemon, asks it over its admin socket how
// things are, says so in the node's NodeCache, and has the daemon do what the API asks for. It opens no port.
//
//	agent.go       one turn: ask, apply, report
//	report.go      the daemon's answers ─► NodeCacheStatus
//	loads.go       NodeCache.spec.loads ─► the daemon's prewarm jobs
//	pool.go        CachePool ─► the daemon's configuration
//	parameters.go  VolumeParameters ─► the daemon's volumes
//	delivery.go    which of them are due, and how far each volume is
//	setup.go       what is watched, and how the socket is dialled
//
// The daemon is the one that remembers: jobs, configuration and volumes outlive the agent, which may end at any time.
package agent

import (
	"context"
	"hash/fnv"
	"time"

	"google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-cache/sluice/operator/api/admin"
	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
)

// How often the daemon is asked, and the API server told. A report that differs in counters only is written every
// countersEvery, one that says nothing new every heartbeatEvery, each node at a moment of its own: a thousand nodes that
// begin to read at the same time are fifty writes a second.
const (
	askEvery       = 2 * time.Second
	countersEvery  = 20 * time.Second
	heartbeatEvery = 5 * time.Minute
	answerTimeout  = 10 * time.Second
)

// Agent of one node.
//
// Threads: Reconcile from one goroutine at a time.
type Agent struct {
	Node   string
	Pool   string
	Client client.Client
	Daemon admin.AdminClient
	Now    func() time.Time

	turned  time.Time // when the status was last written, or need not be
	applied applied
}

// Reconcile is one turn. It comes again by itself: the daemon does not say when something changes.
func (a *Agent) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	cache, err := a.own(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	seen, err := a.ask(ctx)
	before := cache.Status.DeepCopy()
	if err != nil {
		// What was true of volumes stays so: their data is there when the daemon is again.
		setCondition(&cache.Status, "Ready", metav1.ConditionFalse, "DaemonDoesNotAnswer", status.Convert(err).Message())
		return ctrl.Result{RequeueAfter: askEvery}, a.report(ctx, cache, before)
	}
	a.applied.forgetAfterRestart(seen.status, a.Now())
	failures := a.applyLoads(ctx, cache.Spec.Loads, seen)
	if err := a.applyParameters(ctx, before.Volumes); err != nil {
		return ctrl.Result{}, err
	}
	if err := a.applyPool(ctx, &cache.Status); err != nil {
		return ctrl.Result{}, err
	}
	describe(&cache.Status, cache.Spec.Loads, seen, failures, a.Now())
	a.applied.parameters.describe(cache.Status.Volumes)
	return ctrl.Result{RequeueAfter: askEvery}, a.report(ctx, cache, before)
}

// own is the node's NodeCache; it is made by the first agent of the node.
func (a *Agent) own(ctx context.Context) (*nodev1.NodeCache, error) {
	cache := &nodev1.NodeCache{}
	err := a.Client.Get(ctx, client.ObjectKey{Name: a.Node}, cache)
	if !apierrors.IsNotFound(err) {
		return cache, err
	}
	cache = &nodev1.NodeCache{ObjectMeta: metav1.ObjectMeta{Name: a.Node}}
	return cache, client.IgnoreAlreadyExists(a.Client.Create(ctx, cache))
}

// answers of the daemon, of one moment.
type answers struct {
	status *admin.Status
	mounts *admin.ListMountsResponse
	jobs   map[string]*admin.Job // by id
}

func (a *Agent) ask(ctx context.Context) (answers, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	var seen answers
	var err error
	if seen.status, err = a.Daemon.GetStatus(ctx, &admin.GetStatusRequest{}); err != nil {
		return seen, err
	}
	if seen.mounts, err = a.Daemon.ListMounts(ctx, &admin.ListMountsRequest{}); err != nil {
		return seen, err
	}
	jobs, err := a.Daemon.ListJobs(ctx, &admin.ListJobsRequest{})
	if err != nil {
		return seen, err
	}
	seen.jobs = map[string]*admin.Job{}
	for _, job := range jobs.Jobs {
		seen.jobs[job.Id] = job
	}
	return seen, nil
}

// report writes the status if it says something new, and it is time.
func (a *Agent) report(ctx context.Context, cache *nodev1.NodeCache, before *nodev1.NodeCacheStatus) error {
	now := a.Now()
	if a.isDue(before, &cache.Status, now) {
		at := metav1.NewTime(now)
		cache.Status.Reported = &at
		if err := a.Client.Status().Update(ctx, cache); err != nil {
			return err // it stays due
		}
	}
	a.turned = now
	return nil
}

func (a *Agent) isDue(before, after *nodev1.NodeCacheStatus, now time.Time) bool {
	switch {
	case !equality.Semantic.DeepEqual(withoutCounters(before), withoutCounters(after)):
		return true
	case equality.Semantic.DeepEqual(before, after):
		return a.passed(heartbeatEvery, now)
	}
	return anyRuns(after.Loads) || a.passed(countersEvery, now)
}

// passed says whether this node's moment, of which there is one in each `every`, was since the last turn.
func (a *Agent) passed(every time.Duration, now time.Time) bool {
	name := fnv.New64a()
	name.Write([]byte(a.Node))
	mine := time.Duration(name.Sum64() % uint64(every))
	return !now.Add(-mine).Truncate(every).Equal(a.turned.Add(-mine).Truncate(every))
}

func anyRuns(loads []nodev1.LoadStatus) bool {
	for _, load := range loads {
		if load.State == nodev1.LoadRunning {
			return true
		}
	}
	return false
}

func setCondition(status *nodev1.NodeCacheStatus, kind string, state metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{Type: kind, Status: state, Reason: reason, Message: message})
}
