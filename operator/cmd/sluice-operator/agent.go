package main

import (
	"errors"
	"flag"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/sluice-cache/sluice/operator/agent"
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
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, agent.Options(*node))
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
