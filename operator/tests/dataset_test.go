package tests

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

const limit = 20 * time.Second

func dataset(namespace, name string, mounts ...v1alpha1.Mount) *v1alpha2.Dataset {
	dataset := &v1alpha2.Dataset{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	dataset.Spec.Mounts = mounts
	return dataset
}

func TestDatasetAlone(t *testing.T) {
	ctx, ns := t.Context(), namespace(t, "alone")
	given := dataset(ns, "demo", v1alpha1.Mount{MountPoint: "s3://bucket/prefix", Name: "raw", Path: "/"})
	must(t, api.Create(ctx, given))
	claim := &corev1.PersistentVolumeClaim{}
	must(t, until(limit, func() error { return api.Get(ctx, client.ObjectKeyFromObject(given), claim) }))
	persistent := &corev1.PersistentVolume{}
	must(t, api.Get(ctx, client.ObjectKey{Name: claim.Spec.VolumeName}, persistent))
	fmt.Println(persistent.Spec.CSI.VolumeAttributes, persistent.Spec.ClaimRef)
	must(t, api.Get(ctx, client.ObjectKeyFromObject(given), given))
	fmt.Printf("%+v\n", given.Status)
}
