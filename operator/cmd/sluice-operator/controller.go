package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/sluice-cache/sluice/operator/certificate"
	"github.com/sluice-cache/sluice/operator/metrics"
	"github.com/sluice-cache/sluice/operator/ownership"
	"github.com/sluice-cache/sluice/operator/policy"
	"github.com/sluice-cache/sluice/operator/wiring"
)

// controllerFlags are what the chart sets.
type controllerFlags struct {
	namespace, service, policyFile, image, metrics, health, profiles, certificateSecret string
	webhookPort                                                                         int
	logging                                                                             zap.Options
}

func parseControllerFlags(arguments []string) (controllerFlags, error) {
	var f controllerFlags
	flags := flag.NewFlagSet("controller", flag.ExitOnError)
	flags.StringVar(&f.namespace, "namespace", "sluice-system", "the operator's own namespace: its Secret and its lease are there")
	flags.StringVar(&f.service, "service", "sluice-operator", "the Service that the API server calls the webhooks by")
	flags.StringVar(&f.certificateSecret, "certificate-secret", "sluice-operator-certificate", "the Secret for the webhooks' certificate, which the operator makes")
	flags.StringVar(&f.policyFile, "policy", "", "a file with what Datasets may be (docs/policy.md); absent: every network source, no directory of a node")
	flags.StringVar(&f.image, "image", "", "the image of this program, for the pods of DataLoads (required)")
	flags.StringVar(&f.metrics, "metrics", ":8080", "where metrics are served; 0: nowhere")
	flags.StringVar(&f.health, "health", ":8081", "where /healthz and /readyz are served")
	flags.StringVar(&f.profiles, "profiles", "0", "where profiles for go tool pprof are served, such as 127.0.0.1:6060: who can ask sees names of objects; 0: nowhere")
	flags.IntVar(&f.webhookPort, "webhook-port", 9443, "where the API server calls")
	f.logging.BindFlags(flags)
	if err := flags.Parse(arguments); err != nil {
		return f, err
	}
	if f.image == "" {
		return f, fmt.Errorf("--image is missing; it is this program's own image")
	}
	return f, nil
}

func runController(arguments []string) error {
	flags, err := parseControllerFlags(arguments)
	if err != nil {
		return err
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&flags.logging)))
	collectSooner()
	allowed, err := policy.Load(flags.policyFile)
	if err != nil {
		return fmt.Errorf("--policy: %w", err)
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	scheme := wiring.Scheme()
	direct, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	if err := ownership.Check(ctx, direct, wiring.OwnedCRDs()); err != nil {
		return err
	}
	keeper := &certificate.Keeper{
		Client: direct, Secret: client.ObjectKey{Namespace: flags.namespace, Name: flags.certificateSecret},
		Hosts: []string{fmt.Sprintf("%s.%s.svc", flags.service, flags.namespace)}, Trust: wiring.Trust(direct), Now: time.Now,
	}
	if err := keeper.Refresh(ctx); err != nil { // webhooks convert what the caches are about to read
		return fmt.Errorf("the webhooks' certificate: %w", err)
	}
	operator, err := newManager(config, scheme, flags, keeper)
	if err != nil {
		return err
	}
	if err := wiring.Setup(ctx, operator, wiring.Settings{Image: flags.image, Policy: allowed, Now: time.Now}); err != nil {
		return err
	}
	if err := watch(operator, keeper); err != nil {
		return err
	}
	return operator.Start(ctx)
}

// collectSooner keeps the peak down: when the operator starts, every object is decoded at once, and with Go's 100 percent
// the garbage of that is twice what stays (docs/scale.md). $GOGC goes before it.
func collectSooner() {
	const percent = 50
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// Twice what is usual: a leader that gives up because the API server is busy makes it busier, as the next one reads
// everything anew. Nobody waits meanwhile: volumes do not need a leader, every replica answers webhooks, and one that ends
// in good order lets go at once.
const (
	leaseFor           = 30 * time.Second
	leaseRenewedWithin = 20 * time.Second
	leaseRetriedEvery  = 4 * time.Second
)

func newManager(config *rest.Config, scheme *runtime.Scheme, flags controllerFlags, keeper *certificate.Keeper) (ctrl.Manager, error) {
	return ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Metrics:                       metricsserver.Options{BindAddress: flags.metrics},
		HealthProbeBindAddress:        flags.health,
		PprofBindAddress:              flags.profiles,
		LeaderElection:                true,
		LeaderElectionID:              "sluice-operator",
		LeaderElectionNamespace:       flags.namespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 ptr.To(leaseFor),
		RenewDeadline:                 ptr.To(leaseRenewedWithin),
		RetryPeriod:                   ptr.To(leaseRetriedEvery),
		WebhookServer: webhook.NewServer(webhook.Options{Port: flags.webhookPort, TLSOpts: []func(*tls.Config){func(c *tls.Config) {
			c.MinVersion, c.GetCertificate = tls.VersionTLS13, keeper.GetCertificate
		}}}),
		Cache: wiring.Caches(),
	})
}

// watch has the certificate kept and the ownership checked as long as the operator runs, and probes answered.
func watch(m ctrl.Manager, keeper *certificate.Keeper) error {
	if err := m.Add(keeper); err != nil {
		return err
	}
	if err := metrics.Certificate(ctrlmetrics.Registry, keeper.Expiry); err != nil {
		return err
	}
	if err := m.Add(manager.RunnableFunc(watchOwnership(m.GetAPIReader()))); err != nil {
		return err
	}
	if err := m.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	return m.AddReadyzCheck("certificate", readiness(keeper))
}

func readiness(keeper *certificate.Keeper) healthz.Checker {
	return func(*http.Request) error { return keeper.IsReady() }
}

// watchOwnership ends the operator when Fluid is installed beside it later.
func watchOwnership(reader client.Reader) func(context.Context) error {
	const every = time.Minute
	return func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(every):
			}
			if err := ownership.Check(ctx, reader, wiring.OwnedCRDs()); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}
