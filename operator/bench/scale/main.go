// scale measures the operator with as many Datasets and nodes as a large cluster has: what it takes of CPU and memory, and
// how long users wait. The API server, etcd, the controller that binds claims, and sluice-operator itself are the real
// programs; nodes are played by the real agent's code with a played daemon (fleet.go). Nothing of it stays.
//
//	go run ./bench/scale --datasets=2000 --nodes=100      in operator/, with $HYPERKUBE (tests/kubernetes/tools/build)
//
// It prints a table in Markdown; docs/scale.md says what each line means.
//
//	main.go      what is asked for
//	phases.go    what is done, one thing after the other
//	cluster.go   API server, chart
//	operator.go  the operator's process, and what /proc and its metrics say of it
//	datasets.go  Datasets are made, and seen to become Bound
//	fleet.go     nodes
//	daemon.go    a node's cache daemon
//	probes.go    single Datasets and pods among the many
//	windows.go   what a stretch of time took
//	profiles.go  where the time and the memory go
//	table.go     what is printed
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// plan is what is measured.
type plan struct {
	datasets, nodes, namespaces int
	version                     string        // that Datasets are made in: Fluid's own, v1alpha1, or what is stored, v1alpha2
	runtimes                    bool          // an AlluxioRuntime for each Dataset, as Fluid's users have
	rate                        float64       // Datasets made per second at most
	holders                     int           // nodes that mount each Dataset as soon as it is Bound
	read                        int           // volumes of each node that are read in the busy window
	busy, idle                  time.Duration // windows; an idle node says that it is there every five minutes
	probes                      int           // single Datasets, and pods, that are made among the many
	operator                    string        // the program; "": built for this
	profiles                    string        // a directory for profiles of the operator; "": none
	limit                       time.Duration // for everything
}

func parse(arguments []string) (plan, error) {
	var p plan
	flags := flag.NewFlagSet("scale", flag.ExitOnError)
	flags.IntVar(&p.datasets, "datasets", 2000, "how many Datasets")
	flags.IntVar(&p.nodes, "nodes", 100, "how many nodes")
	flags.IntVar(&p.namespaces, "namespaces", 20, "over how many namespaces the Datasets are spread")
	flags.StringVar(&p.version, "version", "v1alpha1", "of the Datasets' manifests: v1alpha1, which the operator converts, or v1alpha2")
	flags.BoolVar(&p.runtimes, "runtimes", true, "make an AlluxioRuntime for each Dataset, too")
	flags.Float64Var(&p.rate, "rate", 50, "Datasets made per second at most")
	flags.IntVar(&p.holders, "holders", 2, "how many nodes mount each Dataset")
	flags.IntVar(&p.read, "read", 2, "how many volumes of each node are read in the busy window")
	flags.DurationVar(&p.busy, "busy", time.Minute, "how long to measure while volumes are read on every node")
	flags.DurationVar(&p.idle, "idle", 5*time.Minute, "how long to measure while nothing is; nodes repeat what they said after five minutes")
	flags.IntVar(&p.probes, "probes", 20, "how many single Datasets and pods to make among the many")
	flags.StringVar(&p.operator, "operator", "", "the program to measure; absent: sluice-operator as it is here")
	flags.StringVar(&p.profiles, "profiles", "", "a directory for profiles of the operator and the API server (go tool pprof); absent: none are made")
	flags.DurationVar(&p.limit, "limit", 40*time.Minute, "for everything; then it ends with an error")
	if err := flags.Parse(arguments); err != nil {
		return p, err
	}
	for name, value := range map[string]int{"datasets": p.datasets, "nodes": p.nodes, "namespaces": p.namespaces, "probes": p.probes} {
		if value < 1 {
			return p, fmt.Errorf("--%s is %d; it has to be at least 1", name, value)
		}
	}
	if p.holders < 0 || p.holders > p.nodes {
		return p, fmt.Errorf("--holders is %d; with %d nodes it is 0 to %d", p.holders, p.nodes, p.nodes)
	}
	if p.version != "v1alpha1" && p.version != "v1alpha2" {
		return p, fmt.Errorf("--version is '%s'; it is v1alpha1 or v1alpha2", p.version)
	}
	if p.rate <= 0 {
		return p, fmt.Errorf("--rate is %g; it has to be more than 0", p.rate)
	}
	return p, nil
}

func main() {
	asked, err := parse(os.Args[1:])
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		var result measured
		if result, err = measure(ctx, asked, func(line string) { fmt.Fprintln(os.Stderr, line) }); err == nil {
			fmt.Print(table(asked, result))
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "scale: %v\n", err)
		os.Exit(1)
	}
}
