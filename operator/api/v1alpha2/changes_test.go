package v1alpha2

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-cache/sluice/operator/api/changes"
)

var update = flag.Bool("update", false, "write the tables of docs/changes.md")

const document = "../../../docs/changes.md"

func readChanges(t *testing.T) map[string][]changes.Field {
	t.Helper()
	kinds, err := changes.Read(".", "../v1alpha1")
	if err != nil {
		t.Fatal(err)
	}
	return kinds
}

func TestEveryFieldSaysHowItChanges(t *testing.T) {
	kinds := readChanges(t)
	for _, problem := range changes.Problems(kinds) {
		t.Error(problem)
	}
	for kind, fields := range kinds {
		said := changes.Said(fields)
		for i := range said {
			said[i].Doc = ""
		}
		if !slices.Equal(said, Changes[kind]) {
			t.Errorf("%s: zz_generated.changes.go is not what the source says; run go generate", kind)
		}
	}
}

// docs/changes.md is written by people up to its first table.
func TestDocument(t *testing.T) {
	content, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(content), "\n## ")
	text += changes.Table(readChanges(t))
	if *update {
		if err := os.WriteFile(document, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text != string(content) {
		t.Error("docs/changes.md is not what the source says; run go test ./api/v1alpha2 -update")
	}
}
