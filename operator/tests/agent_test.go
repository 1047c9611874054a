package tests

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-cache/sluice/operator/agent"
	"github.com/sluice-cache/sluice/operator/api/admin"
	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/volume"
)

// daemon plays a node's cache daemon, which has one volume mounted.
type daemon struct {
	admin.UnimplementedAdminServer
	mounted string

	mutex   sync.Mutex
	started time.Time
	given   map[string]string // the volume's parameters that SetVolume gave; nil: it never did
	refuses error             // SetVolume
}

func (d *daemon) GetStatus(context.Context, *admin.GetStatusRequest) (*admin.Status, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return &admin.Status{Version: "1", UptimeSeconds: time.Since(d.started).Seconds()}, nil
}

func (d *daemon) ListMounts(context.Context, *admin.ListMountsRequest) (*admin.ListMountsResponse, error) {
	return &admin.ListMountsResponse{Mounts: []*admin.Mount{{VolumeId: d.mounted}}}, nil
}

func (d *daemon) ListJobs(context.Context, *admin.ListJobsRequest) (*admin.ListJobsResponse, error) {
	return &admin.ListJobsResponse{}, nil
}

func (d *daemon) SetVolume(_ context.Context, request *admin.SetVolumeRequest) (*admin.SetVolumeResponse, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if request.VolumeId != d.mounted {
		return &admin.SetVolumeResponse{}, nil // another test's
	}
	if d.refuses != nil {
		return nil, d.refuses
	}
	d.given = map[string]string{}
	for key, value := range request.Parameters {
		d.given[key] = value
	}
	return &admin.SetVolumeResponse{Mounted: true}, nil
}

func (d *daemon) refuse(err error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.refuses = err
}

// restart: it knows nothing any more.
func (d *daemon) restart() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.started, d.given = time.Now(), nil
}

func (d *daemon) expect(t *testing.T, source string) {
	t.Helper()
	must(t, until(limit, func() error {
		d.mutex.Lock()
		defer d.mutex.Unlock()
		if d.given == nil || d.given["source"] != source {
			return fmt.Errorf("the daemon was given %v, not the source '%s'", d.given, source)
		}
		return nil
	}))
}

// serve has a played daemon and the agent, with the rights that the chart gives it, on a node of that name.
func serve(t *testing.T, name, handle string) *daemon {
	t.Helper()
	machine := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	must(t, create(t.Context(), machine))
	t.Cleanup(func() { _ = api.Delete(context.Background(), machine) })
	played := &daemon{mounted: handle, started: time.Now()}
	socket := filepath.Join(t.TempDir(), "admin.sock")
	listener, err := net.Listen("unix", socket)
	must(t, err)
	server := grpc.NewServer()
	admin.RegisterAdminServer(server, played)
	go server.Serve(listener)
	t.Cleanup(server.Stop)

	options := agent.Options(name)
	options.Controller.SkipNameValidation = ptr.To(true) // each test has its own
	manager, err := ctrl.NewManager(as(agentAccount, administrator), options)
	must(t, err)
	asked, err := agent.Dial(socket)
	must(t, err)
	must(t, (&agent.Agent{Node: name, Pool: "default", Client: manager.GetClient(), Daemon: asked, Now: time.Now}).Setup(manager))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return played
}

// From an edit to the daemon, and back to what `kubectl describe` shows.
func TestAChangeReachesMountedVolumes(t *testing.T) {
	given := bound(t, dataset(namespace(t, "reached"), "demo", v1alpha1.Mount{MountPoint: "s3://one", Path: "/"}))
	played := serve(t, "reached-1", volume.Handle(given))
	awaitApplied(t, given, "True", "Unchanged", "")

	played.refuse(status.Error(codes.NotFound, "no such bucket: two"))
	edit(t, given, func(d *v1alpha2.Dataset) { d.Spec.Mounts[0].MountPoint = "s3://two" })
	awaitApplied(t, given, "False", "NodesFail", "in force on 0 of 1 nodes; node reached-1: no such bucket: two")
	if given.Status.Phase != v1alpha1.DatasetPhaseBound {
		t.Errorf("pods read what was mounted before, and the phase is %s", given.Status.Phase)
	}

	played.refuse(nil)
	awaitApplied(t, given, "True", "InForce", "in force on 1 of 1 nodes")
	played.expect(t, "s3://two")
	fluid := &v1alpha1.Dataset{}
	must(t, api.Get(t.Context(), client.ObjectKeyFromObject(given), fluid))
	if !strings.Contains(fmt.Sprint(fluid.Status.Conditions), "in force on 1 of 1 nodes") {
		t.Errorf("v1alpha1 shows %v", fluid.Status.Conditions)
	}

	played.restart()
	played.expect(t, "s3://two")
}

// VolumeParameters that somebody deletes are written anew.
func TestAChangeThatIsDeletedComesBack(t *testing.T) {
	given := bound(t, dataset(namespace(t, "rewritten"), "demo", v1alpha1.Mount{MountPoint: "s3://one", Path: "/"}))
	edit(t, given, func(d *v1alpha2.Dataset) { d.Spec.Mounts[0].MountPoint = "s3://two" })
	change := &nodev1.VolumeParameters{}
	there := func() error { return api.Get(t.Context(), client.ObjectKey{Name: volume.Handle(given)}, change) }
	must(t, until(limit, there))
	must(t, api.Delete(t.Context(), change))
	must(t, until(limit, there))
}

// A volume whose Dataset is gone is given no parameters any more.
func TestWhatIsDeletedIsWithdrawnFromNodes(t *testing.T) {
	given := bound(t, dataset(namespace(t, "withdrawn"), "demo", v1alpha1.Mount{MountPoint: "s3://one", Path: "/"}))
	played := serve(t, "withdrawn-1", volume.Handle(given))
	edit(t, given, func(d *v1alpha2.Dataset) { d.Spec.Mounts[0].MountPoint = "s3://two" })
	played.expect(t, "s3://two")
	claim, persistent := volumeOf(t, given)
	must(t, api.Delete(t.Context(), given))
	must(t, client.IgnoreNotFound(api.Delete(t.Context(), claim)))
	persistent.Status.Phase = corev1.VolumeReleased
	must(t, api.Status().Update(t.Context(), persistent))
	played.expect(t, "")
}

func awaitApplied(t *testing.T, given *v1alpha2.Dataset, state metav1.ConditionStatus, reason, message string) {
	t.Helper()
	awaitDataset(t, given, func(d *v1alpha2.Dataset) string {
		condition := meta.FindStatusCondition(d.Status.Conditions, v1alpha2.ConditionApplied)
		if condition == nil || condition.Status != state || condition.Reason != reason || !strings.Contains(condition.Message, message) ||
			condition.ObservedGeneration != d.Generation {
			return fmt.Sprintf("not %s %s: %+v", reason, message, condition)
		}
		return ""
	})
}
