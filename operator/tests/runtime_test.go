package tests

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/volume"
)

// A runtime of each kind, as Fluid's users write it, bounds what its Dataset takes of each node, and becomes Ready.
func TestRuntimes(t *testing.T) {
	must(t, create(t.Context(), &v1alpha2.CacheRuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "our-engine"}, FileSystemType: "any"}))
	must(t, create(t.Context(), &v1alpha2.ThinRuntimeProfile{ObjectMeta: metav1.ObjectMeta{Name: "any"}, Spec: v1alpha1.ThinRuntimeProfileSpec{FileSystemType: "any"}}))
	for kind, spec := range map[string]string{
		"CacheRuntime": `{runtimeClassName: our-engine, master: {disabled: true}, client: {cleanPolicy: OnDemand}, worker: {replicas: 3, tieredStore:
			{levels: [{processMemory: {quota: 16Gi}, high: "0.9", low: "0.7"}, {hostPath: {paths: [/nvme0], quotas: [400Gi], type: DirectoryOrCreate}}]}}}`,
		"AlluxioRuntime": `{replicas: 3, fuse: {cleanPolicy: OnDemand}, tieredstore: {levels: [{mediumtype: MEM, path: /dev/shm, quota: 16Gi, high: "0.9", low: "0.7"},
			{mediumtype: SSD, path: "/nvme0,/nvme1", quotaList: "200Gi,200Gi"}]}}`,
		"JuiceFSRuntime": `{tieredstore: {levels: [{mediumtype: MEM, path: /dev/shm, quota: 16Gi, high: "0.9", low: "0.7"}, {mediumtype: SSD, path: /nvme0, quota: 400Gi}]}}`,
		"JindoRuntime":   `{tieredstore: {levels: [{mediumtype: MEM, path: /dev/shm, quota: 16Gi, high: "0.9", low: "0.7"}, {mediumtype: SSD, path: /nvme0, quota: 400Gi}]}}`,
		"ThinRuntime":    `{profileName: any, tieredstore: {levels: [{mediumtype: MEM, path: /dev/shm, quota: 16Gi, high: "0.9", low: "0.7"}, {mediumtype: SSD, path: /nvme0, quota: 400Gi}]}}`,
	} {
		t.Run(kind, func(t *testing.T) {
			ns := namespace(t, "runtime-"+strings.ToLower(kind))
			runtime := parsed(t, fmt.Sprintf("{apiVersion: data.fluid.io/v1alpha1, kind: %s, metadata: {namespace: %s, name: demo}, spec: %s}",
				kind, ns, strings.ReplaceAll(spec, "\t", " ")))
			must(t, api.Create(t.Context(), runtime))
			given := bound(t, dataset(ns, "demo", v1alpha1.Mount{MountPoint: "s3://bucket", Path: "/"}))
			_, persistent := volumeOf(t, given)
			var limits map[string]volume.Limit
			must(t, json.Unmarshal([]byte(persistent.Spec.CSI.VolumeAttributes["cache"]), &limits))
			if dram := limits["dram"]; dram.Quota != "16GiB" || dram.HighWatermark != "90%" || dram.LowWatermark != "70%" || limits["ssd"].Quota != "400GiB" {
				t.Errorf("the volume may have %+v", limits)
			}
			must(t, until(limit, func() error {
				if err := api.Get(t.Context(), client.ObjectKeyFromObject(runtime), runtime); err != nil {
					return err
				}
				if status, _ := runtime.Object["status"].(map[string]any); !strings.Contains(fmt.Sprint(status), "Ready") || strings.Contains(fmt.Sprint(status), "NotReady") {
					return fmt.Errorf("the status is %v", runtime.Object["status"])
				}
				return nil
			}))
		})
	}
}
