package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// How long a single Dataset may take, and how long there is nothing between two: each is alone.
const (
	probeWithin = 2 * time.Minute
	probeEvery  = 500 * time.Millisecond
)

// probeDatasets makes single ones among the many, one after the other.
func probeDatasets(ctx context.Context, made *datasets) (waits []wait, err error) {
	for i := range made.plan.probes {
		key := client.ObjectKey{Namespace: namespaceOf(i % made.plan.namespaces), Name: fmt.Sprintf("new-%d-%s", i, rand.String(5))}
		if err := made.make(ctx, key, -1); err != nil {
			return nil, err
		}
		waited, err := made.waitFor(ctx, key, probeWithin)
		if err != nil {
			return nil, err
		}
		waits = append(waits, waited)
		time.Sleep(probeEvery)
	}
	return waits, nil
}

// pods is how long the API server takes to admit one.
type pods struct {
	with, without []time.Duration // a claim: the webhook is called, or not
	preferring    int             // of those with one, how many were told of nodes that hold its data
}

// probePods has pods admitted in turns, with the claim of one of the many and with none. They are not kept.
func probePods(ctx context.Context, made *datasets) (pods, error) {
	var seen pods
	for i := range made.plan.probes {
		of := i * made.plan.datasets / made.plan.probes
		key := client.ObjectKey{Namespace: namespaceOf(of % made.plan.namespaces), Name: fmt.Sprintf("dataset-%d", of)}
		for _, claim := range []string{key.Name, ""} {
			pod := pod(key.Namespace, claim)
			begin := time.Now()
			if err := made.api.Create(ctx, pod, client.DryRunAll); err != nil {
				return seen, fmt.Errorf("a pod in %s with claim '%s': %w", key.Namespace, claim, err)
			}
			took := time.Since(begin)
			if claim == "" {
				seen.without = append(seen.without, took)
				continue
			}
			seen.with = append(seen.with, took)
			if pod.Spec.Affinity != nil && pod.Spec.Affinity.NodeAffinity != nil {
				seen.preferring++
			}
		}
	}
	return seen, nil
}

func pod(namespace, claim string) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "reader-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "reader", Image: "reader"}}},
	}
	if claim != "" {
		pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim, ReadOnly: true},
		}}}
	}
	return pod
}
