package main

import (
	"errors"
	"flag"
	"time"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/sluice-cache/sluice/operator/agent"
	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
)

func runAgent(arguments []string) error {
	flags := flag.NewFlagSet("agent", flag.ExitOnError)
	node := flags.String("node", "", "the node's name (required)")
	pool := flags.String("pool", "default", "the pool whose daemon this is the agent of; also the name of its CachePool")
	socket := flags.String("socket", "/var/lib/sluice/pools/default/admin.sock", "the daemon's admin socket")
	logging := zap.Options{}
	logging.BindFlags(flags)
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logging)))
	if *node == "" {
		return errors.New("--node is missing; the pod's spec.nodeName is what it wants")
	}
	scheme := runtime.NewScheme()
	if err := nodev1.AddToScheme(scheme); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:  scheme,
		Metrics: metricsserver.Options{BindAddress: "0"}, // the daemon has metrics; an agent opens no port
		Cache: cache.Options{ByObject: map[client.Object]cache.ByObject{
			&nodev1.NodeCache{}: {Field: fields.OneTermEqualSelector("metadata.name", *node)},
		}},
	})
	if err != nil {
		return err
	}
	daemon, err := agent.Dial(*socket)
	if err != nil {
		return err
	}
	here := &agent.Agent{Node: *node, Pool: *pool, Client: manager.GetClient(), Daemon: daemon, Now: time.Now}
	if err := here.Setup(manager); err != nil {
		return err
	}
	return manager.Start(ctrl.SetupSignalHandler())
}
