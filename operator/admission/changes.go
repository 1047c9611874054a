package admission

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-cache/sluice/operator/api/changes"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

// refusedChanges are fields that differ and cannot change, with the reason that is said at the field.
func refusedChanges(kind string, before, after client.Object) (errors field.ErrorList) {
	for _, candidate := range v1alpha2.Changes[kind] {
		if candidate.Change != changes.Refused {
			continue
		}
		was, is := valuesAt(before, candidate.Path), valuesAt(after, candidate.Path)
		if maps.Equal(was, is) {
			continue
		}
		why := candidate.Why
		if why == "" {
			why = "delete the object and make it anew"
		}
		errors = append(errors, field.Forbidden(field.NewPath(candidate.Path), fmt.Sprintf("cannot change from %s to %s: %s", listed(was), listed(is), why)))
	}
	return errors
}

// valuesAt are all values of a field, whatever lists it is in: "spec.mounts[].path".
func valuesAt(object client.Object, path string) map[string]bool {
	text, err := json.Marshal(object)
	if err != nil {
		return nil // what was decoded can be encoded
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return nil
	}
	found := map[string]bool{}
	collect(value, strings.Split(path, "."), found)
	return found
}

func collect(value any, path []string, found map[string]bool) {
	if len(path) == 0 {
		text, err := json.Marshal(value)
		if err == nil {
			found[string(text)] = true
		}
		return
	}
	name, isList := strings.CutSuffix(path[0], "[]")
	fields, isObject := value.(map[string]any)
	if !isObject || fields[name] == nil {
		return
	}
	elements, isArray := fields[name].([]any)
	if !isList || !isArray {
		collect(fields[name], path[1:], found)
		return
	}
	for _, element := range elements {
		collect(element, path[1:], found)
	}
}

func listed(values map[string]bool) string {
	if len(values) == 0 {
		return "nothing"
	}
	return strings.Join(slices.Sorted(maps.Keys(values)), ", ")
}
