package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-cache/sluice/operator/api/admin"
	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
)

// volumes is what the played daemon was told by SetVolume.
type volumes struct {
	told      []*admin.SetVolumeRequest
	refuses   map[string]error // by volume
	nextMount []string
	takes     func() // the time of a call
}

func (d *daemon) SetVolume(_ context.Context, request *admin.SetVolumeRequest) (*admin.SetVolumeResponse, error) {
	d.volumes.told = append(d.volumes.told, request)
	if d.volumes.takes != nil {
		d.volumes.takes()
	}
	return &admin.SetVolumeResponse{Unchanged: d.volumes.nextMount}, d.volumes.refuses[request.VolumeId]
}

// told is what the daemon was told since it was asked for last: "VOLUME SOURCE", of each call.
func (b *bench) told() (calls []string) {
	for _, request := range b.daemon.volumes.told {
		calls = append(calls, strings.TrimSpace(request.VolumeId+" "+request.Parameters["source"]))
	}
	b.daemon.volumes.told = nil
	return calls
}

// change writes VolumeParameters as the operator would: of a volume that has none yet, or in place of what is there.
func (b *bench) change(volume, source string, generation int64) {
	b.t.Helper()
	object := &nodev1.VolumeParameters{
		ObjectMeta: metav1.ObjectMeta{Name: volume, UID: types.UID("uid-of-" + volume), Generation: generation},
		Spec:       nodev1.VolumeParametersSpec{Parameters: map[string]string{"source": source}},
	}
	present := &nodev1.VolumeParameters{}
	err := b.Client.Get(b.t.Context(), client.ObjectKeyFromObject(object), present)
	if apierrors.IsNotFound(err) {
		err = b.Client.Create(b.t.Context(), object)
	} else if err == nil {
		object.ResourceVersion = present.ResourceVersion
		err = b.Client.Update(b.t.Context(), object)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) withdraw(volume string) {
	b.t.Helper()
	if err := b.Client.Delete(b.t.Context(), &nodev1.VolumeParameters{ObjectMeta: metav1.ObjectMeta{Name: volume}}); err != nil {
		b.t.Fatal(err)
	}
}

// mount has the daemon say that these volumes are mounted, and no others.
func (b *bench) mount(names ...string) {
	b.daemon.mounts.Mounts = nil
	for _, name := range names {
		b.daemon.mounts.Mounts = append(b.daemon.mounts.Mounts, &admin.Mount{VolumeId: name, CachedBytes: map[string]uint64{"ssd": 1}})
	}
}

func (b *bench) expectTold(when string, want ...string) {
	b.t.Helper()
	if got := b.told(); !slices.Equal(got, want) {
		b.t.Errorf("%s the daemon is told %q, not %q", when, got, want)
	}
}

func volumeOf(cache *nodev1.NodeCache, id string) nodev1.Volume {
	at := slices.IndexFunc(cache.Status.Volumes, func(volume nodev1.Volume) bool { return volume.ID == id })
	if at < 0 {
		return nodev1.Volume{}
	}
	return cache.Status.Volumes[at]
}

func TestEachChangeIsGivenOnce(t *testing.T) {
	b := newBench(t)
	b.mount("here")
	b.change("here", "s3://a", 1)
	b.change("elsewhere", "s3://b", 1)
	if got := volumeOf(b.turn(), "here"); got.ParametersGeneration != 1 || got.ParametersFailure != "" {
		t.Errorf("new: %+v", got)
	}
	b.expectTold("of new objects, whether mounted or not,", "elsewhere s3://b", "here s3://a")
	b.turn()
	b.expectTold("of nothing new")
	b.change("here", "s3://c", 2)
	if got := volumeOf(b.turn(), "here"); got.ParametersGeneration != 2 {
		t.Errorf("changed: %+v", got)
	}
	b.expectTold("of a change", "here s3://c")
	b.withdraw("here")
	if got := volumeOf(b.turn(), "here"); got.ParametersGeneration != 0 {
		t.Errorf("deleted: %+v", got)
	}
	b.expectTold("of an object that is gone", "here")
	b.turn()
	b.expectTold("of nothing new")
}

// Generation 1 of another object of the name is another one.
func TestAnObjectThatIsMadeAnewIsGiven(t *testing.T) {
	b := newBench(t)
	b.change("v", "s3://a", 1)
	b.turn()
	b.told()
	b.withdraw("v")
	object := &nodev1.VolumeParameters{ObjectMeta: metav1.ObjectMeta{Name: "v", UID: "another", Generation: 1},
		Spec: nodev1.VolumeParametersSpec{Parameters: map[string]string{"source": "s3://b"}}}
	if err := b.Client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	b.turn()
	b.expectTold("of the new object", "v s3://b")
}

func TestAllIsGivenAgainAfterARestart(t *testing.T) {
	b := newBench(t)
	b.mount("gone", "v")
	b.change("v", "s3://a", 3)
	b.change("gone", "s3://b", 1)
	b.turn()
	b.told()
	b.daemon.started = b.now
	b.turn()
	b.expectTold("after its restart", "gone s3://b", "v s3://a")

	b.Agent = &Agent{Node: b.Node, Pool: b.Pool, Client: b.Client, Daemon: b.Daemon, Now: b.Now}
	b.withdraw("gone")
	b.daemon.volumes.refuses = map[string]error{"v": status.Error(codes.Unavailable, "no route")}
	if got := volumeOf(b.turn(), "v"); got.ParametersGeneration != 3 {
		t.Errorf("what is in force already is, after a restart of the agent: %+v", got)
	}
	b.expectTold("by another agent, which did not see the deletion,", "gone", "v s3://a")
}

// A source that is away for hours is not asked every two seconds, and a change of the object is tried at once.
func TestAFailureIsReportedAndTriedAgain(t *testing.T) {
	b := newBench(t)
	b.mount("v")
	b.change("v", "s3://a", 1)
	b.turn()
	b.told()
	b.daemon.volumes.refuses = map[string]error{"v": status.Error(codes.NotFound, "no such bucket: b")}
	b.change("v", "s3://b", 2)
	if got := volumeOf(b.turn(), "v"); got.ParametersGeneration != 1 || got.ParametersFailure != "no such bucket: b" {
		t.Errorf("refused: %+v", got)
	}
	b.expectTold("of the change", "v s3://b")
	first := b.now
	var attempts []time.Duration
	for b.now.Sub(first) < 20*time.Minute {
		b.turn()
		if len(b.told()) > 0 {
			attempts = append(attempts, b.now.Sub(first))
		}
	}
	if want := []time.Duration{2, 6, 14, 30, 62, 126, 254, 510, 810, 1110}; !slices.EqualFunc(attempts, want, func(x, y time.Duration) bool { return x == y*time.Second }) {
		t.Errorf("it is tried again after %v", attempts)
	}
	b.change("v", "s3://c", 3)
	b.turn()
	b.expectTold("of a change while the last one waits", "v s3://c")
	b.daemon.volumes.refuses = nil
	if got := volumeOf(b.turn(), "v"); got.ParametersGeneration != 3 || got.ParametersFailure != "" {
		t.Errorf("two seconds later it is taken: %+v", got)
	}
}

func TestAFailuresTextIsBounded(t *testing.T) {
	b := newBench(t)
	b.mount("v")
	b.change("v", "s3://a", 1)
	b.daemon.volumes.refuses = map[string]error{"v": status.Error(codes.Internal, strings.Repeat("ä", 10_000))}
	if got := volumeOf(b.turn(), "v").ParametersFailure; len(got) > failureMax+len("…") || !strings.HasSuffix(got, "ä…") {
		t.Errorf("the text is %d bytes long and ends with %q", len(got), got[max(0, len(got)-8):])
	}
}

func TestATurnGivesSoManyAtMost(t *testing.T) {
	b := newBench(t)
	for i := range 2*deliveriesMax + 1 {
		b.change(fmt.Sprintf("v%04d", i), "s3://a", 1)
	}
	seen := map[string]bool{}
	for _, want := range []int{deliveriesMax, deliveriesMax, 1, 0} {
		b.turn()
		calls := b.told()
		for _, call := range calls {
			seen[call] = true
		}
		if len(calls) != want {
			t.Errorf("a turn gives %d, not %d", len(calls), want)
		}
	}
	if len(seen) != 2*deliveriesMax+1 {
		t.Errorf("%d of %d are given", len(seen), 2*deliveriesMax+1)
	}
}

// Sources that take their time until they fail hold up neither the turn nor the volumes whose names come later.
func TestSlowSourcesLetOthersThrough(t *testing.T) {
	b := newBench(t)
	b.daemon.volumes.refuses = map[string]error{}
	for i := range 100 {
		name := fmt.Sprintf("dead%03d", i)
		b.change(name, "s3://a", 1)
		b.daemon.volumes.refuses[name] = status.Error(codes.Unavailable, "no route")
	}
	b.change("lively", "s3://b", 1)
	b.daemon.volumes.takes = func() { b.now = b.now.Add(deliveriesTime / 2) }
	for range 51 {
		before := b.now
		b.turn()
		if took := b.now.Sub(before); took > deliveriesTime+askEvery {
			t.Fatalf("a turn took %s", took)
		}
	}
	if !slices.Contains(b.told(), "lively s3://b") {
		t.Error("the last volume was not given in 51 turns of two")
	}
}

func TestWhatWaitsForTheNextMountIsSaid(t *testing.T) {
	b := newBench(t)
	b.mount("v")
	b.daemon.volumes.nextMount = []string{"blockSize"}
	b.change("v", "s3://a", 1)
	if got := volumeOf(b.turn(), "v"); got.ParametersGeneration != 1 || !slices.Equal(got.ParametersNextMount, []string{"blockSize"}) {
		t.Errorf("mounted: %+v", got)
	}
	b.mount()
	b.turn()
	b.mount("v")
	if got := volumeOf(b.turn(), "v"); !got.Mounted || got.ParametersNextMount != nil {
		t.Errorf("mounted anew: %+v", got)
	}
}

// A mount that came and went between two turns is not seen; what has come into force with it shows all the same.
func TestWhatWaitsForTheNextMountIsAskedForAgain(t *testing.T) {
	b := newBench(t)
	b.mount("v")
	b.daemon.volumes.nextMount = []string{"blockSize"}
	b.change("v", "s3://a", 1)
	b.turn()
	b.daemon.volumes.nextMount = nil
	b.now = b.now.Add(retryMax)
	if got := volumeOf(b.turn(), "v"); got.ParametersGeneration != 1 || got.ParametersNextMount != nil {
		t.Errorf("five minutes later: %+v", got)
	}
}
