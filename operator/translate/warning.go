// Package translate leads from what Fluid's API can say to what Sluice has: from a runtime of any kind to the settings of
// a node's cache, from a mount with an engine's options to a source that the node plane reads. Pure functions: nothing is
// read but the arguments, which stay as they are.
//
// What was given and has no effect is a Warning. What cannot work is an error with the field's path and what would be
// right. No message holds the value of a credential. docs/fluid.md has the tables of this package.
package translate

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sluice-cache/sluice/operator/api/changes"
	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
)

// Warning is about a field that was given and does not mean here what it does elsewhere.
type Warning struct {
	Field string // "spec.volumes"
	Text  string // "has no effect here: …"
}

func (w Warning) String() string { return w.Field + " " + w.Text }

// Ignored warns of each field of an object that was given and has no effect, the outermost ones only. What the API server
// filled in, and what the schema insists on, is not warned of. `object` is of the kind, or anything with the same JSON.
func Ignored(kind string, object any) []Warning {
	text, err := json.Marshal(object)
	if err != nil {
		return nil // what the API server took can be written
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return nil
	}
	var warnings []Warning
	for _, field := range v1alpha1.Changes[kind] {
		if field.Change == changes.Ignored && !field.Required {
			given(value, strings.Split(field.Path, "."), "", func(path string, value any) {
				if fmt.Sprint(value) != field.Default {
					warnings = append(warnings, Warning{path, "has no effect here: " + field.Why})
				}
			})
		}
	}
	return warnings
}

// ignoredIn is Ignored of a spec alone.
func ignoredIn(kind string, spec any) []Warning { return Ignored(kind, map[string]any{"spec": spec}) }

// given calls `found` for each value that is at the end of a path like ["spec", "levels[]", "path"].
func given(value any, path []string, parent string, found func(path string, value any)) {
	object, ok := value.(map[string]any)
	if !ok {
		return
	}
	name, isList := strings.CutSuffix(path[0], "[]")
	inner, ok := object[name]
	if !ok {
		return
	}
	at := strings.TrimPrefix(parent+"."+name, ".")
	switch {
	case len(path) == 1:
		found(at, inner)
	case isList:
		list, _ := inner.([]any)
		for i, element := range list {
			given(element, path[1:], fmt.Sprintf("%s[%d]", at, i), found)
		}
	default:
		given(inner, path[1:], at, found)
	}
}
