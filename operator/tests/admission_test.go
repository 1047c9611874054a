package tests

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/volume"
)

// What would fail later fails when it is applied, with the field, the reason, and what would be right.
func TestMistakes(t *testing.T) {
	ns := namespace(t, "mistakes")
	good := func(change func(*v1alpha2.Dataset)) client.Object {
		given := dataset(ns, "demo", v1alpha1.Mount{MountPoint: "s3://bucket", Path: "/"})
		change(given)
		return given
	}
	load := func(change func(*v1alpha2.DataLoad)) client.Object { return newLoad(ns, "warm", change) }
	for name, given := range map[string]struct {
		object client.Object
		says   []string
	}{
		"a scheme that is not read": {good(func(d *v1alpha2.Dataset) { d.Spec.Mounts[0].MountPoint = "hdfs://name/path" }), []string{"spec.mounts[0].mountPoint", "hdfs"}},
		"a typo in a scheme":        {good(func(d *v1alpha2.Dataset) { d.Spec.Mounts[0].MountPoint = "s4://bucket" }), []string{"spec.mounts[0].mountPoint", "s3"}},
		"no mounts":                 {good(func(d *v1alpha2.Dataset) { d.Spec.Mounts = nil }), []string{"spec.mounts", "s3://BUCKET"}},
		"a directory of the node":   {good(func(d *v1alpha2.Dataset) { d.Spec.Mounts[0].MountPoint = "local:///etc" }), []string{"spec.mounts[0].mountPoint", "localPaths"}},
		"a key in the open": {good(func(d *v1alpha2.Dataset) {
			d.Spec.Mounts[0].Options = map[string]string{"aws.secretKey": "hunter2"}
		}), []string{"spec.mounts[0].options[aws.secretKey]", "Secret"}},
		"two Secrets": {good(func(d *v1alpha2.Dataset) {
			d.Spec.Mounts[0].EncryptOptions = keys("one")
			d.Spec.Mounts = append(d.Spec.Mounts, v1alpha1.Mount{MountPoint: "s3://other", Path: "/other", EncryptOptions: keys("two")})
		}), []string{"Secret", "one", "two"}},
		"a quota that is none": {good(func(d *v1alpha2.Dataset) {
			d.Spec.Cache = &v1alpha2.CacheSpec{Tiers: []v1alpha2.CacheTier{{Medium: "SSD", Quota: "16GB"}}}
		}), []string{"spec.cache.tiers[0].quota", "16Gi"}},
		"watermarks the wrong way round": {good(func(d *v1alpha2.Dataset) {
			d.Spec.Cache = &v1alpha2.CacheSpec{Tiers: []v1alpha2.CacheTier{{Medium: "SSD", Quota: "1Gi", High: "0.7", Low: "0.9"}}}
		}), []string{"spec.cache.tiers[0].low", "0.9"}},
		"a block size":            {good(func(d *v1alpha2.Dataset) { d.Spec.Volume = &v1alpha2.VolumeSpec{BlockSize: "3Mi"} }), []string{"spec.volume.blockSize", "power of two"}},
		"a load without schedule": {load(func(l *v1alpha2.DataLoad) { l.Spec.Policy = v1alpha1.Cron }), []string{"spec.schedule", "0 3 * * *"}},
		"a load elsewhere":        {load(func(l *v1alpha2.DataLoad) { l.Spec.Dataset.Namespace = "other" }), []string{"spec.dataset.namespace", "own namespace"}},
		"a load's rate":           {load(func(l *v1alpha2.DataLoad) { l.Spec.BytesPerSecond = "10MB/s" }), []string{"spec.bytesPerSecond", "16Gi"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := api.Create(t.Context(), given.object)
			if err == nil {
				t.Fatal("it was accepted")
			}
			for _, part := range given.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("it says %q, and nothing of %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("it shows the secret")
			}
		})
	}
}

func TestQuotaOfANamespace(t *testing.T) {
	ns := namespace(t, "quota") // 1Gi of MEM, TestMain says
	with := func(name string, quota v1alpha1.Quota) *v1alpha2.Dataset {
		given := dataset(ns, name, v1alpha1.Mount{MountPoint: "s3://bucket", Path: "/"})
		if quota != "" {
			given.Spec.Cache = &v1alpha2.CacheSpec{Tiers: []v1alpha2.CacheTier{{Medium: "MEM", Quota: quota}}}
		}
		return given
	}
	if err := api.Create(t.Context(), with("without", "")); err == nil || !strings.Contains(err.Error(), "has a quota of 1Gi") {
		t.Errorf("without a limit: %v", err)
	}
	bound(t, with("first", "700Mi"))
	if err := api.Create(t.Context(), with("second", "600Mi")); err == nil || !strings.Contains(err.Error(), "at most 324MiB are left") {
		t.Errorf("beyond the quota: %v", err)
	}
	must(t, api.Create(t.Context(), with("third", "300Mi")))
}

func TestWhatCannotChange(t *testing.T) {
	given := dataset(namespace(t, "fixed"), "demo", v1alpha1.Mount{MountPoint: "s3://bucket", Path: "/", EncryptOptions: keys("creds")})
	bound(t, given)
	given.Spec.Mounts[0].EncryptOptions = keys("others")
	err := api.Update(t.Context(), given)
	if err == nil || !strings.Contains(err.Error(), "secretKeyRef.name") || !strings.Contains(err.Error(), "what is in the Secret") {
		t.Errorf("another Secret: %v", err)
	}
}

func TestPodsPreferNodesByBytes(t *testing.T) {
	ns := namespace(t, "pods")
	given := bound(t, dataset(ns, "demo", v1alpha1.Mount{MountPoint: "s3://bucket", Path: "/"}))
	holds := func(bytes int64) nodev1.Volume {
		return nodev1.Volume{ID: volume.Handle(given), CachedBytes: map[string]int64{"ssd": bytes}}
	}
	node(t, "pods-much", holds(100<<30))
	node(t, "pods-some", holds(30<<30))
	node(t, "pods-none")
	pod := func(name string, labels map[string]string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: name + "-", Labels: labels}, Spec: corev1.PodSpec{
			AutomountServiceAccountToken: ptr.To(false),
			Containers:                   []corev1.Container{{Name: "main", Image: "main"}},
			Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "demo"},
			}}},
		}}
	}
	var plain *corev1.Pod
	must(t, until(limit, func() error { // reports reach the webhook a moment later
		plain = pod("plain", nil)
		if err := api.Create(t.Context(), plain); err != nil {
			return err
		}
		return prefers(plain, map[string]int32{"pods-much": 100, "pods-some": 40})
	}))
	required := pod("required", map[string]string{"fluid.io/dataset.demo.sched": "required"})
	must(t, api.Create(t.Context(), required))
	terms := required.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	if got := strings.Join(terms[0].MatchExpressions[0].Values, ","); got != "pods-much,pods-some" {
		t.Errorf("required are %s", got)
	}
	left := pod("left", map[string]string{"fluid.io/enable-injection": "false"})
	must(t, api.Create(t.Context(), left))
	if left.Spec.Affinity != nil {
		t.Error("a pod that opted out was changed")
	}
}

func prefers(pod *corev1.Pod, wanted map[string]int32) error {
	got := map[string]int32{}
	if pod.Spec.Affinity != nil {
		for _, term := range pod.Spec.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution {
			for _, host := range term.Preference.MatchExpressions[0].Values {
				got[host] = term.Weight
			}
		}
	}
	if len(got) != len(wanted) || got["pods-much"] != wanted["pods-much"] || got["pods-some"] != wanted["pods-some"] {
		return fmt.Errorf("it prefers %v, not %v", got, wanted)
	}
	return nil
}
