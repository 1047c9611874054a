package changes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const example = `package example

// Kind is one.
//
// +kubebuilder:object:root=true
type Kind struct {
	metav1.TypeMeta ` + "`json:\",inline\"`" + `
	Spec   Spec ` + "`json:\"spec\"`" + `
	Status Spec ` + "`json:\"status\"`" + `
}

type Spec struct {
	Common ` + "`json:\",inline\"`" + `
	// Parts are
	// several.
	// +sluice:change=live
	// +sluice:why=they are small
	Parts []*Part ` + "`json:\"parts,omitempty\"`" + `
	// +sluice:change=ignored
	// +sluice:why=of no use
	Old Part ` + "`json:\"old\"`" + `
	// Useless has no effect here: it has none. Default: 5.
	// +sluice:change=ignored
	// +kubebuilder:default=5
	Useless int ` + "`json:\"useless\"`" + `
	Forgotten Part ` + "`json:\"forgotten\"`" + `
	older.Outside ` + "`json:\",inline\"`" + `
}

type Common struct {
	// +sluice:change=refused
	// +kubebuilder:validation:Required
	Name string ` + "`json:\"name\"`" + `
}

type Part struct {
	// +sluice:change=CHANGE
	Size  int ` + "`json:\"size\"`" + `
	Other corev1.Other ` + "`json:\"other\"`" + `
}
`

const imported = `package older

type Outside struct {
	// +sluice:change=live
	Given []Inside ` + "`json:\"given\"`" + `
}

type Inside struct {
	Name string ` + "`json:\"name\"`" + `
}
`

func write(t *testing.T, name, source string) string {
	t.Helper()
	directory := filepath.Join(t.TempDir(), name)
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, "example.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	return directory
}

func TestRead(t *testing.T) {
	kinds, err := Read(write(t, "example", strings.ReplaceAll(example, "CHANGE", "rolling")), write(t, "older", imported))
	if err != nil {
		t.Fatal(err)
	}
	want := []Field{
		{Path: "spec"},
		{Path: "spec.name", Change: Refused, Required: true},
		{Path: "spec.parts", Change: Live, Why: "they are small", Doc: "Parts are several."},
		{Path: "spec.parts[].size", Change: Rolling},
		{Path: "spec.parts[].other", Change: Live, Inherited: true, Why: "they are small"},
		{Path: "spec.old", Change: Ignored, Why: "of no use"},
		{Path: "spec.old.size", Change: Ignored, Inherited: true, Why: "of no use"},
		{Path: "spec.old.other", Change: Ignored, Inherited: true, Why: "of no use"},
		{Path: "spec.useless", Change: Ignored, Why: "it has none", Default: "5", Doc: "Useless has no effect here: it has none. Default: 5."},
		{Path: "spec.forgotten"},
		{Path: "spec.forgotten.size", Change: Rolling},
		{Path: "spec.forgotten.other"},
		{Path: "spec.given", Change: Live},
		{Path: "spec.given[].name", Change: Live, Inherited: true},
	}
	if got := kinds["Kind"]; !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if len(kinds) != 1 {
		t.Errorf("%d kinds, not one: %v", len(kinds), kinds)
	}
}

func TestReadRefusesUnknownChange(t *testing.T) {
	_, err := Read(write(t, "example", strings.ReplaceAll(example, "CHANGE", "sometimes")))
	if err == nil || !strings.Contains(err.Error(), "spec.parts[].size: +sluice:change=sometimes") {
		t.Errorf("got %v", err)
	}
}
