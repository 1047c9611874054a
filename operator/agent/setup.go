package agent

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/sluice-cache/sluice/operator/api/admin"
	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/conflict"
)

// messageMax is for ListMounts with as many volumes as a daemon may have.
const messageMax = 16 << 20

// Dial the daemon's admin socket. It may not be there yet: each call waits a while.
func Dial(socket string) (admin.AdminClient, error) {
	connection, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageMax)))
	if err != nil {
		return nil, err
	}
	return admin.NewAdminClient(connection), nil
}

// Options of the manager that an agent runs in: of NodeCaches it knows its own only, and no port is opened.
func Options(node string) ctrl.Options {
	return ctrl.Options{
		Scheme:  scheme(),
		Metrics: metricsserver.Options{BindAddress: "0"}, // the daemon has metrics
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(), // thousands of VolumeParameters, on each node
			ByObject: map[client.Object]cache.ByObject{
				&nodev1.NodeCache{}: {Field: fields.OneTermEqualSelector("metadata.name", node)},
			},
		},
	}
}

func scheme() *runtime.Scheme {
	known := runtime.NewScheme()
	utilruntime.Must(nodev1.AddToScheme(known))
	return known
}

// Setup has the agent take its turns: at once, whenever something is asked for, and every askEvery.
func (a *Agent) Setup(manager ctrl.Manager) error {
	own := ctrl.Request{NamespacedName: types.NamespacedName{Name: a.Node}}
	toOwn := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []ctrl.Request { return []ctrl.Request{own} })
	begin := make(chan event.GenericEvent, 1)
	begin <- event.GenericEvent{Object: &nodev1.NodeCache{}}
	return ctrl.NewControllerManagedBy(manager).Named("agent").
		Watches(&nodev1.NodeCache{}, toOwn).
		Watches(&nodev1.CachePool{}, toOwn).
		Watches(&nodev1.VolumeParameters{}, toOwn).
		WatchesRawSource(source.Channel(begin, toOwn)).
		Complete(conflict.Quietly(a))
}
