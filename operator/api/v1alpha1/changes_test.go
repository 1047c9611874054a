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
	for kind, fields := range read {
		for _, field := range fields {
			switch {
			case field.Path == "spec":
			case field.Change == "":
				t.Errorf("%s: %s: neither it nor what it is part of has a +sluice:change", kind, field.Path)
			case field.Change == changes.Ignored && field.Why == "":
				t.Errorf(`%s: %s is ignored; its comment must say "has no effect here: " and why`, kind, field.Path)
			case field.Doc == "":
				t.Errorf("%s: %s has no comment", kind, field.Path)
			}
		}
		said := slices.DeleteFunc(fields, func(field changes.Field) bool { return field.Change == "" || field.Inherited })
		for i := range said {
			said[i].Doc = ""
		}
		if !slices.Equal(said, Changes[kind]) {
			t.Errorf("%s: zz_generated.changes.go is not what the source says; run go generate", kind)
		}
	}
}
