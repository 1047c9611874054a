package tests

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/volume"
)

const limit = 30 * time.Second

func TestDatasetGetsAClaimOfItsName(t *testing.T) {
	ctx, ns := t.Context(), namespace(t, "alone")
	given := bound(t, dataset(ns, "demo", v1alpha1.Mount{MountPoint: "s3://bucket/prefix", Path: "/"}))
	claim, persistent := volumeOf(t, given)
	csi := persistent.Spec.CSI
	if csi.Driver != "sluice.csi.io" || !csi.ReadOnly || csi.VolumeHandle != persistent.Name {
		t.Errorf("the volume is %+v", csi)
	}
	if got := mounts(t, persistent); len(got) != 1 || got[0].Source != "s3://bucket/prefix" || got[0].Path != "/" {
		t.Errorf("its mounts are %+v", got)
	}
	if reference := persistent.Spec.ClaimRef; reference.Namespace != ns || reference.Name != "demo" {
		t.Errorf("it is for claim %s/%s", reference.Namespace, reference.Name)
	}
	if !slices.Equal(claim.Spec.AccessModes, []corev1.PersistentVolumeAccessMode{corev1.ReadOnlyMany}) {
		t.Errorf("the claim's access modes are %v", claim.Spec.AccessModes)
	}
	fluid := &v1alpha1.Dataset{}
	must(t, api.Get(ctx, client.ObjectKeyFromObject(given), fluid))
	if fluid.Status.Phase != v1alpha1.DatasetPhaseBound || len(fluid.Annotations) != 1 {
		t.Errorf("v1alpha1 shows phase %s and annotations %v", fluid.Status.Phase, fluid.Annotations)
	}
}

// Names that Fluid joins to the same PersistentVolume: namespace a-b with name c, and a with b-c.
func TestNoCollisionAcrossNamespaces(t *testing.T) {
	one := bound(t, dataset(namespace(t, "a-b"), "c", v1alpha1.Mount{MountPoint: "s3://one", Path: "/"}))
	two := bound(t, dataset(namespace(t, "a"), "b-c", v1alpha1.Mount{MountPoint: "s3://two", Path: "/"}))
	_, first := volumeOf(t, one)
	_, second := volumeOf(t, two)
	if first.Name == second.Name {
		t.Errorf("both have the volume %s", first.Name)
	}
}

func TestSomebodyElsesClaim(t *testing.T) {
	ctx, ns := t.Context(), namespace(t, "taken")
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "demo"}}
	claim.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: *volumeSize(t)}
	must(t, api.Create(ctx, claim))
	given := dataset(ns, "demo", v1alpha1.Mount{MountPoint: "s3://bucket", Path: "/"})
	must(t, api.Create(ctx, given))
	awaitDataset(t, given, func(d *v1alpha2.Dataset) string {
		ready := meta.FindStatusCondition(d.Status.Conditions, "Ready")
		if d.Status.Phase != v1alpha1.DatasetPhaseFailed || ready == nil || !strings.Contains(ready.Message, "another name") {
			return fmt.Sprintf("phase %s, %+v", d.Status.Phase, ready)
		}
		return ""
	})
	if metav1.GetControllerOf(claim) != nil {
		t.Error("the claim was taken over")
	}
}

// What nodes report is in the status, and what mends itself is seen: nothing sticks. What happens again is the same event,
// with a count.
func TestStatusFollowsTheNodes(t *testing.T) {
	given := bound(t, dataset(namespace(t, "status"), "demo", v1alpha1.Mount{MountPoint: "s3://bucket", Path: "/"}))
	node(t, "status-1")
	for range 2 {
		failAndMend(t, given, "status-1")
	}
}

func failAndMend(t *testing.T, given *v1alpha2.Dataset, node string) {
	t.Helper()
	handle := volume.Handle(given)
	report(t, node, func(status *nodev1.NodeCacheStatus) {
		status.Failures = []nodev1.Failure{{Volume: handle, Code: "UNAUTHENTICATED", Message: "the access key is not known to the server", Time: metav1.Now()}}
		status.Volumes = nil
	})
	awaitDataset(t, given, func(d *v1alpha2.Dataset) string {
		ready := meta.FindStatusCondition(d.Status.Conditions, "Ready")
		if d.Status.Phase != v1alpha1.DatasetPhaseFailed || ready.Reason != "Unauthenticated" || !strings.Contains(ready.Message, node+": the access key") {
			return fmt.Sprintf("phase %s, %+v", d.Status.Phase, ready)
		}
		return ""
	})
	report(t, node, func(status *nodev1.NodeCacheStatus) {
		status.Failures = nil
		status.Volumes = []nodev1.Volume{{ID: handle, Mounted: true, CachedBytes: map[string]int64{"ssd": 3 << 30}, Bytes: 4 << 30, Files: 7, Listed: true}}
	})
	awaitDataset(t, given, func(d *v1alpha2.Dataset) string {
		if d.Status.Phase != v1alpha1.DatasetPhaseBound || d.Status.Source.Size != "4.00GiB" || d.Status.Cache.Cached != "3.00GiB" ||
			d.Status.Cache.CachedPercentage != "75.0%" || d.Status.Cache.Nodes != 1 {
			return fmt.Sprintf("%+v", d.Status)
		}
		return ""
	})
}

// What changes in the spec reaches nodes that have the volume mounted, although a PersistentVolume cannot change.
func TestMountsChangeLive(t *testing.T) {
	ctx := t.Context()
	given := bound(t, dataset(namespace(t, "live"), "demo", v1alpha1.Mount{MountPoint: "s3://one", Path: "/"}))
	edit(t, given, func(d *v1alpha2.Dataset) {
		d.Spec.Mounts = append(d.Spec.Mounts, v1alpha1.Mount{MountPoint: "s3://two", Path: "/two"})
	})
	change := &nodev1.VolumeParameters{}
	must(t, until(limit, func() error { return api.Get(ctx, client.ObjectKey{Name: volume.Handle(given)}, change) }))
	if !strings.Contains(change.Spec.Parameters["mounts"], "s3://two") {
		t.Errorf("nodes are told %v", change.Spec.Parameters)
	}
	edit(t, given, func(d *v1alpha2.Dataset) { d.Spec.Mounts = d.Spec.Mounts[:1] })
	must(t, until(limit, func() error {
		must(t, api.Get(ctx, client.ObjectKeyFromObject(change), change))
		if strings.Contains(change.Spec.Parameters["mounts"], "s3://two") {
			return fmt.Errorf("nodes are still told %v", change.Spec.Parameters)
		}
		return nil
	}))
}

func TestReferenceNeedsConsent(t *testing.T) {
	owner, guest := namespace(t, "owner"), namespace(t, "guest")
	source := bound(t, dataset(owner, "data", v1alpha1.Mount{MountPoint: "s3://bucket", Path: "/", EncryptOptions: keys("creds")}))
	refused := api.Create(t.Context(), dataset(guest, "borrowed", v1alpha1.Mount{MountPoint: "dataset://owner/data/models", Path: "/"}))
	if refused == nil || !strings.Contains(refused.Error(), "has not shared it with namespace 'guest'") {
		t.Fatalf("without consent: %v", refused)
	}
	edit(t, source, func(d *v1alpha2.Dataset) { d.Spec.Sharing = &v1alpha2.Sharing{Namespaces: []string{"guest"}} })
	borrowed := dataset(guest, "borrowed", v1alpha1.Mount{MountPoint: "dataset://owner/data/models", Path: "/"})
	must(t, until(limit, func() error { return api.Create(t.Context(), borrowed) }))
	bind(t, borrowed)
	_, persistent := volumeOf(t, borrowed)
	if got := mounts(t, persistent); got[0].Source != "s3://bucket/models" {
		t.Errorf("the guest sees %+v", got)
	}
	if secret := persistent.Spec.CSI.NodeStageSecretRef; secret == nil || secret.Namespace != owner {
		t.Errorf("the credentials are those of %+v", secret)
	}
	edit(t, source, func(d *v1alpha2.Dataset) { d.Spec.Sharing = nil })
	awaitDataset(t, borrowed, func(d *v1alpha2.Dataset) string {
		if d.Status.Phase != v1alpha1.DatasetPhaseFailed {
			return fmt.Sprintf("the consent was withdrawn, and the phase is %s", d.Status.Phase)
		}
		return ""
	})
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: guest, Name: "borrowed"}}
	must(t, until(limit, func() error { // what protects a claim that is in use is Kubernetes' business
		if gone(t.Context(), claim) == nil || claim.DeletionTimestamp != nil {
			return nil
		}
		return fmt.Errorf("pods can still use the claim")
	}))
}

// A user who deletes the claim of a Dataset gets another one, with a volume that is not the last one's.
func TestADeletedClaimComesBack(t *testing.T) {
	ctx := t.Context()
	given := bound(t, dataset(namespace(t, "again"), "demo", v1alpha1.Mount{MountPoint: "s3://bucket", Path: "/"}))
	claim, persistent := volumeOf(t, given)
	persistent.Status.Phase = corev1.VolumeReleased
	must(t, api.Status().Update(ctx, persistent))
	withoutFinalizers(t, claim)
	must(t, client.IgnoreNotFound(api.Delete(ctx, claim)))
	before := persistent.UID
	must(t, until(limit, func() error {
		must(t, client.IgnoreNotFound(api.Get(ctx, client.ObjectKeyFromObject(persistent), persistent)))
		if persistent.UID == before && persistent.DeletionTimestamp == nil {
			return fmt.Errorf("the released volume stays")
		}
		return nil
	}))
	withoutFinalizers(t, persistent)
	must(t, until(limit, func() error {
		again, anew := &corev1.PersistentVolumeClaim{}, &corev1.PersistentVolume{}
		if err := api.Get(ctx, client.ObjectKeyFromObject(claim), again); err != nil {
			return err
		}
		if err := api.Get(ctx, client.ObjectKeyFromObject(persistent), anew); err != nil {
			return err
		}
		if again.UID == claim.UID || anew.UID == before {
			return fmt.Errorf("they are the last ones")
		}
		return nil
	}))
}

// withoutFinalizers plays Kubernetes' controllers that protect claims and volumes which are in use.
func withoutFinalizers(t *testing.T, object client.Object) {
	t.Helper()
	must(t, until(limit, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			return client.IgnoreNotFound(err)
		}
		object.SetFinalizers(nil)
		return client.IgnoreNotFound(api.Update(t.Context(), object))
	}))
}

func TestDeletionLeavesNothing(t *testing.T) {
	ctx := t.Context()
	given := bound(t, dataset(namespace(t, "deleted"), "demo", v1alpha1.Mount{MountPoint: "s3://bucket", Path: "/"}))
	claim, persistent := volumeOf(t, given)
	must(t, api.Delete(ctx, given))
	must(t, until(limit, func() error { return gone(ctx, given) }))
	// What Kubernetes' own controllers do: the claim goes with its owner, the volume is released.
	must(t, client.IgnoreNotFound(api.Delete(ctx, claim)))
	persistent.Status.Phase = corev1.VolumeReleased
	must(t, api.Status().Update(ctx, persistent))
	must(t, until(limit, func() error { // the finalizer that protects it is Kubernetes' business, too
		if gone(ctx, persistent) == nil || persistent.DeletionTimestamp != nil {
			return nil
		}
		return fmt.Errorf("the PersistentVolume is still there")
	}))
}

func dataset(namespace, name string, mounts ...v1alpha1.Mount) *v1alpha2.Dataset {
	dataset := &v1alpha2.Dataset{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	dataset.Spec.Mounts = mounts
	return dataset
}

func keys(secret string) (options []v1alpha1.EncryptOption) {
	for name, key := range map[string]string{"aws.accessKeyId": "ak", "aws.secretKey": "sk"} {
		options = append(options, v1alpha1.EncryptOption{Name: name, ValueFrom: v1alpha1.EncryptOptionSource{
			SecretKeyRef: v1alpha1.SecretKeySelector{Name: secret, Key: key},
		}})
	}
	return options
}

// bound creates a Dataset and plays the controller that binds its claim.
func bound(t *testing.T, given *v1alpha2.Dataset) *v1alpha2.Dataset {
	t.Helper()
	must(t, api.Create(t.Context(), given))
	return bind(t, given)
}

func bind(t *testing.T, given *v1alpha2.Dataset) *v1alpha2.Dataset {
	t.Helper()
	claim, persistent := volumeOf(t, given)
	claim.Status.Phase = corev1.ClaimBound
	must(t, api.Status().Update(t.Context(), claim))
	persistent.Status.Phase = corev1.VolumeBound
	must(t, api.Status().Update(t.Context(), persistent))
	awaitDataset(t, given, func(d *v1alpha2.Dataset) string {
		if d.Status.Phase != v1alpha1.DatasetPhaseBound {
			return fmt.Sprintf("phase %s, %+v", d.Status.Phase, d.Status.Conditions)
		}
		return ""
	})
	return given
}

func volumeOf(t *testing.T, given *v1alpha2.Dataset) (*corev1.PersistentVolumeClaim, *corev1.PersistentVolume) {
	t.Helper()
	claim, persistent := &corev1.PersistentVolumeClaim{}, &corev1.PersistentVolume{}
	must(t, until(limit, func() error { return api.Get(t.Context(), client.ObjectKeyFromObject(given), claim) }))
	must(t, until(limit, func() error { return api.Get(t.Context(), client.ObjectKey{Name: claim.Spec.VolumeName}, persistent) }))
	return claim, persistent
}

func mounts(t *testing.T, persistent *corev1.PersistentVolume) (mounts []volume.Mount) {
	t.Helper()
	if source := persistent.Spec.CSI.VolumeAttributes["source"]; source != "" {
		return []volume.Mount{{Path: "/", Source: source}}
	}
	must(t, json.Unmarshal([]byte(persistent.Spec.CSI.VolumeAttributes["mounts"]), &mounts))
	return mounts
}

// awaitDataset polls until `wrong` says nothing. The object is then as it was read last.
func awaitDataset(t *testing.T, given *v1alpha2.Dataset, wrong func(*v1alpha2.Dataset) string) {
	t.Helper()
	must(t, until(limit, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(given), given); err != nil {
			return err
		}
		if text := wrong(given); text != "" {
			return fmt.Errorf("%s", text)
		}
		return nil
	}))
}

func edit(t *testing.T, given *v1alpha2.Dataset, change func(*v1alpha2.Dataset)) {
	t.Helper()
	must(t, until(limit, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(given), given); err != nil {
			return err
		}
		change(given)
		return api.Update(t.Context(), given)
	}))
}

func volumeSize(t *testing.T) *resource.Quantity {
	t.Helper()
	size, err := volume.Size(&v1alpha2.Dataset{})
	must(t, err)
	return &size
}
