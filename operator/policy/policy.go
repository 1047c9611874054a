// Package policy is what a cluster's administrators allow Datasets to be: a file that the chart makes of its values. It
// holds at admission, where the user learns of it, and again whenever a Dataset is worked on.
//
//	sources:     ["s3://public-*", "https://models.example.com/*"]   # patterns of URIs; absent: every network source
//	endpoints:   ["https://s3.example.com"]                         # patterns of S3 endpoints; absent: all
//	localPaths:  ["/data"]                                          # directories that local:// may show; absent: none
//	namespaces:                                                     # what all Datasets of one may take of each node
//	  ml: {MEM: 16Gi, SSD: 1Ti}
//	  "*": {SSD: 100Gi}                                             # those that are not named
package policy

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
)

// Policy of a cluster. The zero value allows every network source, and no directory of a node.
type Policy struct {
	Sources    []string          `json:"sources,omitempty"`
	Endpoints  []string          `json:"endpoints,omitempty"`
	LocalPaths []string          `json:"localPaths,omitempty"`
	Namespaces map[string]Quotas `json:"namespaces,omitempty"`
}

// Quotas by medium: MEM, SSD, HDD.
type Quotas map[v1alpha1.MediumType]v1alpha1.Quota

// Load reads a file; "" is the zero value. A key that is not known is an error, as are media and quantities that are none.
func Load(file string) (Policy, error) {
	var policy Policy
	if file == "" {
		return policy, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return policy, err
	}
	if err := yaml.UnmarshalStrict(text, &policy); err != nil {
		return policy, fmt.Errorf("%s: %w", file, err)
	}
	for namespace, quotas := range policy.Namespaces {
		for medium, quota := range quotas {
			if !slices.Contains([]v1alpha1.MediumType{v1alpha1.Memory, v1alpha1.SSD, v1alpha1.HDD}, medium) {
				return policy, fmt.Errorf("%s: namespaces.%s: '%s' is no medium; write MEM, SSD or HDD", file, namespace, medium)
			}
			if _, err := quota.Quantity(); err != nil {
				return policy, fmt.Errorf("%s: namespaces.%s.%s: %w", file, namespace, medium, err)
			}
		}
	}
	for _, directory := range policy.LocalPaths {
		if !path.IsAbs(directory) || path.Clean(directory) != directory {
			return policy, fmt.Errorf("%s: localPaths: '%s' is no absolute path without . and ..", file, directory)
		}
	}
	return policy, nil
}

// AllowsSource says why the source at a URI is not allowed; "": it is.
func (p Policy) AllowsSource(uri string) string {
	if directory, is := cutScheme(uri, "file", "local"); is {
		return p.allowsLocal(directory)
	}
	if p.Sources == nil || matchesAny(p.Sources, uri) {
		return ""
	}
	return fmt.Sprintf("this cluster allows %s; ask its administrator to add '%s'", orNothing(p.Sources), uri)
}

// AllowsEndpoint says why requests may not go to an S3 endpoint; "": they may.
func (p Policy) AllowsEndpoint(endpoint string) string {
	if p.Endpoints == nil || endpoint == "" || matchesAny(p.Endpoints, endpoint) {
		return ""
	}
	return fmt.Sprintf("this cluster allows %s; ask its administrator to add '%s'", orNothing(p.Endpoints), endpoint)
}

// QuotaOf a namespace for a medium; nil: none.
func (p Policy) QuotaOf(namespace string, medium v1alpha1.MediumType) *resource.Quantity {
	quotas, named := p.Namespaces[namespace]
	if !named {
		quotas = p.Namespaces["*"]
	}
	quota, err := quotas[medium].Quantity()
	if err != nil { // there is none: Load refuses what is no quota
		return nil
	}
	return &quota
}

func (p Policy) allowsLocal(directory string) string {
	clean := path.Clean("/" + directory)
	for _, allowed := range p.LocalPaths {
		if clean == allowed || allowed == "/" || strings.HasPrefix(clean, allowed+"/") {
			return ""
		}
	}
	others := ""
	if len(p.LocalPaths) > 0 {
		others = " but " + strings.Join(p.LocalPaths, ", ")
	}
	return fmt.Sprintf("this cluster's policy shows no directory of its nodes%s; an administrator can add '%s' to localPaths", others, clean)
}

// matchesAny: '*' in a pattern stands for any text.
func matchesAny(patterns []string, text string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		expression := "^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$"
		matched, err := regexp.MatchString(expression, text)
		return err == nil && matched
	})
}

func cutScheme(uri string, schemes ...string) (rest string, is bool) {
	scheme, rest, found := strings.Cut(uri, "://")
	return rest, found && slices.Contains(schemes, strings.ToLower(scheme))
}

func orNothing(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}
