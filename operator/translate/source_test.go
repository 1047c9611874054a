package translate

import (
	"fmt"
	"net/url"
	"path"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
)

// parse a spec as users write it.
func parse[Spec any](t *testing.T, text string) *Spec {
	t.Helper()
	spec := new(Spec)
	if err := yaml.UnmarshalStrict([]byte(text), spec); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return spec
}

// expect that each of `wanted` is in a message of its own, and that there are no others.
func expect[Message any](t *testing.T, what string, messages []Message, wanted []string, text func(Message) string) {
	t.Helper()
	for i, message := range messages {
		if i >= len(wanted) || !strings.Contains(text(message), wanted[i]) {
			t.Errorf("%s %d is %q; wanted: %q", what, i, text(message), wanted)
		}
	}
	if len(messages) < len(wanted) {
		t.Errorf("%d %s, %q are wanted", len(messages), what, wanted)
	}
}

func expectMessages(t *testing.T, warnings []Warning, errs field.ErrorList, wantWarnings, wantErrors []string) {
	t.Helper()
	expect(t, "warning", warnings, wantWarnings, Warning.String)
	expect(t, "error", errs, wantErrors, func(err *field.Error) string { return err.Error() })
}

// secret is encryptOptions of a key in the Secret "keys".
func secret(accessKey, secretKey string) string {
	return `[{name: ` + accessKey + `, valueFrom: {secretKeyRef: {name: keys, key: a}}}, {name: ` + secretKey + `, valueFrom: {secretKeyRef: {name: keys, key: s}}}]`
}

var keys = map[string]SecretKeyRef{"accessKeyId": {"keys", "a"}, "secretAccessKey": {"keys", "s"}}

func TestMounts(t *testing.T) {
	for _, row := range []struct {
		name, mount string // the only mount
		shared      string // more of the spec
		runtime     map[string]string
		want        Mount
		warnings    []string
		errors      []string
	}{
		{
			name: "public bucket of AWS", mount: `{mountPoint: "s3://b/p/q/", name: raw}`,
			want: Mount{"/raw", Source{URI: "s3://b/p/q"}},
		},
		{
			name:  "Alluxio's options for MinIO",
			mount: `{mountPoint: "s3://b", name: raw, path: /, options: {alluxio.underfs.s3.endpoint: "http://minio.ml:9000", alluxio.underfs.s3.disable.dns.buckets: "true"}, encryptOptions: ` + secret("aws.accessKeyId", "aws.secretKey") + `}`,
			want:  Mount{"/", Source{URI: "s3://b", Endpoint: "http://minio.ml:9000", PathStyle: ptr.To(true), Credentials: keys}},
		},
		{
			name:  "Hadoop's scheme and options",
			mount: `{mountPoint: "S3A://b/p", options: {fs.s3a.endpoint: "s3.example.com", fs.s3a.endpoint.region: eu-1, fs.s3a.path.style.access: "false", fs.s3a.connection.ssl.enabled: "true"}, encryptOptions: ` + secret("fs.s3a.access.key", "fs.s3a.secret.key") + `}`,
			want:  Mount{"/", Source{URI: "s3://b/p", Endpoint: "https://s3.example.com", Region: "eu-1", PathStyle: ptr.To(false), Credentials: keys}},
		},
		{
			name:  "Sluice's own options",
			mount: `{mountPoint: "s3://b", options: {endpoint: "https://h:9000/prefix/", region: x, pathStyle: "true"}, encryptOptions: ` + secret("accessKeyId", "secretAccessKey") + `}`,
			want:  Mount{"/", Source{URI: "s3://b", Endpoint: "https://h:9000/prefix", Region: "x", PathStyle: ptr.To(true), Credentials: keys}},
		},
		{
			name:  "AWS' endpoint tells the region",
			mount: `{mountPoint: "s3://b", options: {fs.s3.endpoint: s3.eu-west-1.amazonaws.com}}`,
			want:  Mount{"/", Source{URI: "s3://b", Endpoint: "https://s3.eu-west-1.amazonaws.com", Region: "eu-west-1"}},
		},
		{
			name:     "an endpoint without a scheme",
			mount:    `{mountPoint: "minio://b", options: {minio-url: "minio:9000"}, encryptOptions: ` + secret("minio-access-key", "minio-access-secret") + `}`,
			want:     Mount{"/", Source{URI: "s3://b", Endpoint: "http://minio:9000", PathStyle: ptr.To(true), Credentials: keys}},
			warnings: []string{"spec.mounts[0].options[minio-url] has no scheme: it is taken for http://"},
		},
		{
			name:  "OSS by the address of its own API",
			mount: `{mountPoint: "oss://b/p", options: {fs.oss.endpoint: oss-cn-hangzhou-internal.aliyuncs.com}, encryptOptions: ` + secret("fs.oss.accessKeyId", "fs.oss.accessKeySecret") + `}`,
			want:  Mount{"/", Source{URI: "s3://b/p", Endpoint: "https://s3.oss-cn-hangzhou-internal.aliyuncs.com", Region: "cn-hangzhou", PathStyle: ptr.To(false), Credentials: keys}},
		},
		{
			name: "OSS by its region", mount: `{mountPoint: "oss://b", options: {region: cn-hangzhou}}`,
			want: Mount{"/", Source{URI: "s3://b", Endpoint: "https://s3.oss-cn-hangzhou.aliyuncs.com", Region: "cn-hangzhou", PathStyle: ptr.To(false)}},
		},
		{
			name: "ossfs' options", mount: `{mountPoint: "oss://b", options: {oss-endpoint: oss-cn-beijing.aliyuncs.com}, encryptOptions: ` + secret("oss-access-key", "oss-secret-key") + `}`,
			want: Mount{"/", Source{URI: "s3://b", Endpoint: "https://s3.oss-cn-beijing.aliyuncs.com", Region: "cn-beijing", PathStyle: ptr.To(false), Credentials: keys}},
		},
		{
			name: "Curvine's options", mount: `{mountPoint: "s3://test", options: {endpoint_url: "http://minio:9000", region_name: us-east-1, path_style: "true"}, encryptOptions: ` + secret("access", "secret") + `}`,
			want: Mount{"/", Source{URI: "s3://test", Endpoint: "http://minio:9000", Region: "us-east-1", PathStyle: ptr.To(true), Credentials: keys}},
		},
		{
			name: "COS", mount: `{mountPoint: "cosn://b-125", options: {fs.cosn.bucket.region: ap-beijing}, encryptOptions: ` + secret("fs.cosn.userinfo.secretId", "fs.cosn.userinfo.secretKey") + `}`,
			want: Mount{"/", Source{URI: "s3://b-125", Endpoint: "https://cos.ap-beijing.myqcloud.com", Region: "ap-beijing", PathStyle: ptr.To(false), Credentials: keys}},
		},
		{
			name: "OBS", mount: `{mountPoint: "obs://b", options: {fs.obs.endpoint: "https://obs.cn-north-4.myhuaweicloud.com"}}`,
			want: Mount{"/", Source{URI: "s3://b", Endpoint: "https://obs.cn-north-4.myhuaweicloud.com", Region: "cn-north-4", PathStyle: ptr.To(false)}},
		},
		{
			name: "Google", mount: `{mountPoint: "gs://b/p", options: {fs.gcs.credential.path: /k}, encryptOptions: ` + secret("fs.gcs.accessKeyId", "fs.gcs.secretAccessKey") + `}`,
			want:     Mount{"/", Source{URI: "s3://b/p", Endpoint: "https://storage.googleapis.com", Region: "auto", PathStyle: ptr.To(true), Credentials: keys}},
			warnings: []string{"options[fs.gcs.credential.path] has no effect here: Google's store is read through its S3 API, with an HMAC key"},
		},
		{
			name: "the mount goes before what is shared, and that before the runtime", mount: `{mountPoint: "s3://b", options: {region: own}}`,
			shared:  `{sharedOptions: {alluxio.underfs.s3.region: shared, endpoint: "http://shared"}, sharedEncryptOptions: ` + secret("aws.accessKeyId", "aws.secretKey") + `}`,
			runtime: map[string]string{"alluxio.underfs.s3.endpoint": "http://runtime", "pathStyle": "true"},
			want:    Mount{"/", Source{URI: "s3://b", Endpoint: "http://shared", Region: "own", PathStyle: ptr.To(true), Credentials: keys}},
		},
		{
			name: "a Secret goes before an option of the same name", mount: `{mountPoint: "s3://b", options: {aws.accessKeyId: x, aws.secretKey: y}, encryptOptions: ` + secret("aws.accessKeyId", "aws.secretKey") + `}`,
			want:     Mount{"/", Source{URI: "s3://b", Credentials: keys}},
			warnings: []string{"options[aws.accessKeyId] has no effect: the Secret's value goes first", "options[aws.secretKey] has no effect"},
		},
		{name: "a file", mount: `{mountPoint: "https://h/f.bin", name: f}`, want: Mount{"/f", Source{URI: "https://h/f.bin"}}},
		{name: "a manifest", mount: `{mountPoint: "https://h/list.json#manifest"}`, want: Mount{"/", Source{URI: "https://h/list.json#manifest"}}},
		{name: "a directory", mount: `{mountPoint: "local:///data/", path: /a/}`, want: Mount{"/a", Source{URI: "file:///data"}}},
		{
			name: "a Dataset", mount: `{mountPoint: "dataset://ns/name", options: {region: x}}`, want: Mount{"/", Source{URI: "dataset://ns/name"}},
			warnings: []string{"spec.mounts[0].options[region] has no effect here: dataset:// has no options"},
		},
		{
			name: "typing errors", mount: `{mountPoint: "s3://b", options: {endpiont: "http://h", alluxio.underfs.s3.threads.max: "5"}}`, want: Mount{"/", Source{URI: "s3://b"}},
			warnings: []string{"options[endpiont] has no effect here: it is not known; did you mean endpoint?", "spec.mounts[0].options has options without effect here, alluxio.underfs.s3.threads.max:"},
		},
		{
			name: "options of another store", mount: `{mountPoint: "s3://b", options: {fs.oss.endpoint: "https://h"}}`, want: Mount{"/", Source{URI: "s3://b"}},
			warnings: []string{"fs.oss.endpoint is an option of oss://, and this is s3://"},
		},
		{
			name: "shared options of another store", mount: `{mountPoint: "s3://b"}`, shared: `{sharedOptions: {fs.oss.endpoint: "https://h"}}`,
			want: Mount{"/", Source{URI: "s3://b"}},
		},
		{
			name:     "an encrypted option that is not known",
			mount:    `{mountPoint: "s3://b", encryptOptions: [{name: aws.acessKeyId, valueFrom: {secretKeyRef: {name: k, key: a}}}, {name: metaurl, valueFrom: {secretKeyRef: {name: k, key: m}}}]}`,
			want:     Mount{"/", Source{URI: "s3://b"}},
			warnings: []string{"spec.mounts[0].encryptOptions[0].name has no effect here: aws.acessKeyId is not known; did you mean aws.accessKeyId?", "encryptOptions[1].name has no effect here: metaurl is no credential"},
		},
		{name: "no URI", mount: `{mountPoint: "bucket"}`, errors: []string{`spec.mounts[0].mountPoint: Invalid value: "bucket": is not a URI; write one such as s3://BUCKET/PREFIX`}},
		{name: "scheme mistyped", mount: `{mountPoint: "htps://h/f"}`, errors: []string{"there is no client for htps (did you mean 'https'?)"}},
		{name: "scheme unknown", mount: `{mountPoint: "demofs://x"}`, errors: []string{"there is no client for demofs; known: cos, cosn, dataset, file, gs, http, https, local, minio, obs, oss, s3, s3a, s3n"}},
		{name: "HDFS", mount: `{mountPoint: "hdfs://n:9000/x"}`, errors: []string{"Sluice reads cos, cosn, dataset, file, gs, http, https, local, minio, obs, oss, s3, s3a, s3n; there is no client for hdfs: give what has an S3 API"}},
		{name: "a claim", mount: `{mountPoint: "pvc://claim/sub"}`, errors: []string{"there is no client for pvc: let pods mount the claim themselves"}},
		{name: "JuiceFS", mount: `{mountPoint: "juicefs:///x", options: {bucket: "https://h/b"}}`, errors: []string{"start `juicefs gateway`"}, warnings: []string{"the bucket is in mountPoint"}},
		{name: "no bucket", mount: `{mountPoint: "s3:///x"}`, errors: []string{"names no bucket; write s3://BUCKET/PREFIX"}},
		{name: "credentials in the URI", mount: `{mountPoint: "s3://a:s@b/x"}`, errors: []string{"put them in a Secret"}},
		{name: "a query", mount: `{mountPoint: "s3://b/x?y"}`, errors: []string{"holds '?'"}},
		{name: "a directory of a web server", mount: `{mountPoint: "https://h/apache/"}`, errors: []string{"cannot be listed; give one file, or a manifest of the files, https://HOST/LIST.json#manifest"}},
		{name: "a password for a web server", mount: `{mountPoint: "https://u:p@h/f"}`, errors: []string{"holds credentials"}},
		{name: "a relative directory", mount: `{mountPoint: "local://data"}`, errors: []string{"is not a directory; write local:///DIRECTORY"}},
		{name: "a directory that leads elsewhere", mount: `{mountPoint: "local:///a/../etc"}`, errors: []string{"is not a directory"}},
		{name: "OSS without an endpoint", mount: `{mountPoint: "oss://b"}`, errors: []string{"spec.mounts[0].options[endpoint]: Required value: oss:// needs the URL of its S3 API, such as https://s3.oss-REGION.aliyuncs.com"}},
		{name: "MinIO without an endpoint", mount: `{mountPoint: "minio://b"}`, errors: []string{"such as https://HOST:PORT"}},
		{name: "an endpoint to be filled in", mount: `{mountPoint: "s3://b", options: {endpoint: <S3_ENDPOINT>}}`, errors: []string{`options[endpoint]: Invalid value: "<S3_ENDPOINT>": is not the URL of a server`}},
		{name: "an endpoint of another protocol", mount: `{mountPoint: "s3://b", options: {endpoint: "tcp://h"}}`, errors: []string{"is not the URL of a server"}},
		{name: "a region to be filled in", mount: `{mountPoint: "s3://b", options: {region: <REGION>}}`, errors: []string{"options[region]: Invalid value: \"<REGION>\": is not the name of a region"}},
		{name: "a line break", mount: `{mountPoint: "s3://b/x\n"}`, errors: []string{"is not a URI"}},
		{name: "the same credential under two names", mount: `{mountPoint: "s3://b", encryptOptions: [{name: aws.accessKeyId, valueFrom: {secretKeyRef: {name: keys, key: a}}},
			{name: accessKeyId, valueFrom: {secretKeyRef: {name: keys, key: a}}}, {name: secretAccessKey, valueFrom: {secretKeyRef: {name: keys, key: s}}}]}`,
			want: Mount{"/", Source{URI: "s3://b", Credentials: keys}}},
		{name: "two credentials", mount: `{mountPoint: "s3://b", encryptOptions: [{name: aws.accessKeyId, valueFrom: {secretKeyRef: {name: keys, key: b}}},
			{name: accessKeyId, valueFrom: {secretKeyRef: {name: keys, key: a}}}, {name: secretAccessKey, valueFrom: {secretKeyRef: {name: keys, key: s}}}]}`,
			errors: []string{"encryptOptions[1]: Invalid value: \"accessKeyId\": says another accessKeyId than aws.accessKeyId"}},
		{name: "no truth value", mount: `{mountPoint: "s3://b", options: {pathStyle: sometimes}}`, errors: []string{"is neither true nor false"}},
		{name: "two endpoints", mount: `{mountPoint: "s3://b", options: {endpoint: "http://a", fs.s3.endpoint: "http://b"}}`, errors: []string{"options[fs.s3.endpoint]: Invalid value: \"fs.s3.endpoint\": says another endpoint than endpoint; leave one of them out"}},
		{name: "a plain credential", mount: `{mountPoint: "s3://b", options: {aws.secretKey: hunter2}}`, errors: []string{"spec.mounts[0].options[aws.secretKey]: Forbidden: all who may read this object could read the credential; put it in a Secret"}},
		{name: "half a key", mount: `{mountPoint: "s3://b", encryptOptions: [{name: aws.secretKey, valueFrom: {secretKeyRef: {name: k, key: s}}}]}`, errors: []string{"is the secretAccessKey of a key whose accessKeyId is missing"}},
		{name: "no key of the Secret", mount: `{mountPoint: "s3://b", encryptOptions: [{name: aws.secretKey, valueFrom: {secretKeyRef: {name: k}}}]}`, errors: []string{"encryptOptions[0].valueFrom.secretKeyRef.key: Required value"}},
		{name: "no Secret", mount: `{mountPoint: "s3://b", encryptOptions: [{name: aws.secretKey}]}`, errors: []string{"secretKeyRef.name: Required value"}},
		{name: "an endpoint in a Secret", mount: `{mountPoint: "s3://b", encryptOptions: [{name: endpoint, valueFrom: {secretKeyRef: {name: k, key: e}}}]}`, errors: []string{"only credentials come from Secrets"}},
		{name: "a relative path", mount: `{mountPoint: "s3://b", path: a/../b}`, errors: []string{`path: Invalid value: "a/../b": is not where something can be; write /b`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			spec := parse[v1alpha1.DatasetSpec](t, row.shared)
			spec.Mounts = []v1alpha1.Mount{*parse[v1alpha1.Mount](t, row.mount)}
			mounts, warnings, errs := Mounts(spec, row.runtime)
			expectMessages(t, warnings, errs, row.warnings, row.errors)
			if len(row.errors) == 0 && !reflect.DeepEqual(mounts, []Mount{row.want}) {
				t.Errorf("got  %+v\nwant %+v", mounts, row.want)
			}
			if strings.Contains(fmt.Sprint(errs, warnings), "hunter2") {
				t.Error("a message holds a credential")
			}
		})
	}
}

// What is taken for a source can be one: nothing that the node plane would refuse, or read otherwise.
func FuzzMounts(f *testing.F) {
	f.Add("s3://bucket/prefix", "https://host:9000", "region", "/path")
	f.Add("https://h/f#manifest", "h", "", "a/../b")
	f.Add("local:///x", "", "\n", "//")
	f.Fuzz(func(t *testing.T, mountPoint, endpoint, region, where string) {
		spec := &v1alpha1.DatasetSpec{Mounts: []v1alpha1.Mount{{MountPoint: mountPoint, Path: where,
			Options: map[string]string{"endpoint": endpoint, "region": region}}}}
		mounts, _, errs := Mounts(spec, nil)
		if len(errs) > 0 {
			return
		}
		got := mounts[0]
		for _, word := range []string{got.Endpoint, got.Region} {
			if strings.ContainsAny(word, " \n\t<>") {
				t.Errorf("%q holds a blank", word)
			}
		}
		for _, text := range []string{got.URI, got.Endpoint} {
			if parsed, err := url.Parse(text); err != nil || parsed.User != nil {
				t.Errorf("%q: %v, %v", text, parsed, err)
			}
		}
		if got.Path != path.Clean("/"+got.Path) {
			t.Errorf("path %q", got.Path)
		}
	})
}

func TestMountsTogether(t *testing.T) {
	for _, row := range []struct{ name, spec, want string }{
		{"none", `{}`, ""},
		{"several", `{mounts: [{mountPoint: "s3://a", name: a}, {mountPoint: "s3://b", path: /b}]}`, ""},
		{"the same path", `{mounts: [{mountPoint: "s3://a", name: x}, {mountPoint: "s3://b", path: /x/}]}`, `spec.mounts[1].path: Duplicate value: "/x"`},
		{"no path", `{mounts: [{mountPoint: "s3://a", name: x}, {mountPoint: "s3://b"}]}`, "spec.mounts[1].path: Required value: or a name"},
		{"two Secrets", `{mounts: [{mountPoint: "s3://a", encryptOptions: ` + secret("accessKeyId", "secretAccessKey") + `}],
			sharedEncryptOptions: [{name: sessionToken, valueFrom: {secretKeyRef: {name: other, key: t}}}]}`,
			`spec.mounts[0].encryptOptions[0].valueFrom.secretKeyRef.name: Invalid value: "keys": all credentials of a Dataset are in one Secret, and others are in other`},
		{"a plain credential for all", `{sharedOptions: {fs.oss.accessKeySecret: x}, mounts: [{mountPoint: "s3://a", name: a}, {mountPoint: "s3://b", name: b}]}`,
			"spec.sharedOptions[fs.oss.accessKeySecret]: Forbidden"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, _, errs := Mounts(parse[v1alpha1.DatasetSpec](t, row.spec), nil)
			var want []string
			if row.want != "" {
				want = []string{row.want}
			}
			expectMessages(t, nil, errs, nil, want)
		})
	}
}
