package changes

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Said are the fields that say themselves how they change: what holds for their parts as well.
func Said(fields []Field) []Field {
	var said []Field
	for _, field := range fields {
		if field.Change != "" && !field.Inherited {
			said = append(said, field)
		}
	}
	return said
}

// Problems are what the fields of kinds should say and do not: how they change, why they have no effect, what they are.
func Problems(kinds map[string][]Field) []string {
	var problems []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		for i, field := range kinds[kind] {
			hasParts := i+1 < len(kinds[kind]) && strings.HasPrefix(kinds[kind][i+1].Path, field.Path+".")
			switch {
			case field.Change == "" && !hasParts:
				problems = append(problems, fmt.Sprintf("%s: %s: neither it nor what it is part of has a +sluice:change", kind, field.Path))
			case field.Change == Ignored && field.Why == "":
				problems = append(problems, fmt.Sprintf(`%s: %s is ignored; its comment must say "no effect here: " and why`, kind, field.Path))
			case field.Doc == "" && field.Path != "spec":
				problems = append(problems, fmt.Sprintf("%s: %s has no comment", kind, field.Path))
			}
		}
	}
	return problems
}

// Table in Markdown of the fields of kinds that say how they change.
func Table(kinds map[string][]Field) string {
	var text strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Fprintf(&text, "\n## %s\n\n| field | changes | |\n| --- | --- | --- |\n", kind)
		for _, field := range Said(kinds[kind]) {
			fmt.Fprintf(&text, "| `%s` | %s | %s |\n", field.Path, field.Change, field.Why)
		}
	}
	return text.String()
}
