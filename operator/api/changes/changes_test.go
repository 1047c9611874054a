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
	Forgotten Part ` + "`json:\"forgotten\"`" + `
}

type Common struct {
	// +sluice:change=refused
	Name string ` + "`json:\"name\"`" + `
}

type Part struct {
	// +sluice:change=CHANGE
	Size  int ` + "`json:\"size\"`" + `
	Other corev1.Other ` + "`json:\"other\"`" + `
}
`

func write(t *testing.T, source string) string {
	t.Helper()
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "example.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	return directory
}

func TestRead(t *testing.T) {
	kinds, err := Read(write(t, strings.ReplaceAll(example, "CHANGE", "rolling")))
	if err != nil {
		t.Fatal(err)
	}
	want := []Field{
		{Path: "spec"},
		{Path: "spec.name", Change: Refused},
		{Path: "spec.parts", Change: Live, Why: "they are small", Doc: "Parts are several."},
		{Path: "spec.parts[].size", Change: Rolling},
		{Path: "spec.parts[].other", Change: Live, Inherited: true, Why: "they are small"},
		{Path: "spec.old", Change: Ignored, Why: "of no use"},
		{Path: "spec.old.size", Change: Ignored, Inherited: true, Why: "of no use"},
		{Path: "spec.old.other", Change: Ignored, Inherited: true, Why: "of no use"},
		{Path: "spec.forgotten"},
		{Path: "spec.forgotten.size", Change: Rolling},
		{Path: "spec.forgotten.other"},
	}
	if got := kinds["Kind"]; !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if len(kinds) != 1 {
		t.Errorf("%d kinds, not one: %v", len(kinds), kinds)
	}
}

func TestReadRefusesUnknownChange(t *testing.T) {
	_, err := Read(write(t, strings.ReplaceAll(example, "CHANGE", "sometimes")))
	if err == nil || !strings.Contains(err.Error(), "spec.parts[].size: +sluice:change=sometimes") {
		t.Errorf("got %v", err)
	}
}
