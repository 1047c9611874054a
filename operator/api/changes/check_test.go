package changes

import (
	"slices"
	"testing"
)

func TestProblems(t *testing.T) {
	got := Problems(map[string][]Field{"Kind": {
		{Path: "spec"},
		{Path: "spec.group", Doc: "d"},
		{Path: "spec.group.part", Change: Live, Doc: "d"},
		{Path: "spec.forgotten", Doc: "d"},
		{Path: "spec.mute", Change: Refused},
		{Path: "spec.old", Change: Ignored, Doc: "d"},
		{Path: "spec.older", Change: Ignored, Doc: "d", Why: "w"},
	}})
	want := []string{
		"Kind: spec.forgotten: neither it nor what it is part of has a +sluice:change",
		"Kind: spec.mute has no comment",
		`Kind: spec.old is ignored; its comment must say "no effect here: " and why`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestTable(t *testing.T) {
	got := Table(map[string][]Field{"B": {{Path: "spec"}, {Path: "spec.b", Change: Live}}, "A": {
		{Path: "spec.a", Change: Refused, Why: "it is so"}, {Path: "spec.a.part", Change: Refused, Why: "it is so", Inherited: true},
	}})
	want := "\n## A\n\n| field | changes | |\n| --- | --- | --- |\n| `spec.a` | refused | it is so |\n" +
		"\n## B\n\n| field | changes | |\n| --- | --- | --- |\n| `spec.b` | live |  |\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
