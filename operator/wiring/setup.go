// Package wiring puts the operator together: schemes, caches, controllers, webhooks. The program and the tests run the same.
package wiring

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	webhookadmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/sluice-cache/sluice/operator/admission"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/cachepool"
	"github.com/sluice-cache/sluice/operator/certificate"
	"github.com/sluice-cache/sluice/operator/conversion"
	"github.com/sluice-cache/sluice/operator/dataload"
	"github.com/sluice-cache/sluice/operator/dataset"
	"github.com/sluice-cache/sluice/operator/metrics"
	"github.com/sluice-cache/sluice/operator/nodecache"
	"github.com/sluice-cache/sluice/operator/nodes"
	"github.com/sluice-cache/sluice/operator/policy"
	"github.com/sluice-cache/sluice/operator/runtimes"
)

// Names in deploy/, which the operator is allowed to change.
const webhookConfiguration = "sluice-operator"

var convertedKinds = []string{"datasets", "dataloads", "cacheruntimes", "cacheruntimeclasses", "thinruntimes", "thinruntimeprofiles",
	"alluxioruntimes", "juicefsruntimes", "jindoruntimes"}

// OwnedCRDs are those that must be ours.
func OwnedCRDs() (names []string) {
	for _, kind := range convertedKinds {
		names = append(names, kind+".data.fluid.io")
	}
	return names
}

// Trust is everything that has the webhooks' authority in it.
func Trust(direct client.Client) certificate.Trust {
	return certificate.Trust{
		Client: direct, Validating: []string{webhookConfiguration}, Mutating: []string{webhookConfiguration}, Converted: OwnedCRDs(),
	}
}

// Settings of the controllers.
type Settings struct {
	Image  string // of this program, for the pods of DataLoads
	Policy policy.Policy
	Now    func() time.Time
}

// Setup has the manager run all controllers and answer all webhooks.
func Setup(ctx context.Context, m ctrl.Manager, settings Settings) error {
	feed := &nodes.Feed{Index: nodes.NewIndex(settings.Now)}
	if err := feed.Watch(ctx, m.GetCache()); err != nil {
		return err
	}
	shown, err := metrics.New(ctrlmetrics.Registry, feed.Index)
	if err != nil {
		return err
	}
	if err := setupControllers(m, settings, feed, shown); err != nil {
		return err
	}
	if err := watchPhases(ctx, m, shown); err != nil {
		return err
	}
	return setupWebhooks(m, settings.Policy, feed, shown)
}

func watchPhases(ctx context.Context, m ctrl.Manager, shown *metrics.Metrics) error {
	type counted struct {
		object client.Object
		phase  func(client.Object) string
	}
	kinds := []counted{
		{&v1alpha2.Dataset{}, func(object client.Object) string { return string(object.(*v1alpha2.Dataset).Status.Phase) }},
		{&v1alpha2.DataLoad{}, func(object client.Object) string { return string(object.(*v1alpha2.DataLoad).Status.Phase) }},
	}
	for _, runtime := range runtimes.Objects() {
		kinds = append(kinds, counted{runtime, runtimes.Phase})
	}
	for _, kind := range kinds {
		name, err := apiutil.GVKForObject(kind.object, m.GetScheme())
		if err != nil {
			return err
		}
		if err := shown.WatchPhases(ctx, m.GetCache(), name.Kind, kind.object, kind.phase); err != nil {
			return err
		}
	}
	return nil
}

func setupControllers(m ctrl.Manager, settings Settings, feed *nodes.Feed, shown *metrics.Metrics) error {
	caller := m.GetClient()
	datasets := &dataset.Reconciler{
		Client: caller, Live: m.GetAPIReader(), Nodes: feed.Index, Policy: settings.Policy,
		Events: m.GetEventRecorder("sluice-dataset"), Now: settings.Now, Delayed: shown.CountDelayed,
	}
	if err := datasets.Setup(m, feed.Source(datasets.OfReport)); err != nil {
		return err
	}
	loads := &dataload.Reconciler{
		Client: caller, Nodes: feed.Index, Events: m.GetEventRecorder("sluice-dataload"), Now: settings.Now,
		Image: settings.Image, Command: []string{"/opt/sluice/bin/sluice-operator", "hold"}, Runtime: runtimes.Of(caller),
	}
	if err := loads.Setup(m, feed.Source(func(ctx context.Context, change nodes.Change) []ctrl.Request {
		return loads.OfReport(ctx, change.Cache)
	})); err != nil {
		return err
	}
	if err := (&nodecache.Reconciler{Client: caller}).Setup(m); err != nil {
		return err
	}
	pools := &cachepool.Reconciler{Client: caller, Nodes: feed.Index}
	if err := pools.Setup(m, feed.Source(cachepool.OfReport)); err != nil {
		return err
	}
	return runtimes.Setup(m)
}

func setupWebhooks(m ctrl.Manager, allowed policy.Policy, feed *nodes.Feed, shown *metrics.Metrics) error {
	server := m.GetWebhookServer()
	server.Register("/pods", &webhook.Admission{Handler: &admission.Pods{Client: m.GetClient(), Nodes: feed.Index}})
	server.Register("/objects", &webhook.Admission{Handler: &admission.Objects{
		Client: m.GetClient(), Policy: allowed, Decoder: webhookadmission.NewDecoder(m.GetScheme()), Refused: shown.CountRefused,
	}})
	handler, err := conversion.Webhook(m.GetScheme())
	if err != nil {
		return err
	}
	server.Register("/convert", handler)
	return nil
}
