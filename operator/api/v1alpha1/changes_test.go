package v1alpha1

import (
	"slices"
	"testing"

	"github.com/sluice-cache/sluice/operator/api/changes"
)

func TestEveryFieldSaysHowItChanges(t *testing.T) {
	read, err := changes.Read(".")
	if err != nil {
		t.Fatal(err)
	}
	if len(read) != len(kinds) {
		t.Errorf("%d kinds were read, there are %d", len(read), len(kinds))
	}
	for _, problem := range changes.Problems(read) {
		t.Error(problem)
	}
	for kind, fields := range read {
		said := changes.Said(fields)
		for i := range said {
			said[i].Doc = ""
		}
		if !slices.Equal(said, Changes[kind]) {
			t.Errorf("%s: zz_generated.changes.go is not what the source says; run go generate", kind)
		}
	}
}
