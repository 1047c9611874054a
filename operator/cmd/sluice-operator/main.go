// sluice-operator is all of Sluice that speaks to Kubernetes' API, in one program.
//
//	sluice-operator controller   controllers and webhooks; any number of replicas, one of them leads
//	sluice-operator agent        a node's side, beside the cache daemon
//	sluice-operator hold         does nothing: in the pods that have a volume mounted while a DataLoad fills it
package main

import (
	"fmt"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"
)

var commands = map[string]func(arguments []string) error{
	"controller": runController,
	"agent":      runAgent,
	"hold":       hold,
}

const usage = `Usage: sluice-operator COMMAND [--FLAG=VALUE …]

  controller   controllers and webhooks of data.fluid.io
  agent        reports and commands of one node's cache
  hold         does nothing until it is ended

sluice-operator COMMAND --help lists the flags.
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	command, known := commands[os.Args[1]]
	if !known {
		fmt.Fprintf(os.Stderr, "sluice-operator: there is no command '%s'\n\n%s", os.Args[1], usage)
		os.Exit(2)
	}
	if err := command(os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "sluice-operator %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

// hold waits for a signal. With a handler: as a container's first process it would not be ended by one.
func hold([]string) error {
	<-ctrl.SetupSignalHandler().Done()
	return nil
}
