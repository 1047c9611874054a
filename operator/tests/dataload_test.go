package tests

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/dataload"
)

func TestLoad(t *testing.T) {
	ctx, ns := t.Context(), namespace(t, "load")
	node(t, "load-1")
	node(t, "load-2")
	bound(t, dataset(ns, "demo", v1alpha1.Mount{MountPoint: "s3://bucket", Path: "/"}))
	load := newLoad(ns, "warm", func(l *v1alpha2.DataLoad) {
		l.Spec.Target = []v1alpha1.TargetPath{{Path: "/model", Replicas: ptr.To[int32](2)}}
		l.Spec.Options = map[string]string{"bytesPerSecond": "10Mi"}
		l.Spec.NodeSelector = map[string]string{"for": "load"}
	})
	for _, name := range []string{"load-1", "load-2"} {
		label(t, name, "for", "load")
	}
	must(t, api.Create(ctx, load))
	awaitLoad(t, load, v1alpha1.OperationPhaseExecuting)
	if len(load.Status.Nodes) != 2 {
		t.Fatalf("it is for %v", load.Status.Nodes)
	}
	for _, name := range []string{"load-1", "load-2"} {
		asked := askedOf(t, name, dataload.ID(load))
		if asked.BytesPerSecond != 10<<20 || len(asked.Paths) != 1 || asked.Paths[0] != "/model" {
			t.Errorf("%s is asked for %+v", name, asked)
		}
	}
	pods := podsOf(t, load)
	if len(pods) != 2 {
		t.Fatalf("%d pods have the volume mounted", len(pods))
	}
	if pod := pods[0].Spec; pod.Volumes[0].PersistentVolumeClaim.ClaimName != "demo" || *pod.AutomountServiceAccountToken {
		t.Errorf("a pod is %+v", pod)
	}

	answer(t, "load-1", load, nodev1.LoadStatus{State: nodev1.LoadRunning, Listed: true, BytesTotal: 100 << 20, BytesDone: 40 << 20, FilesTotal: 4, FilesDone: 1})
	must(t, until(limit, func() error {
		must(t, api.Get(ctx, client.ObjectKeyFromObject(load), load))
		if load.Status.Progress.BytesDone != 40<<20 {
			return fmt.Errorf("the progress is %+v", load.Status.Progress)
		}
		return nil
	}))
	done := nodev1.LoadStatus{State: nodev1.LoadSucceeded, Listed: true, BytesTotal: 100 << 20, BytesDone: 100 << 20, FilesTotal: 4, FilesDone: 4}
	answer(t, "load-1", load, done)
	answer(t, "load-2", load, done)
	awaitLoad(t, load, v1alpha1.OperationPhaseComplete)
	if !strings.Contains(load.Status.Progress.Summary, "200MiB of 200MiB (100%)") {
		t.Errorf("the summary is %s", load.Status.Progress.Summary)
	}
	must(t, until(limit, func() error {
		cache := &nodev1.NodeCache{}
		must(t, api.Get(ctx, client.ObjectKey{Name: "load-1"}, cache))
		if len(cache.Spec.Loads) > 0 || len(podsOf(t, load)) > 0 {
			return fmt.Errorf("after the end: loads %v, %d pods", cache.Spec.Loads, len(podsOf(t, load)))
		}
		return nil
	}))
}

// The runtime's worker says which nodes, and which taints do not matter; the pod gets there whatever tolerates them.
func TestLoadFollowsTheRuntime(t *testing.T) {
	ctx, ns := t.Context(), namespace(t, "follows")
	for _, name := range []string{"follows-1", "follows-2", "follows-3"} {
		node(t, name)
	}
	label(t, "follows-1", "for", "follows")
	label(t, "follows-2", "for", "follows")
	for name, key := range map[string]string{"follows-1": "gpu", "follows-2": "private"} {
		tainted := &corev1.Node{}
		must(t, api.Get(ctx, client.ObjectKey{Name: name}, tainted))
		tainted.Spec.Taints = []corev1.Taint{{Key: key, Effect: corev1.TaintEffectNoSchedule}}
		must(t, api.Update(ctx, tainted))
	}
	must(t, api.Create(ctx, &v1alpha2.CacheRuntime{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "demo"},
		Spec: v1alpha1.CacheRuntimeSpec{RuntimeClassName: "any", Worker: &v1alpha1.CacheRuntimeWorker{
			Replicas: ptr.To[int32](3),
			CacheRuntimeComponent: v1alpha1.CacheRuntimeComponent{
				NodeSelector: map[string]string{"for": "follows"}, Tolerations: []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}},
			},
		}},
	}))
	bound(t, dataset(ns, "demo", v1alpha1.Mount{MountPoint: "s3://bucket", Path: "/"}))
	load := newLoad(ns, "warm")
	must(t, api.Create(ctx, load))
	awaitLoad(t, load, v1alpha1.OperationPhaseExecuting)
	if len(load.Status.Nodes) != 1 || load.Status.Nodes[0].Node != "follows-1" {
		t.Fatalf("it is for %v", load.Status.Nodes)
	}
	if pods := podsOf(t, load); len(pods) != 1 || !slices.Contains(pods[0].Spec.Tolerations, corev1.Toleration{Operator: corev1.TolerationOpExists}) {
		t.Errorf("the pods cannot be there: %+v", pods)
	}
}

// More replicas than nodes is no reason to wait for ever.
func TestLoadOfMoreNodesThanThereAre(t *testing.T) {
	ns := namespace(t, "few")
	node(t, "few-1")
	label(t, "few-1", "for", "few")
	bound(t, dataset(ns, "demo", v1alpha1.Mount{MountPoint: "s3://bucket", Path: "/"}))
	load := newLoad(ns, "warm", func(l *v1alpha2.DataLoad) {
		l.Spec.Nodes = ptr.To[int32](5)
		l.Spec.NodeSelector = map[string]string{"for": "few"}
	})
	must(t, api.Create(t.Context(), load))
	awaitLoad(t, load, v1alpha1.OperationPhaseExecuting)
	answer(t, "few-1", load, nodev1.LoadStatus{State: nodev1.LoadFailed, Message: "access to s3://bucket was denied"})
	awaitLoad(t, load, v1alpha1.OperationPhaseFailed)
	if message := message(load); message != "node few-1: access to s3://bucket was denied" {
		t.Errorf("it says: %s", message)
	}
}

func TestRunAfter(t *testing.T) {
	ctx, ns := t.Context(), namespace(t, "chain")
	node(t, "chain-1")
	label(t, "chain-1", "for", "chain")
	bound(t, dataset(ns, "demo", v1alpha1.Mount{MountPoint: "s3://bucket", Path: "/"}))
	here := func(l *v1alpha2.DataLoad) { l.Spec.NodeSelector = map[string]string{"for": "chain"} }
	second := newLoad(ns, "second", here, func(l *v1alpha2.DataLoad) {
		l.Spec.RunAfter = &v1alpha1.OperationRef{ObjectRef: v1alpha1.ObjectRef{Kind: v1alpha1.KindDataLoad, Name: "first"}}
	})
	must(t, api.Create(ctx, second))
	awaitLoad(t, second, v1alpha1.OperationPhasePending)
	first := newLoad(ns, "first", here)
	must(t, api.Create(ctx, first))
	awaitLoad(t, first, v1alpha1.OperationPhaseExecuting)
	answer(t, "chain-1", first, nodev1.LoadStatus{State: nodev1.LoadFailed, Message: "no space"})
	awaitLoad(t, second, v1alpha1.OperationPhaseFailed)
	if !strings.Contains(message(second), "DataLoad first, after which it was to run, failed") {
		t.Errorf("it says: %s", message(second))
	}
}

func TestCronRunsAgain(t *testing.T) {
	ns := namespace(t, "cron")
	node(t, "cron-1")
	label(t, "cron-1", "for", "cron")
	bound(t, dataset(ns, "demo", v1alpha1.Mount{MountPoint: "s3://bucket", Path: "/"}))
	load := newLoad(ns, "nightly", func(l *v1alpha2.DataLoad) {
		l.Spec.Policy, l.Spec.Schedule = v1alpha1.Cron, "* * * * *"
		l.Spec.NodeSelector = map[string]string{"for": "cron"}
	})
	must(t, api.Create(t.Context(), load))
	// It was last due in the past: the next run is due now.
	must(t, until(limit, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(load), load); err != nil {
			return err
		}
		load.Status.LastScheduleTime = ptr.To(metav1.NewTime(time.Now().Add(-2 * time.Minute)))
		return api.Status().Update(t.Context(), load)
	}))
	awaitLoad(t, load, v1alpha1.OperationPhaseExecuting)
	if load.Status.Run != 1 {
		t.Errorf("it is run %d", load.Status.Run)
	}
}

func TestExpiredLoadGoes(t *testing.T) {
	ns := namespace(t, "ttl")
	node(t, "ttl-1")
	label(t, "ttl-1", "for", "ttl")
	bound(t, dataset(ns, "demo", v1alpha1.Mount{MountPoint: "s3://bucket", Path: "/"}))
	load := newLoad(ns, "warm", func(l *v1alpha2.DataLoad) {
		l.Spec.TTLSecondsAfterFinished = ptr.To[int32](1)
		l.Spec.NodeSelector = map[string]string{"for": "ttl"}
	})
	must(t, api.Create(t.Context(), load))
	awaitLoad(t, load, v1alpha1.OperationPhaseExecuting)
	answer(t, "ttl-1", load, nodev1.LoadStatus{State: nodev1.LoadSucceeded})
	must(t, until(limit, func() error { return gone(t.Context(), load) }))
}

func newLoad(namespace, name string, changes ...func(*v1alpha2.DataLoad)) *v1alpha2.DataLoad {
	load := &v1alpha2.DataLoad{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	load.Spec.Dataset.Name = "demo"
	for _, change := range changes {
		change(load)
	}
	return load
}

func awaitLoad(t *testing.T, load *v1alpha2.DataLoad, phase v1alpha1.OperationPhase) {
	t.Helper()
	must(t, until(limit, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(load), load); err != nil {
			return err
		}
		if load.Status.Phase != phase {
			return fmt.Errorf("DataLoad %s is %s, not %s: %s %s", load.Name, load.Status.Phase, phase, message(load), load.Status.WaitingFor)
		}
		return nil
	}))
}

func message(load *v1alpha2.DataLoad) string {
	for _, condition := range load.Status.Conditions {
		if condition.Type == "Ready" {
			return condition.Message
		}
	}
	return ""
}

// askedOf waits until a node is asked for a load.
func askedOf(t *testing.T, name, id string) (asked nodev1.Load) {
	t.Helper()
	must(t, until(limit, func() error {
		cache := &nodev1.NodeCache{}
		if err := api.Get(t.Context(), client.ObjectKey{Name: name}, cache); err != nil {
			return err
		}
		for _, asked = range cache.Spec.Loads {
			if asked.ID == id {
				return nil
			}
		}
		return fmt.Errorf("%s is asked for %v, not for %s", name, cache.Spec.Loads, id)
	}))
	return asked
}

func answer(t *testing.T, name string, load *v1alpha2.DataLoad, said nodev1.LoadStatus) {
	t.Helper()
	askedOf(t, name, dataload.ID(load))
	said.ID = dataload.ID(load)
	report(t, name, func(status *nodev1.NodeCacheStatus) { status.Loads = []nodev1.LoadStatus{said} })
}

func podsOf(t *testing.T, load *v1alpha2.DataLoad) []corev1.Pod {
	t.Helper()
	list := &corev1.PodList{}
	must(t, until(limit, func() error {
		err := api.List(context.Background(), list, client.InNamespace(load.Namespace), client.MatchingLabels{dataload.RunLabel: string(load.UID)})
		if err == nil && load.Status.Phase == v1alpha1.OperationPhaseExecuting && len(list.Items) < len(load.Status.Nodes) {
			return fmt.Errorf("%d pods", len(list.Items))
		}
		return err
	}))
	return list.Items
}

func label(t *testing.T, name, key, value string) {
	t.Helper()
	must(t, until(limit, func() error {
		object := &corev1.Node{}
		if err := api.Get(t.Context(), client.ObjectKey{Name: name}, object); err != nil {
			return err
		}
		object.Labels[key] = value
		return api.Update(t.Context(), object)
	}))
}
