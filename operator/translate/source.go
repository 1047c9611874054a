package translate

import (
	"fmt"
	"net/url"
	"path"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/suggest"
)

// Source is where data is, in the node plane's words (docs/volume-parameters.md).
type Source struct {
	// URI is s3://BUCKET/PREFIX, https://…, file:///DIRECTORY, or, for others to look at, dataset://….
	URI       string
	Endpoint  string // URL; empty: AWS' own
	Region    string // empty: the node plane's default
	PathStyle *bool  // nil: the node plane decides
	// Credentials by what they are: accessKeyId, secretAccessKey, sessionToken. All of a Dataset are in one Secret.
	Credentials map[string]SecretKeyRef
}

// SecretKeyRef is a key of a Secret in the Dataset's namespace.
type SecretKeyRef struct{ Name, Key string }

// Mount is a source at its path, which begins with '/' and is clean.
type Mount struct {
	Path string
	Source
}

// Mounts of a Dataset; `runtimeOptions` are SourceOptions of its runtime, and count least. With errors the mounts are
// not to be used.
func Mounts(spec *v1alpha1.DatasetSpec, runtimeOptions map[string]string) ([]Mount, []Warning, field.ErrorList) {
	at := field.NewPath("spec")
	ofRuntime, _, _ := parseLayer(runtimeOptions, nil, at, at) // its own translation has warned
	shared, warnings, errs := parseLayer(spec.SharedOptions, spec.SharedEncryptOptions, at.Child("sharedOptions"), at.Child("sharedEncryptOptions"))
	everything := shared
	paths := map[string]bool{}
	var mounts []Mount
	for i, given := range spec.Mounts {
		at := at.Child("mounts").Index(i)
		own, more, wrong := parseLayer(given.Options, given.EncryptOptions, at.Child("options"), at.Child("encryptOptions"))
		warnings, errs, everything = append(warnings, more...), append(errs, wrong...), append(everything, own...)

		source, more, wrong := translateSource(given.MountPoint, at, ofRuntime, shared, own)
		warnings, errs = append(warnings, more...), append(errs, wrong...)

		where, invalid := mountPath(given, at, len(spec.Mounts) == 1)
		if invalid == nil && paths[where] {
			invalid = field.Duplicate(at.Child("path"), where)
		}
		paths[where] = true
		errs = appendErrors(errs, invalid)
		mounts = append(mounts, Mount{where, source})
	}
	return mounts, warnings, appendErrors(errs, oneSecret(everything))
}

// mountPath is what is given, or the name; the only mount may do without both.
func mountPath(given v1alpha1.Mount, at *field.Path, only bool) (string, *field.Error) {
	where := given.Path
	if where == "" {
		if given.Name == "" && !only {
			return "", field.Required(at.Child("path"), "or a name: where in the Dataset the source appears")
		}
		where = "/" + given.Name
	}
	if clean := path.Clean("/" + where); clean != where && clean+"/" != where {
		return "", field.Invalid(at.Child("path"), where, "is not where something can be; write "+clean)
	}
	return path.Clean(where), nil
}

// translateSource: later layers go before earlier ones; the last is the mount's own.
func translateSource(mountPoint string, at *field.Path, layers ...layer) (Source, []Warning, field.ErrorList) {
	uri := at.Child("mountPoint")
	scheme, rest, ok := strings.Cut(mountPoint, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme == "" || strings.ContainsFunc(mountPoint, unicode.IsControl) {
		return Source{}, nil, field.ErrorList{field.Invalid(uri, mountPoint, "is not a URI; write one such as s3://BUCKET/PREFIX")}
	}
	if s3, ok := providers[scheme]; ok {
		return s3.translate(scheme, rest, at, layers)
	}
	if _, ok := plainSchemes[scheme]; !ok {
		return Source{}, nil, field.ErrorList{unreadable(scheme, mountPoint, uri)}
	}
	var warnings []Warning
	for _, given := range layers[len(layers)-1] {
		warnings = append(warnings, Warning{given.path.String(), "has no effect here: " + scheme + ":// has no options"})
	}
	translated, err := plainURI(scheme, mountPoint, rest)
	if err != nil {
		return Source{}, warnings, field.ErrorList{field.Invalid(uri, mountPoint, err.Error())}
	}
	return Source{URI: translated}, warnings, nil
}

func unreadable(scheme, mountPoint string, at *field.Path) *field.Error {
	known := schemes()
	if instead, ok := otherStores[scheme]; ok {
		return field.Invalid(at, mountPoint, fmt.Sprintf("Sluice reads %s; there is no client for %s: %s", strings.Join(known, ", "), scheme, instead))
	}
	return field.Invalid(at, mountPoint, fmt.Sprintf("there is no client for %s%s", scheme, suggest.DidYouMean(scheme, known)))
}

// plainURI checks sources without options.
func plainURI(scheme, mountPoint, rest string) (string, error) {
	switch scheme {
	case "local", "file":
		if !strings.HasPrefix(rest, "/") || path.Clean(rest) != rest && path.Clean(rest)+"/" != rest {
			return "", fmt.Errorf("is not a directory; write %s:///DIRECTORY", scheme)
		}
		return "file://" + path.Clean(rest), nil
	case "http", "https":
		parsed, err := url.Parse(mountPoint)
		switch {
		case err != nil || parsed.Host == "":
			return "", fmt.Errorf("is not a URL; write %s://HOST/FILE", scheme)
		case parsed.User != nil:
			return "", fmt.Errorf("holds credentials, which all who may read this object could read")
		case parsed.Fragment != "manifest" && (parsed.Path == "" || strings.HasSuffix(parsed.Path, "/")):
			return "", fmt.Errorf("is a directory of a web server, which cannot be listed; give one file, or a manifest of the "+
				"files, %s://HOST/LIST.json#manifest (docs/volume-parameters.md)", scheme)
		}
	}
	return mountPoint, nil
}
