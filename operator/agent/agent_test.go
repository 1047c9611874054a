package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sluice-cache/sluice/operator/api/admin"
	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
)

// daemon plays the cache daemon: what the real one cannot do on command.
type daemon struct {
	admin.UnimplementedAdminServer
	tiers    []*admin.Tier
	mounts   *admin.ListMountsResponse
	jobs     map[string]*admin.Job
	refuses  error  // StartPrewarm
	gone     bool   // answers nothing
	config   string // what was set last
	forgot   []string
	statuses int
	now      func() time.Time
	started  time.Time
	volumes  volumes
}

func (d *daemon) GetStatus(context.Context, *admin.GetStatusRequest) (*admin.Status, error) {
	if d.gone {
		return nil, status.Error(codes.Unavailable, "no daemon")
	}
	d.statuses++
	return &admin.Status{Version: "1", Tiers: d.tiers, UptimeSeconds: d.now().Sub(d.started).Seconds()}, nil
}

func (d *daemon) ListMounts(context.Context, *admin.ListMountsRequest) (*admin.ListMountsResponse, error) {
	return d.mounts, nil
}

func (d *daemon) ListJobs(context.Context, *admin.ListJobsRequest) (*admin.ListJobsResponse, error) {
	response := &admin.ListJobsResponse{}
	for _, job := range d.jobs {
		response.Jobs = append(response.Jobs, proto.Clone(job).(*admin.Job))
	}
	return response, nil
}

func (d *daemon) StartPrewarm(_ context.Context, request *admin.StartPrewarmRequest) (*admin.Job, error) {
	if d.refuses != nil {
		return nil, d.refuses
	}
	d.jobs[request.Id] = &admin.Job{Id: request.Id, Request: request, State: admin.Job_WAITING}
	return d.jobs[request.Id], nil
}

func (d *daemon) SetJobLimit(_ context.Context, request *admin.SetJobLimitRequest) (*admin.Job, error) {
	d.jobs[request.Id].Request.LimitBytesPerSecond = request.LimitBytesPerSecond
	return d.jobs[request.Id], nil
}

func (d *daemon) CancelJob(_ context.Context, request *admin.JobRequest) (*admin.Job, error) {
	d.jobs[request.Id].State = admin.Job_CANCELLED
	return d.jobs[request.Id], nil
}

func (d *daemon) ForgetJob(_ context.Context, request *admin.JobRequest) (*admin.Job, error) {
	job := d.jobs[request.Id]
	delete(d.jobs, request.Id)
	d.forgot = append(d.forgot, request.Id)
	return job, nil
}

func (d *daemon) SetConfig(_ context.Context, request *admin.SetConfigRequest) (*admin.Config, error) {
	if strings.Contains(request.Yaml, "hdd") {
		return nil, status.Error(codes.FailedPrecondition, "the pool has no hdd tier")
	}
	d.config = request.Yaml
	return &admin.Config{}, nil
}

func (d *daemon) SetThrottle(_ context.Context, request *admin.SetThrottleRequest) (*admin.Throttle, error) {
	return request.Throttle, nil
}

// bench is an agent between a played daemon and a played API server, with a clock that the test moves.
type bench struct {
	*Agent
	daemon *daemon
	now    time.Time
	busy   error // what the API server answers to a status
	t      *testing.T
}

func newBench(t *testing.T, objects ...client.Object) *bench {
	t.Helper()
	played := &daemon{mounts: &admin.ListMountsResponse{}, jobs: map[string]*admin.Job{}, tiers: []*admin.Tier{{Medium: "ssd", QuotaBytes: 100, UsedBytes: 10, InService: true}}}
	listener := bufconn.Listen(1 << 16)
	server := grpc.NewServer()
	admin.RegisterAdminServer(server, played)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	connection, err := grpc.NewClient("passthrough:daemon", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := nodev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	b := &bench{daemon: played, now: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), t: t}
	api := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(&nodev1.NodeCache{}).
		WithInterceptorFuncs(interceptor.Funcs{SubResourceUpdate: b.update}).Build()
	played.now, played.started = func() time.Time { return b.now }, b.now.Add(-time.Hour)
	b.Agent = &Agent{Node: "node1", Pool: "default", Client: api, Daemon: admin.NewAdminClient(connection), Now: func() time.Time { return b.now }}
	return b
}

func (b *bench) update(ctx context.Context, api client.Client, name string, object client.Object, options ...client.SubResourceUpdateOption) error {
	if b.busy != nil {
		return b.busy
	}
	return api.SubResource(name).Update(ctx, object, options...)
}

func (b *bench) turn() *nodev1.NodeCache {
	b.t.Helper()
	b.now = b.now.Add(askEvery)
	if _, err := b.Reconcile(b.t.Context(), ctrl.Request{}); err != nil {
		b.t.Fatal(err)
	}
	return b.cache()
}

func (b *bench) cache() *nodev1.NodeCache {
	b.t.Helper()
	cache := &nodev1.NodeCache{}
	if err := b.Client.Get(b.t.Context(), client.ObjectKey{Name: "node1"}, cache); err != nil {
		b.t.Fatal(err)
	}
	return cache
}

func (b *bench) ask(loads ...nodev1.Load) {
	b.t.Helper()
	cache := b.cache()
	cache.Spec.Loads = loads
	if err := b.Client.Update(b.t.Context(), cache); err != nil {
		b.t.Fatal(err)
	}
}

func TestALoadsLife(t *testing.T) {
	b := newBench(t)
	b.daemon.jobs["j1"] = &admin.Job{Id: "j1", Request: &admin.StartPrewarmRequest{}, State: admin.Job_RUNNING} // an administrator's
	b.turn()
	load := nodev1.Load{ID: nodev1.LoadPrefix + "a-1", Volume: "v", Paths: []string{"/model/"}, BytesPerSecond: 10}
	b.ask(load)
	if got := b.turn().Status.Loads; len(got) != 1 || got[0].State != nodev1.LoadWaiting {
		t.Fatalf("asked for: %+v", got)
	}
	job := b.daemon.jobs[load.ID]
	if job.Request.Dataset != "v" || !slices.Equal(job.Request.Patterns, []string{"model"}) || job.Request.LimitBytesPerSecond != 10 {
		t.Errorf("the daemon was asked for %v", job.Request)
	}
	job.State, job.BytesDone = admin.Job_RUNNING, 5
	load.BytesPerSecond = 20
	b.ask(load)
	if got := b.turn().Status.Loads[0]; got.State != nodev1.LoadRunning || got.BytesDone != 5 || job.Request.LimitBytesPerSecond != 20 {
		t.Errorf("under way: %+v, limit %d", got, job.Request.LimitBytesPerSecond)
	}
	b.ask()
	b.turn()
	if job.State != admin.Job_CANCELLED {
		t.Errorf("asked for no more, it is %s", job.State)
	}
	b.turn()
	if !slices.Equal(b.daemon.forgot, []string{load.ID}) || b.daemon.jobs["j1"].State != admin.Job_RUNNING {
		t.Errorf("forgotten are %v; the administrator's is %s", b.daemon.forgot, b.daemon.jobs["j1"].State)
	}
}

func TestWhatIsRefusedAndWhatMayWorkLater(t *testing.T) {
	b := newBench(t)
	b.turn()
	b.ask(nodev1.Load{ID: nodev1.LoadPrefix + "a-1", Volume: "v"})
	b.daemon.refuses = status.Error(codes.ResourceExhausted, "128 jobs have not ended")
	if got := b.turn().Status.Loads[0]; got.State != nodev1.LoadWaiting {
		t.Errorf("at a limit: %+v", got)
	}
	b.daemon.refuses = status.Error(codes.InvalidArgument, "a pattern is wrong")
	if got := b.turn().Status.Loads[0]; got.State != nodev1.LoadFailed || got.Message != "a pattern is wrong" {
		t.Errorf("refused: %+v", got)
	}
	b.daemon.refuses = nil
	if got := b.turn().Status.Loads[0]; got.State != nodev1.LoadWaiting {
		t.Errorf("once it is taken: %+v", got)
	}
}

func TestReadiness(t *testing.T) {
	b := newBench(t)
	ready := func(cache *nodev1.NodeCache) *metav1.Condition {
		return meta.FindStatusCondition(cache.Status.Conditions, "Ready")
	}
	if got := ready(b.turn()); got.Status != "True" {
		t.Errorf("in order: %+v", got)
	}
	b.daemon.tiers[0].InService, b.daemon.tiers[0].Failure = false, "Input/output error"
	if got := ready(b.turn()); got.Status != "False" || got.Message != "ssd: Input/output error" {
		t.Errorf("with a broken tier: %+v", got)
	}
	b.daemon.gone = true
	if got := ready(b.turn()); got.Reason != "DaemonDoesNotAnswer" || got.Message != "no daemon" {
		t.Errorf("without a daemon: %+v", got)
	}
}

// A thousand nodes must not write all the time: counters have one moment in countersEvery, silence ends every
// heartbeatEvery.
func TestWritesAreFew(t *testing.T) {
	b := newBench(t)
	writes := func(during time.Duration, change func()) (count int) {
		version := b.turn().ResourceVersion
		for end := b.now.Add(during); b.now.Before(end); {
			change()
			if now := b.turn().ResourceVersion; now != version {
				version = now
				count++
			}
		}
		return count
	}
	if got := writes(10*countersEvery, func() { b.daemon.tiers[0].UsedBytes++ }); got < 10 || got > 11 {
		t.Errorf("counters were written %d times in ten times %s", got, countersEvery)
	}
	if got := writes(10*heartbeatEvery, func() {}); got < 10 || got > 11 {
		t.Errorf("nothing new was said %d times in ten times %s", got, heartbeatEvery)
	}
	b.daemon.tiers[0].UsedBytes++
	b.busy = errors.New("the API server is busy")
	for range countersEvery / askEvery {
		b.now = b.now.Add(askEvery)
		_, _ = b.Reconcile(t.Context(), ctrl.Request{})
	}
	b.busy = nil
	if version := b.cache().ResourceVersion; b.turn().ResourceVersion == version {
		t.Error("a report that failed is not written with the next turn")
	}
}

// What begins on all nodes at the same time, as a training job does, must not be said by all at the same time.
func TestNodesReportAtMomentsOfTheirOwn(t *testing.T) {
	const nodes = 1000
	begin := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	var due [countersEvery / askEvery]int
	for i := range nodes {
		one := Agent{Node: fmt.Sprintf("node-%d", i), turned: begin}
		for turn := range due {
			now := one.turned.Add(askEvery)
			if one.passed(countersEvery, now) {
				due[turn]++
			}
			one.turned = now
		}
	}
	for turn, count := range due {
		if even := nodes / len(due); count < even/2 || count > even*2 {
			t.Errorf("turn %d: %d of %d nodes report, evenly it were %d", turn, count, nodes, even)
		}
	}
}

func TestAVolumeThatIsUnmountedIsRemembered(t *testing.T) {
	b := newBench(t)
	b.daemon.mounts.Mounts = []*admin.Mount{{VolumeId: "full", CachedBytes: map[string]uint64{"ssd": 7}}, {VolumeId: "empty"}}
	b.turn()
	b.daemon.mounts.Mounts = nil
	if got := b.turn().Status.Volumes; len(got) != 1 || got[0].ID != "full" || got[0].Mounted || got[0].Cached() != 7 {
		t.Errorf("unmounted: %+v", got)
	}
	b.now = b.now.Add(forgetAfter)
	if got := b.turn().Status.Volumes; len(got) != 0 {
		t.Errorf("a day later: %+v", got)
	}
}

func TestPool(t *testing.T) {
	high := int32(80)
	b := newBench(t, &nodev1.CachePool{ObjectMeta: metav1.ObjectMeta{Name: "default", Generation: 3}, Spec: nodev1.CachePoolSpec{
		Tiers: []nodev1.PoolTier{{Medium: "ssd", Quota: "300Gi", HighWatermark: &high}}, Policy: "lru",
	}})
	cache := b.turn()
	if want := "policy: lru\ntiers:\n- highWatermark: 80%\n  medium: ssd\n  quota: 300GiB\n"; b.daemon.config != want {
		t.Errorf("the daemon was told %q, not %q", b.daemon.config, want)
	}
	if cache.Status.Pool.Generation != 3 || !meta.IsStatusConditionTrue(cache.Status.Conditions, "Configured") {
		t.Errorf("the status is %+v", cache.Status)
	}
	pool := &nodev1.CachePool{}
	if err := b.Client.Get(t.Context(), client.ObjectKey{Name: "default"}, pool); err != nil {
		t.Fatal(err)
	}
	pool.Spec.Tiers[0].Medium, pool.Generation = "hdd", 4
	if err := b.Client.Update(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	if got := meta.FindStatusCondition(b.turn().Status.Conditions, "Configured"); got.Status != "False" || got.Message != "the pool has no hdd tier" {
		t.Errorf("refused: %+v", got)
	}
}
