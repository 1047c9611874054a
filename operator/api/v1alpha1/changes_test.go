package v1alpha1

import (
	"strings"
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
			case field.Change == changes.Ignored && !field.Inherited && field.Why == "" &&
				!strings.Contains(field.Doc, "no effect here"):
				t.Errorf("%s: %s is ignored, and does not say that and why it has no effect here", kind, field.Path)
			case field.Doc == "":
				t.Errorf("%s: %s has no comment", kind, field.Path)
			}
		}
	}
}
