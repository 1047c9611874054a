package translate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/suggest"
)

// setting is an option that was given and is known.
type setting struct {
	option
	name   string
	value  string        // of what is no credential
	secret *SecretKeyRef // of a credential
	path   *field.Path
}

// layer is what was given in one place.
type layer []setting

// parseLayer of options and of those whose values are in Secrets, which go before options of the same name.
func parseLayer(options map[string]string, encrypted []v1alpha1.EncryptOption, at, atEncrypted *field.Path) (layer, []Warning, field.ErrorList) {
	var settings layer
	var warnings []Warning
	var errs field.ErrorList
	var unknown []string
	inSecrets := map[string]bool{}
	for i, given := range encrypted {
		inSecrets[given.Name] = true
		parsed, warning, err := parseEncrypted(given, atEncrypted.Index(i))
		if parsed != nil {
			settings = append(settings, *parsed)
		}
		if warning != nil {
			warnings = append(warnings, *warning)
		}
		errs = appendErrors(errs, err)
	}
	for _, name := range slices.Sorted(maps.Keys(options)) {
		known, ok := sourceOptions[name]
		switch {
		case inSecrets[name]:
			warnings = append(warnings, Warning{at.Key(name).String(), "has no effect: the Secret's value goes first; remove it, whoever may read this object reads it"})
		case !ok:
			unknown = append(unknown, name)
		case known.meaning.isCredential():
			errs = append(errs, plainCredential(at.Key(name)))
		default:
			settings = append(settings, setting{option: known, name: name, value: options[name], path: at.Key(name)})
		}
	}
	return settings, append(warnings, unknownOptions(at, unknown, sourcesOnly)...), errs
}

func parseEncrypted(given v1alpha1.EncryptOption, at *field.Path) (*setting, *Warning, *field.Error) {
	known, ok := sourceOptions[given.Name]
	reference := given.ValueFrom.SecretKeyRef
	atReference := at.Child("valueFrom", "secretKeyRef")
	switch {
	case !ok:
		text := "has no effect here: " + given.Name + " is no credential that is known (docs/fluid.md)"
		if nearest := suggest.Nearest(given.Name, optionNames(true)); nearest != "" {
			text = "has no effect here: " + given.Name + " is not known; did you mean " + nearest + "?"
		}
		return nil, &Warning{at.Child("name").String(), text}, nil
	case !known.meaning.isCredential():
		return nil, nil, field.Invalid(at.Child("name"), given.Name, "only credentials come from Secrets; write it under options")
	case reference.Name == "":
		return nil, nil, field.Required(atReference.Child("name"), "of the Secret with the credential")
	case reference.Key == "":
		return nil, nil, field.Required(atReference.Child("key"), "of the Secret "+reference.Name+" that holds the credential")
	}
	return &setting{option: known, name: given.Name, secret: &SecretKeyRef{reference.Name, reference.Key}, path: at}, nil, nil
}

// oneSecret: a PersistentVolume can refer to one only.
func oneSecret(settings layer) *field.Error {
	first := ""
	for _, given := range settings {
		switch {
		case given.secret == nil:
		case first == "":
			first = given.secret.Name
		case given.secret.Name != first:
			return field.Invalid(given.path.Child("valueFrom", "secretKeyRef", "name"), given.secret.Name,
				"all credentials of a Dataset are in one Secret, and others are in "+first+"; put them together, under keys of their own")
		}
	}
	return nil
}

// settle which setting of each meaning holds for a source. Warned of is what the mount itself says of other sources.
func settle(scheme string, layers []layer) (map[meaning]setting, []Warning, field.ErrorList) {
	holds := map[meaning]setting{}
	var warnings []Warning
	var errs field.ErrorList
	for i, layer := range layers {
		here := map[meaning]setting{}
		for _, given := range layer {
			if given.schemes != nil && !slices.Contains(given.schemes, scheme) {
				if i == len(layers)-1 {
					warnings = append(warnings, Warning{given.path.String(), fmt.Sprintf("has no effect here: %s is an option of %s://, and this is %s://",
						given.name, strings.Join(given.schemes, "://, "), scheme)})
				}
				continue
			}
			if other, ok := here[given.meaning]; ok && !other.says(given) {
				errs = append(errs, field.Invalid(given.path, given.name, fmt.Sprintf("says another %s than %s; leave one of them out", given.meaning, other.name)))
			}
			here[given.meaning] = given
		}
		maps.Copy(holds, here)
	}
	return holds, warnings, errs
}

func (s setting) says(other setting) bool {
	if s.secret != nil && other.secret != nil {
		return *s.secret == *other.secret
	}
	return s.value == other.value
}
