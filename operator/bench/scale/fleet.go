package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-cache/sluice/operator/agent"
	"github.com/sluice-cache/sluice/operator/conflict"
)

// turnEvery is how long an agent rests that failed; otherwise it says itself.
const turnEvery = 2 * time.Second

// fleet is the nodes: on each the real agent's code, which asks a played daemon and writes to the API server what, and as
// often as, an agent does. It reads by one watch for all, where real agents have one each.
type fleet struct {
	api     client.Client // reads NodeCaches from a cache, writes to the API server
	holders int           // nodes that mount a volume
	daemons []*daemon

	read   atomic.Int32 // volumes of each node that are being read
	failed atomic.Int64 // turns
}

func newFleet(api client.Client, asked plan) *fleet {
	f := &fleet{api: api, holders: asked.holders}
	for range asked.nodes {
		f.daemons = append(f.daemons, &daemon{read: &f.read, started: time.Now()})
	}
	return f
}

// join makes the nodes.
func (f *fleet) join(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(creators)
	for i := range f.daemons {
		group.Go(func() error {
			name := nodeName(i)
			return f.api.Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
				corev1.LabelHostname: name, corev1.LabelTopologyZone: fmt.Sprintf("zone-%d", i%3), corev1.LabelOSStable: "linux",
			}}})
		})
	}
	return group.Wait()
}

// run has all agents take their turns until the context ends.
func (f *fleet) run(ctx context.Context) {
	for i, daemon := range f.daemons {
		one := &agent.Agent{Node: nodeName(i), Pool: "default", Client: f.api, Daemon: daemon, Now: time.Now}
		go f.turns(ctx, one)
	}
}

func (f *fleet) turns(ctx context.Context, one *agent.Agent) {
	wait := time.Duration(rand.Int64N(int64(turnEvery))) // nodes do not begin in step
	turn := conflict.Quietly(one)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		result, err := turn.Reconcile(ctx, ctrl.Request{})
		wait = result.RequeueAfter
		if err != nil && ctx.Err() == nil {
			f.failed.Add(1)
			wait = turnEvery
		}
	}
}

// mount a volume on as many nodes as it is to be on, spread evenly.
func (f *fleet) mount(index int, handle string) {
	for holder := range f.holders {
		f.daemons[(index+holder*len(f.daemons)/f.holders)%len(f.daemons)].mount(handle)
	}
}

func nodeName(i int) string { return fmt.Sprintf("node-%d", i) }
