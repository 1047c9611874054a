package v1alpha1

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

var kinds = []runtime.Object{
	&AlluxioRuntime{}, &CacheRuntime{}, &CacheRuntimeClass{}, &DataLoad{}, &Dataset{}, &JindoRuntime{}, &JuiceFSRuntime{},
	&ThinRuntime{}, &ThinRuntimeProfile{},
}

// Fluid's users' manifests and scripts name fields: testdata/fields has, for each kind, all that Fluid 1.1 knows, down to
// what is a PodFragment here.
func TestFieldsAreFluids(t *testing.T) {
	for _, kind := range kinds {
		name := reflect.TypeOf(kind).Elem().Name()
		t.Run(name, func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join("testdata", "fields", name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(strings.TrimSpace(string(content)), "\n")
			var got []string
			for _, field := range fieldsOf(reflect.TypeOf(kind).Elem()) {
				got = append(got, jsonFields(field, "")...)
			}
			for _, field := range want {
				if !slices.Contains(got, field) {
					t.Errorf("Fluid has %s, which is missing here", field)
				}
			}
			for _, field := range got {
				if !slices.Contains(want, field) {
					t.Errorf("there is %s here, which Fluid does not have", field)
				}
			}
		})
	}
}

// fieldsOf is the fields of a struct, with those of inline structs in their place, but not those of all objects.
func fieldsOf(structure reflect.Type) []reflect.StructField {
	var fields []reflect.StructField
	for i := range structure.NumField() {
		field := structure.Field(i)
		switch name, options, _ := strings.Cut(field.Tag.Get("json"), ","); {
		case field.Type == reflect.TypeFor[metav1.TypeMeta](), field.Type == reflect.TypeFor[metav1.ObjectMeta]():
		case name == "" && options == "inline":
			fields = append(fields, fieldsOf(field.Type)...)
		default:
			fields = append(fields, field)
		}
	}
	return fields
}

// jsonFields is "PATH TYPE" of a field and of all below it.
func jsonFields(field reflect.StructField, parent string) []string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	path := strings.TrimPrefix(parent+"."+name, ".")
	fields := []string{path + " " + jsonType(field.Type)}
	structure := field.Type
	for structure.Kind() == reflect.Pointer || structure.Kind() == reflect.Slice {
		if structure.Kind() == reflect.Slice {
			path += "[]"
		}
		structure = structure.Elem()
	}
	if jsonType(structure) == "object" && structure.Kind() == reflect.Struct && structure != reflect.TypeFor[PodFragment]() {
		for _, below := range fieldsOf(structure) {
			fields = append(fields, jsonFields(below, path)...)
		}
	}
	return fields
}

func jsonType(field reflect.Type) string {
	switch field {
	case reflect.TypeFor[Quota]():
		return "quantity"
	case reflect.TypeFor[metav1.Time]():
		return "string"
	}
	switch field.Kind() {
	case reflect.Pointer:
		return jsonType(field.Elem())
	case reflect.Struct, reflect.Map:
		return "object"
	case reflect.Slice:
		return "array"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "integer"
	default:
		return field.Kind().String()
	}
}
