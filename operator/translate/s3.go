package translate

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

var bucketPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// translate a source that speaks the S3 API; `rest` is its URI after the "://".
func (p provider) translate(scheme, rest string, at *field.Path, layers []layer) (Source, []Warning, field.ErrorList) {
	settings, warnings, errs := settle(scheme, layers)
	uri, err := bucketURI(scheme, rest)
	if err != nil {
		errs = append(errs, field.Invalid(at.Child("mountPoint"), scheme+"://"+rest, err.Error()))
	}
	source := Source{URI: uri, Region: settings[region].value}
	if strings.ContainsFunc(source.Region, isNoWord) {
		errs = append(errs, field.Invalid(settings[region].path, source.Region, "is not the name of a region, such as us-east-1"))
	}
	warning, invalid := p.locate(scheme, &source, settings, at)
	if warning != nil {
		warnings = append(warnings, *warning)
	}
	errs = appendErrors(errs, invalid)
	source.PathStyle, invalid = p.style(settings)
	errs = appendErrors(errs, invalid)
	source.Credentials, invalid = credentials(settings)
	return source, warnings, appendErrors(errs, invalid)
}

func isNoWord(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("<>/", r)
}

func bucketURI(scheme, rest string) (string, error) {
	bucket, prefix, _ := strings.Cut(rest, "/")
	switch {
	case strings.Contains(bucket, "@"):
		return "", fmt.Errorf("holds credentials, which all who may read this object could read; put them in a Secret, and name that in encryptOptions")
	case !bucketPattern.MatchString(bucket):
		return "", fmt.Errorf("names no bucket; write %s://BUCKET/PREFIX", scheme)
	case strings.ContainsAny(prefix, "?#"):
		return "", fmt.Errorf("holds '?' or '#', which a prefix cannot")
	}
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix = "/" + prefix
	}
	return "s3://" + bucket + prefix, nil
}

// locate is the endpoint, and the region if nothing says it and the endpoint tells it.
func (p provider) locate(scheme string, source *Source, settings map[meaning]setting, at *field.Path) (*Warning, *field.Error) {
	if source.Region == "" {
		source.Region = p.region
	}
	given, ok := settings[endpoint]
	if !ok {
		source.Endpoint = p.endpointOf(source.Region)
		if p.needsEndpoint && source.Endpoint == "" {
			return nil, field.Required(at.Child("options").Key("endpoint"), scheme+":// needs the URL of its S3 API, such as https://"+p.example())
		}
		return nil, nil
	}
	parsed, warning, err := endpointURL(given, settings[tls].value)
	if err != nil {
		return nil, field.Invalid(given.path, given.value, err.Error())
	}
	if p.ownHosts != nil {
		if match := p.ownHosts.FindStringSubmatch(parsed.Host); match != nil {
			if source.Region == "" {
				source.Region = match[1]
			}
			if p.s3Host != "" {
				parsed.Host = p.ownHosts.ReplaceAllString(parsed.Host, p.s3Host)
			}
		}
	}
	source.Endpoint = strings.TrimSuffix(parsed.String(), "/")
	return warning, nil
}

// clouds are hosts that speak HTTPS.
var clouds = []string{".amazonaws.com", ".amazonaws.com.cn", ".aliyuncs.com", ".myqcloud.com", ".myhuaweicloud.com", ".googleapis.com", ":443"}

// endpointURL of an endpoint, which may be without a scheme: then `encrypted` decides, as it does for Alluxio and Hadoop.
func endpointURL(given setting, encrypted string) (*url.URL, *Warning, error) {
	text := given.value
	var warning *Warning
	if !strings.Contains(text, "://") {
		scheme := "http"
		for _, cloud := range clouds {
			if strings.HasSuffix(strings.TrimSuffix(text, "/"), cloud) {
				scheme = "https"
			}
		}
		switch {
		case encrypted == "true":
			scheme = "https"
		case scheme == "http" && encrypted != "false":
			warning = &Warning{given.path.String(), "has no scheme: it is taken for http://; write http:// or https:// before it"}
		}
		text = scheme + "://" + text
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" || parsed.User != nil ||
		parsed.RawQuery != "" || parsed.Fragment != "" || strings.ContainsFunc(text, func(r rune) bool { return isNoWord(r) && r != '/' }) {
		return nil, nil, fmt.Errorf("is not the URL of a server; write https://HOST[:PORT]")
	}
	return parsed, warning, nil
}

func (p provider) style(settings map[meaning]setting) (*bool, *field.Error) {
	given, ok := settings[pathStyle]
	if !ok {
		return p.pathStyle, nil
	}
	value, err := strconv.ParseBool(given.value)
	if err != nil {
		return nil, field.Invalid(given.path, given.value, "is neither true nor false")
	}
	return &value, nil
}

// credentials: none, or both halves of a key.
func credentials(settings map[meaning]setting) (map[string]SecretKeyRef, *field.Error) {
	var references map[string]SecretKeyRef
	for _, what := range credentialMeanings {
		if given, ok := settings[what]; ok {
			if references == nil {
				references = map[string]SecretKeyRef{}
			}
			references[string(what)] = *given.secret
		}
	}
	for _, halves := range [][2]meaning{{accessKeyID, secretAccessKey}, {secretAccessKey, accessKeyID}, {sessionToken, accessKeyID}} {
		given, ok := settings[halves[0]]
		if _, isWhole := settings[halves[1]]; ok && !isWhole {
			return nil, field.Invalid(given.path.Child("name"), given.name,
				fmt.Sprintf("is the %s of a key whose %s is missing; add it", halves[0], halves[1]))
		}
	}
	return references, nil
}
