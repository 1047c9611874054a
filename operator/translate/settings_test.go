package translate

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/randfill"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
)

const gibibyte = 1 << 30

// settings that say what is not zero here.
func settings(change func(*CacheSettings)) CacheSettings {
	wanted := empty()
	if change != nil {
		change(&wanted)
	}
	return wanted
}

func expectSettings(t *testing.T, got CacheSettings, errs field.ErrorList, want CacheSettings, warnings, errors []string) {
	t.Helper()
	expectMessages(t, got.Warnings, errs, warnings, errors)
	got.Warnings = nil
	if len(errors) == 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAlluxio(t *testing.T) {
	for _, row := range []struct {
		name, spec string
		want       CacheSettings
		warnings   []string
		errors     []string
	}{
		{name: "nothing", spec: `{}`, want: settings(nil)},
		{
			name: "tiers, the node's own order, levels of one medium added up",
			spec: `{replicas: 3, tieredstore: {levels: [
				{mediumtype: SSD, quotaList: "400Gi,400Gi", high: "0.95", low: "0.8"}, {mediumtype: MEM, quota: 16Gi, high: "0.9", low: "0.7"},
				{mediumtype: SSD, quota: 200Gi, high: "0.9"}, {mediumtype: HDD}]}}`,
			want: settings(func(s *CacheSettings) {
				s.Replicas = 3
				s.Tiers = []Tier{{DRAM, 16 * gibibyte, ptr.To(.9), ptr.To(.7)}, {SSD, 1000 * gibibyte, ptr.To(.9), ptr.To(.8)}, {HDD, 0, nil, nil}}
			}),
			warnings: []string{"spec.tieredstore.levels[2].high is not that of the other level of this medium: both are one tier here, and the lower one, 0.9, holds"},
		},
		{
			name: "a level as large as the node allows", spec: `{tieredstore: {levels: [{mediumtype: SSD}, {mediumtype: SSD, quota: 1Gi}]}}`,
			want: settings(func(s *CacheSettings) { s.Tiers = []Tier{{Medium: SSD}} }),
		},
		{
			name: "no replicas", spec: `{replicas: 0, worker: {nodeSelector: {disk: fast}}}`,
			want: settings(func(s *CacheSettings) { s.Replicas, s.NodeSelector = 0, map[string]string{"disk": "fast"} }),
		},
		{
			name: "properties",
			spec: `{properties: {alluxio.underfs.s3.endpoint: "http://m:9000", alluxio.user.metadata.cache.expiration.time: 10min, alluxio.user.block.size.bytes.default: 16MB}}`,
			want: settings(func(s *CacheSettings) {
				s.SourceOptions["alluxio.underfs.s3.endpoint"], s.Parameters["metadataTtl"] = "http://m:9000", "10m"
			}),
			warnings: []string{"spec.properties has options without effect here, alluxio.user.block.size.bytes.default: they are none of a source"},
		},
		{
			name: "what has no effect, in Fluid's typical manifest",
			spec: `{alluxioVersion: {image: x}, master: {jvmOptions: [-Xmx1g]}, worker: {resources: {limits: {cpu: 1}}}, fuse: {cleanPolicy: OnDemand}, jvmOptions: [a],
				tieredstore: {levels: [{mediumtype: MEM, volumeType: hostPath, path: /dev/shm, quota: 1Gi}, {mediumtype: SSD, volumeType: emptyDir, quota: 1Gi}]}}`,
			want: settings(func(s *CacheSettings) {
				s.Tiers = []Tier{{Medium: DRAM, QuotaBytes: gibibyte}, {Medium: SSD, QuotaBytes: gibibyte}}
			}),
			warnings: []string{
				"spec.alluxioVersion has no effect here: Alluxio is not run", "spec.master has no effect here: there is no master",
				"spec.worker.resources has no effect here: those of the node daemon", "spec.fuse has no effect here: the node daemon serves all mounts",
				"spec.jvmOptions has no effect here: there is no JVM", "spec.tieredstore.levels[1].volumeType has no effect here",
				"spec.tieredstore.levels[0].path has no effect here: users of a namespace",
			},
		},
		{
			name:     "two quotas",
			spec:     `{tieredstore: {levels: [{mediumtype: SSD, quota: 1Gi, quotaList: "2Gi, 2Gi"}]}}`,
			want:     settings(func(s *CacheSettings) { s.Tiers = []Tier{{Medium: SSD, QuotaBytes: 4 * gibibyte}} }),
			warnings: []string{"spec.tieredstore.levels[0].quota has no effect here: quotaList says more"},
		},
		{name: "a unit mistyped", spec: `{tieredstore: {levels: [{mediumtype: SSD, quota: 16GB}]}}`, errors: []string{`spec.tieredstore.levels[0].quota: Invalid value: "16GB": "16GB" is not a number of bytes; write it like 16Gi`}},
		{name: "a unit forgotten", spec: `{tieredstore: {levels: [{mediumtype: SSD, quota: 16}]}}`, errors: []string{"levels[0].quota: Invalid value: 16: bytes are too few: a tier needs at least 8Mi; is a unit missing?"}},
		{name: "a medium mistyped", spec: `{tieredstore: {levels: [{mediumtype: NVME, quota: 1Gi}]}}`, errors: []string{`mediumtype: Unsupported value: "NVME": supported values: "MEM", "SSD", "HDD"`}},
		{
			name: "more quotas than paths", spec: `{tieredstore: {levels: [{mediumtype: SSD, path: /a, quotaList: "1Gi,1Gi"}]}}`,
			errors: []string{"quotaList: Invalid value: \"1Gi,1Gi\": there are 2 quotas for 1 paths"}, warnings: []string{"path has no effect"},
		},
		{name: "low above high", spec: `{tieredstore: {levels: [{mediumtype: SSD, quota: 1Gi, high: "0.7", low: "0.9"}]}}`, errors: []string{`levels[0].low: Invalid value: "0.9": eviction begins above high and ends at low: 0.9 is not below 0.7`}},
		{
			name: "low above high of another level", spec: `{tieredstore: {levels: [{mediumtype: SSD, quota: 1Gi, low: "0.9"}, {mediumtype: SSD, quota: 1Gi, high: "0.5"}]}}`,
			errors: []string{"0.9 is not below 0.5"},
		},
		{name: "percent", spec: `{tieredstore: {levels: [{mediumtype: SSD, quota: 1Gi, high: "95%"}]}}`, errors: []string{`high: Invalid value: "95%": is not a share of the quota; write one above 0 and up to 1, such as 0.95`}},
		{name: "negative replicas", spec: `{replicas: -1}`, errors: []string{"spec.replicas: Invalid value: -1: is how many nodes data is loaded on: 0 or more"}},
		{
			name: "many properties of Alluxio", spec: `{properties: {a1: "", a2: "", a3: "", a4: "", a5: "", a6: "", a7: ""}}`, want: settings(nil),
			warnings: []string{"spec.properties has options without effect here, a1, a2, a3, a4, a5 and 2 more: they are"},
		},
		{name: "a credential", spec: `{properties: {aws.secretKey: x}}`, errors: []string{"spec.properties[aws.secretKey]: Forbidden"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, errs := Alluxio(parse[v1alpha1.AlluxioRuntimeSpec](t, row.spec))
			expectSettings(t, got, errs, row.want, row.warnings, row.errors)
		})
	}
}

func TestJuiceFSAndJindo(t *testing.T) {
	got, errs := JuiceFS(parse[v1alpha1.JuiceFSRuntimeSpec](t, `{replicas: 2, worker: {nodeSelector: {a: b}, options: {cache-size: "1024"}}, tieredstore: {levels: [{mediumtype: HDD, quota: 1Ti}]}}`))
	expectSettings(t, got, errs, settings(func(s *CacheSettings) {
		s.Replicas, s.NodeSelector, s.Tiers = 2, map[string]string{"a": "b"}, []Tier{{Medium: HDD, QuotaBytes: 1024 * gibibyte}}
	}), []string{"spec.worker.options has no effect here: they are JuiceFS' own; the cache's size is in tieredstore"}, nil)

	tolerations := []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}}
	jindo, errs := Jindo(parse[v1alpha1.JindoRuntimeSpec](t, `{worker: {nodeSelector: {a: b}, tolerations: [{key: gpu, operator: Exists}]}, properties: {fs.oss.endpoint: h, x: y}, networkmode: HostNetwork}`))
	expectSettings(t, jindo, errs, settings(func(s *CacheSettings) {
		s.NodeSelector, s.Tolerations, s.SourceOptions = map[string]string{"a": "b"}, tolerations, map[string]string{"fs.oss.endpoint": "h"}
	}), []string{"spec.networkmode has no effect here", "spec.properties has options without effect here, x:"}, nil)
}

func TestThin(t *testing.T) {
	spec := parse[v1alpha1.ThinRuntimeSpec](t, `{profileName: p, fuse: {image: x, options: {consistency: immutable, region: own, allow_other: ""}}}`)
	profile := parse[v1alpha1.ThinRuntimeProfileSpec](t, `{fileSystemType: s3, worker: {nodeSelector: {a: b}}, fuse: {image: y, options: {region: profile, endpoint: "http://h", allow_root: ""}}}`)
	got, errs := Thin(spec, profile)
	expectSettings(t, got, errs, settings(func(s *CacheSettings) {
		s.NodeSelector, s.Parameters = map[string]string{"a": "b"}, map[string]string{"consistency": "immutable"}
		s.SourceOptions = map[string]string{"region": "own", "endpoint": "http://h"}
	}), []string{"spec.fuse.image has no effect here", "spec.fuse.options has options without effect here, allow_other:"}, nil)

	spec.Worker = &v1alpha1.ThinComponent{NodeSelector: map[string]string{"c": "d"}}
	if got, _ := Thin(spec, profile); !reflect.DeepEqual(got.NodeSelector, spec.Worker.NodeSelector) {
		t.Errorf("the profile's nodeSelector goes before the runtime's: %v", got.NodeSelector)
	}
	if _, errs := Thin(spec, nil); errs != nil {
		t.Errorf("without a profile: %v", errs)
	}
}

func TestCache(t *testing.T) {
	class := parse[v1alpha1.CacheRuntimeClass](t, `{fileSystemType: x, topology: {worker: {options: {blockSize: 4MiB, access: native, consistency: strong, own: x}}, client: {options: {endpoint: "http://c"}}}}`)
	for _, row := range []struct {
		name, spec string
		want       CacheSettings
		warnings   []string
		errors     []string
	}{
		{
			name: "the typical one",
			spec: `{runtimeClassName: c, master: {disabled: true}, client: {cleanPolicy: OnRuntimeDeleted}, worker: {replicas: 3, nodeSelector: {a: b}, tolerations: [{key: gpu}], tieredStore: {levels: [
				{processMemory: {quota: 16Gi}, high: "0.9", low: "0.7"}, {hostPath: {paths: [/a, /b], quotas: [400Gi, 1000], type: DirectoryOrCreate}}, {emptyDir: {quota: 1Gi, medium: Memory}}, {emptyDir: {quota: 1Gi}}]}}}`,
			want: settings(func(s *CacheSettings) {
				s.Replicas, s.NodeSelector, s.Tolerations = 3, map[string]string{"a": "b"}, []corev1.Toleration{{Key: "gpu"}}
				s.Tiers = []Tier{{DRAM, 17 * gibibyte, ptr.To(.9), ptr.To(.7)}, {SSD, 401*gibibyte + 1000, nil, nil}}
				s.Parameters = map[string]string{"blockSize": "4194304B", "access": "native", "consistency": "strong"}
				s.SourceOptions = map[string]string{"endpoint": "http://c"}
			}),
			warnings: []string{"spec.master has no effect here: there is no master", "spec.worker.tieredStore.levels[1].hostPath.type has no effect here"},
		},
		{
			name: "options: the client's, the worker's, all the runtime's, the class'",
			spec: `{runtimeClassName: c, options: {consistency: eventual, access: auto, region: r, unknown: x}, worker: {options: {access: large-files}}, client: {options: {endpoint: "http://o"}}}`,
			want: settings(func(s *CacheSettings) {
				s.Parameters = map[string]string{"blockSize": "4194304B", "access": "large-files", "consistency": "eventual"}
				s.SourceOptions = map[string]string{"endpoint": "http://o", "region": "r"}
			}),
			warnings: []string{"spec.options has options without effect here, unknown:"},
		},
		{
			name: "the client's cache, if the worker has none", spec: `{runtimeClassName: c, client: {tieredStore: {levels: [{processMemory: {quota: 1Gi}}]}, nodeSelector: {a: b}, tolerations: [{key: k}]}}`,
			want: settings(func(s *CacheSettings) {
				s.Tiers = []Tier{{Medium: DRAM, QuotaBytes: gibibyte}}
				s.Parameters = map[string]string{"blockSize": "4194304B", "access": "native", "consistency": "strong"}
				s.SourceOptions = map[string]string{"endpoint": "http://c"}
			}),
			warnings: []string{"spec.client.nodeSelector has no effect here: pods on every node can read", "spec.client.tolerations has no effect here"},
		},
		{
			name: "both caches", spec: `{runtimeClassName: c, worker: {tieredStore: {levels: [{processMemory: {quota: 1Gi}}]}}, client: {tieredStore: {levels: [{processMemory: {quota: 2Gi}}]}}}`,
			want: settings(func(s *CacheSettings) {
				s.Tiers = []Tier{{Medium: DRAM, QuotaBytes: gibibyte}}
				s.Parameters = map[string]string{"blockSize": "4194304B", "access": "native", "consistency": "strong"}
				s.SourceOptions = map[string]string{"endpoint": "http://c"}
			}),
			warnings: []string{"spec.client.tieredStore has no effect here: worker and client share one cache"},
		},
		{name: "no medium", spec: `{runtimeClassName: c, worker: {tieredStore: {levels: [{high: "0.9"}]}}}`, errors: []string{"spec.worker.tieredStore.levels[0]: Invalid value: 0: a level is one of processMemory, emptyDir and hostPath"}},
		{name: "two media", spec: `{runtimeClassName: c, worker: {tieredStore: {levels: [{processMemory: {quota: 1Gi}, emptyDir: {quota: 1Gi}}]}}}`, errors: []string{"levels[0]: Invalid value: 2: a level is one of"}},
		{name: "fewer quotas than paths", spec: `{runtimeClassName: c, worker: {tieredStore: {levels: [{hostPath: {paths: [/a, /b], quotas: [1Gi]}}]}}}`, errors: []string{"hostPath.quotas: Invalid value: 1: there are 1 quotas for 2 paths"}},
		{name: "huge pages", spec: `{runtimeClassName: c, worker: {tieredStore: {levels: [{emptyDir: {quota: 1Gi, medium: HugePages}}]}}}`, errors: []string{`emptyDir.medium: Unsupported value: "HugePages": supported values: "", "Memory"`}},
		{name: "no quota", spec: `{runtimeClassName: c, client: {tieredStore: {levels: [{processMemory: {}}]}}}`, errors: []string{"spec.client.tieredStore.levels[0].processMemory.quota: Invalid value"}},
		{
			name: "parameters mistyped", spec: `{runtimeClassName: c, options: {consistency: never, metadataTtl: 5min, blockSize: 3Mi, fileMode: "999", metadatattl: 5s}}`,
			errors: []string{
				"spec.options[blockSize]: Invalid value: \"3Mi\": is not a power of two from 64Ki to 16Mi", "options[consistency]: Invalid value: \"never\": is none of immutable, eventual, strong",
				"options[fileMode]: Invalid value: \"999\": is not an octal mode", "options[metadataTtl]: Invalid value: \"5min\": is not a duration",
			},
			warnings: []string{"spec.options[metadatattl] has no effect here: it is not known; did you mean metadataTtl?"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, errs := Cache(parse[v1alpha1.CacheRuntimeSpec](t, row.spec), class)
			expectSettings(t, got, errs, row.want, row.warnings, row.errors)
		})
	}
}

func TestAlluxioDuration(t *testing.T) {
	for text, want := range map[string]string{
		"10min": "10m", "2day": "2d", "1h": "1h", "100ms": "100ms", "5 Seconds": "5s", "3hrs": "3h", "7m": "7m",
		"-1": "", "0": "", "0s": "", "1fortnight": "", "": "",
	} {
		if got, ok := alluxioDuration(text); ok != (want != "") || ok && got != want {
			t.Errorf("%q: got %q, %v; want %q", text, got, ok, want)
		}
	}
}

func TestIgnoredOfADataset(t *testing.T) {
	dataset := &v1alpha1.Dataset{Spec: *parse[v1alpha1.DatasetSpec](t,
		`{placement: Shared, mounts: [{mountPoint: "s3://b"}, {mountPoint: "s3://b", readOnly: false, shared: true}], owner: {uid: 1, gid: 2, user: me}}`)}
	expect(t, "warning", Ignored("Dataset", dataset), []string{
		"spec.mounts[1].readOnly has no effect here: every mount is read-only", "spec.mounts[1].shared has no effect here",
		"spec.owner.user has no effect here: files are owned by numbers", "spec.placement has no effect here: one daemon per node",
	}, Warning.String)
}

// What is stored may be older than the schema, or newer: whatever it says, there is an answer.
func TestAnythingIsAnswered(t *testing.T) {
	fill := randfill.New().NilChance(.3).NumElements(0, 3).MaxDepth(16)
	for range 200 {
		var dataset v1alpha1.DatasetSpec
		var alluxio v1alpha1.AlluxioRuntimeSpec
		var juicefs v1alpha1.JuiceFSRuntimeSpec
		var jindo v1alpha1.JindoRuntimeSpec
		var thin v1alpha1.ThinRuntimeSpec
		var profile *v1alpha1.ThinRuntimeProfileSpec
		var cache v1alpha1.CacheRuntimeSpec
		var class *v1alpha1.CacheRuntimeClass
		for _, spec := range []any{&dataset, &alluxio, &juicefs, &jindo, &thin, &profile, &cache, &class} {
			fill.Fill(spec)
		}
		for i := range dataset.Mounts {
			dataset.Mounts[i].MountPoint = []string{"s3://b/", "oss://b", "local://", "://"}[i%4] + dataset.Mounts[i].MountPoint
		}
		Mounts(&dataset, dataset.SharedOptions)
		Alluxio(&alluxio)
		JuiceFS(&juicefs)
		Jindo(&jindo)
		Thin(&thin, profile)
		Cache(&cache, class)
		Ignored("CacheRuntimeClass", class)
	}
}
