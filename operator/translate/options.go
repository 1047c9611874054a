package translate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-cache/sluice/operator/suggest"
)

// meaning is what an option of a source says.
type meaning string

const (
	endpoint        meaning = "endpoint"
	region          meaning = "region"
	pathStyle       meaning = "pathStyle"
	tls             meaning = "tls" // for an endpoint without a scheme
	accessKeyID     meaning = "accessKeyId"
	secretAccessKey meaning = "secretAccessKey"
	sessionToken    meaning = "sessionToken"
)

var credentialMeanings = []meaning{accessKeyID, secretAccessKey, sessionToken}

func (m meaning) isCredential() bool { return slices.Contains(credentialMeanings, m) }

// option is a name by which an engine, or Sluice, knows something about a source.
type option struct {
	meaning meaning
	schemes []string // of the sources that it is about; nil: all that speak the S3 API
}

var s3Schemes = []string{"s3", "s3a", "s3n", "minio", "gs"}

// sourceOptions are all that are known, by name: those of Sluice, and of the engines and clients that Fluid runs.
var sourceOptions = merge(
	// Sluice.
	names(nil, map[meaning][]string{
		endpoint: {"endpoint"}, region: {"region"}, pathStyle: {"pathStyle"},
		accessKeyID: {"accessKeyId"}, secretAccessKey: {"secretAccessKey"}, sessionToken: {"sessionToken"},
	}),
	// Alluxio.
	names(s3Schemes, map[meaning][]string{
		endpoint: {"alluxio.underfs.s3.endpoint"}, region: {"alluxio.underfs.s3.endpoint.region", "alluxio.underfs.s3.region"},
		pathStyle: {"alluxio.underfs.s3.disable.dns.buckets"}, tls: {"alluxio.underfs.s3.secure.http.enabled"},
		accessKeyID: {"aws.accessKeyId", "s3a.accessKeyId"}, secretAccessKey: {"aws.secretKey", "s3a.secretKey"},
		sessionToken: {"aws.sessionToken"},
	}),
	// Hadoop.
	names(s3Schemes, map[meaning][]string{
		endpoint: {"fs.s3a.endpoint"}, region: {"fs.s3a.endpoint.region"}, pathStyle: {"fs.s3a.path.style.access"},
		tls: {"fs.s3a.connection.ssl.enabled"}, accessKeyID: {"fs.s3a.access.key"}, secretAccessKey: {"fs.s3a.secret.key"},
		sessionToken: {"fs.s3a.session.token"},
	}),
	// JindoFS.
	names(s3Schemes, map[meaning][]string{
		endpoint: {"fs.s3.endpoint"}, region: {"fs.s3.region"}, accessKeyID: {"fs.s3.accessKeyId"}, secretAccessKey: {"fs.s3.accessKeySecret"},
	}),
	// AWS.
	names(s3Schemes, map[meaning][]string{
		endpoint: {"AWS_ENDPOINT_URL"}, region: {"AWS_REGION", "AWS_DEFAULT_REGION"}, accessKeyID: {"AWS_ACCESS_KEY_ID"},
		secretAccessKey: {"AWS_SECRET_ACCESS_KEY"}, sessionToken: {"AWS_SESSION_TOKEN"},
	}),
	// JuiceFS.
	names(nil, map[meaning][]string{
		accessKeyID: {"access-key"}, secretAccessKey: {"secret-key"}, sessionToken: {"session-token"},
	}),
	// minio.
	names(s3Schemes, map[meaning][]string{
		endpoint: {"minio-url"}, accessKeyID: {"minio-access-key"}, secretAccessKey: {"minio-access-secret"},
	}),
	// Alluxio, JindoFS.
	names([]string{"oss"}, map[meaning][]string{
		endpoint: {"fs.oss.endpoint"}, region: {"fs.oss.region"}, accessKeyID: {"fs.oss.accessKeyId"},
		secretAccessKey: {"fs.oss.accessKeySecret"}, sessionToken: {"fs.oss.sessionToken", "fs.oss.securityToken"},
	}),
	// Alluxio, JindoFS.
	names([]string{"cos", "cosn"}, map[meaning][]string{
		endpoint: {"fs.cos.endpoint"}, region: {"fs.cos.region", "fs.cosn.bucket.region"},
		accessKeyID:     {"fs.cos.accessKeyId", "fs.cos.access.key", "fs.cosn.userinfo.secretId"},
		secretAccessKey: {"fs.cos.accessKeySecret", "fs.cos.secret.key", "fs.cosn.userinfo.secretKey"},
	}),
	// Alluxio, JindoFS.
	names([]string{"obs"}, map[meaning][]string{
		endpoint: {"fs.obs.endpoint"}, region: {"fs.obs.region"}, accessKeyID: {"fs.obs.accessKeyId", "fs.obs.accessKey"},
		secretAccessKey: {"fs.obs.accessKeySecret", "fs.obs.secretKey"},
	}),
	// ossfs.
	names([]string{"oss"}, map[meaning][]string{
		endpoint: {"oss-endpoint"}, accessKeyID: {"oss-access-key"}, secretAccessKey: {"oss-secret-key"},
	}),
	// Curvine.
	names(s3Schemes, map[meaning][]string{
		endpoint: {"endpoint_url"}, region: {"region_name"}, pathStyle: {"path_style"}, accessKeyID: {"access"}, secretAccessKey: {"secret"},
	}),
	// Alluxio.
	names([]string{"gs"}, map[meaning][]string{
		accessKeyID: {"fs.gcs.accessKeyId"}, secretAccessKey: {"fs.gcs.secretAccessKey"},
	}),
)

// withoutEffect are options that many manifests have, and why they do nothing here; of others the warning says less.
var withoutEffect = map[string]string{
	"bucket":                         "the bucket is in mountPoint",
	"storage":                        "the kind of store is the scheme of mountPoint",
	"fluid.fuse.hostvolume":          "no pod is made that could mount it",
	"fs.gcs.credential.path":         "Google's store is read through its S3 API, with an HMAC key: fs.gcs.accessKeyId and fs.gcs.secretAccessKey in encryptOptions",
	"alluxio.underfs.s3.inherit.acl": "files have the Dataset's owner",
}

func names(schemes []string, byMeaning map[meaning][]string) map[string]option {
	options := map[string]option{}
	for what, names := range byMeaning {
		for _, name := range names {
			options[name] = option{what, schemes}
		}
	}
	return options
}

func merge(tables ...map[string]option) map[string]option {
	all := map[string]option{}
	for _, table := range tables {
		maps.Copy(all, table)
	}
	return all
}

// optionNames are those of all options, or of credentials only.
func optionNames(credentials bool) []string {
	var names []string
	for name, known := range sourceOptions {
		if !credentials || known.meaning.isCredential() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// namesMax of options that are named in one warning.
const namesMax = 5

// unknownOptions warns of what is no option: of each for itself where there is more to say, of the others together.
func unknownOptions(at *field.Path, unknown []string, parameters bool) []Warning {
	candidates := optionNames(false)
	if parameters {
		candidates = append(candidates, volumeParameterNames...)
	}
	var warnings []Warning
	var others []string
	for _, name := range unknown {
		if why, ok := withoutEffect[name]; ok {
			warnings = append(warnings, Warning{at.Key(name).String(), "has no effect here: " + why})
		} else if nearest := suggest.Nearest(name, candidates); nearest != "" {
			warnings = append(warnings, Warning{at.Key(name).String(), "has no effect here: it is not known; did you mean " + nearest + "?"})
		} else {
			others = append(others, name)
		}
	}
	if len(others) == 0 {
		return warnings
	}
	listed := strings.Join(others[:min(len(others), namesMax)], ", ")
	if len(others) > namesMax {
		listed += fmt.Sprintf(" and %d more", len(others)-namesMax)
	}
	return append(warnings, Warning{at.String(), "has options without effect here, " + listed + ": they are none of a source (docs/fluid.md)"})
}
