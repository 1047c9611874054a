package translate

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// provider is a kind of store that speaks the S3 API.
type provider struct {
	name      string
	pathStyle *bool  // what it needs; nil: the node plane decides
	endpoint  string // of a region, which stands for %s; empty: the node plane knows it, or there is none
	region    string // if none is given
	// ownHosts are the provider's endpoints; the first group is the region. On these the S3 API is at s3Host ($1).
	ownHosts *regexp.Regexp
	s3Host   string
	// needsEndpoint: there is no endpoint to be known without an option.
	needsEndpoint bool
}

func no() *bool  { value := false; return &value }
func yes() *bool { value := true; return &value }

var s3Provider = provider{name: "Amazon S3, and what speaks its API", ownHosts: regexp.MustCompile(`^s3[.-]([a-z]{2}(?:-[a-z]+)+-[0-9])\.amazonaws\.com(?:\.cn)?$`)}

// providers by scheme.
var providers = map[string]provider{
	"s3": s3Provider, "s3a": s3Provider, "s3n": s3Provider,
	"minio": {name: "MinIO", pathStyle: yes(), needsEndpoint: true},
	"oss": {
		name: "Alibaba Cloud OSS, by its S3 API", pathStyle: no(), endpoint: "https://s3.oss-%s.aliyuncs.com", needsEndpoint: true,
		ownHosts: regexp.MustCompile(`^(?:s3\.)?oss-([a-z0-9-]+?)((?:-internal)?)\.aliyuncs\.com$`), s3Host: "s3.oss-$1$2.aliyuncs.com",
	},
	"cos": cosProvider, "cosn": cosProvider,
	"obs": {
		name: "Huawei Cloud OBS, by its S3 API", pathStyle: no(), endpoint: "https://obs.%s.myhuaweicloud.com", needsEndpoint: true,
		ownHosts: regexp.MustCompile(`^obs\.([a-z0-9-]+)\.myhuaweicloud\.com$`),
	},
	"gs": {name: "Google Cloud Storage, by its S3 API (HMAC keys)", pathStyle: yes(), endpoint: "https://storage.googleapis.com", region: "auto"},
}

var cosProvider = provider{
	name: "Tencent Cloud COS, by its S3 API", pathStyle: no(), endpoint: "https://cos.%s.myqcloud.com", needsEndpoint: true,
	ownHosts: regexp.MustCompile(`^cos\.([a-z0-9-]+)\.myqcloud\.com$`),
}

// plainSchemes are of sources that have no options of their own.
var plainSchemes = map[string]string{
	"http":    "a file, or a manifest of files: https://HOST/FILE, https://HOST/LIST.json#manifest",
	"https":   "a file, or a manifest of files: https://HOST/FILE, https://HOST/LIST.json#manifest",
	"local":   "a directory of each node, if the cluster's policy allows it: local:///DIRECTORY",
	"file":    "a directory of each node, if the cluster's policy allows it: local:///DIRECTORY",
	"dataset": "another Dataset, if its owner consents: dataset://NAMESPACE/NAME/PATH",
}

// otherStores are what there is no client for, and what works instead.
var otherStores = map[string]string{
	"hdfs":    "give what has an S3 API on top of it, such as Apache Ozone's S3 gateway, or copy the data to an object store",
	"webhdfs": "give what has an S3 API on top of it, such as Apache Ozone's S3 gateway, or copy the data to an object store",
	"juicefs": "its bucket holds JuiceFS' own blocks, not files; start `juicefs gateway`, which speaks the S3 API, and write s3://VOLUME with its endpoint",
	"jfs":     "its bucket holds JuiceFS' own blocks, not files; start `juicefs gateway`, which speaks the S3 API, and write s3://VOLUME with its endpoint",
	"nfs":     "let pods mount it themselves, with csi-driver-nfs, or mount it on the nodes and write local:///DIRECTORY",
	"ceph":    "give the RADOS gateway, which speaks the S3 API, as s3://BUCKET with its endpoint",
	"cephfs":  "let pods mount it themselves, with ceph-csi, or mount it on the nodes and write local:///DIRECTORY",
	"abfs":    "let pods mount it themselves, with blob-csi-driver",
	"abfss":   "let pods mount it themselves, with blob-csi-driver",
	"wasb":    "let pods mount it themselves, with blob-csi-driver",
	"wasbs":   "let pods mount it themselves, with blob-csi-driver",
	"pvc":     "let pods mount the claim themselves, or give the store behind it",
	"alluxio": "give the store behind it",
	"curvine": "give the store behind it",
	"tos":     "write s3://BUCKET with the endpoint of its S3 API",
}

// schemes that can be read.
func schemes() []string {
	known := slices.AppendSeq(slices.Collect(maps.Keys(providers)), maps.Keys(plainSchemes))
	slices.Sort(known)
	return known
}

// endpointOf a region; empty if the provider has none.
func (p provider) endpointOf(region string) string {
	if p.endpoint == "" || p.needsEndpoint && region == "" {
		return ""
	}
	if p.needsEndpoint {
		return fmt.Sprintf(p.endpoint, region)
	}
	return p.endpoint
}

// example of an endpoint.
func (p provider) example() string {
	if p.endpoint == "" {
		return "HOST:PORT"
	}
	return strings.TrimPrefix(p.endpointOf("REGION"), "https://")
}
