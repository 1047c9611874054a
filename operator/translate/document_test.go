package translate

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/fluid.md")

const document = "../../docs/fluid.md"

// docs/fluid.md has the tables of this package between "<!-- NAME -->" and "<!-- end -->".
func TestDocument(t *testing.T) {
	content, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for name, table := range map[string]string{
		"sources": sourceTable(), "no client": otherStoreTable(), "options": optionTable(), "parameters": parameterList(),
		"without effect": withoutEffectTable(),
	} {
		section := regexp.MustCompile(`(?s)(<!-- ` + name + ` -->\n).*?(<!-- end -->)`)
		if !section.MatchString(text) {
			t.Errorf("there is no section %q", name)
			continue
		}
		text = section.ReplaceAllStringFunc(text, func(string) string { return "<!-- " + name + " -->\n" + table + "<!-- end -->" })
	}
	if *update {
		if err := os.WriteFile(document, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text != string(content) {
		t.Error("docs/fluid.md is not what the code says; run go test ./translate -update")
	}
}

func table(columns string, rows []string) string {
	heads := strings.Count(columns, "|") + 1
	return "| " + columns + " |\n|" + strings.Repeat(" --- |", heads) + "\n" + strings.Join(rows, "\n") + "\n"
}

func code(words []string) string { return "`" + strings.Join(words, "`, `") + "`" }

// together are the keys of equal values, in order.
func together(values map[string]string) (rows [][2]string) {
	byValue := map[string][]string{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		byValue[values[key]] = append(byValue[values[key]], key)
	}
	for value, keys := range byValue {
		rows = append(rows, [2]string{code(keys), value})
	}
	slices.SortFunc(rows, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return rows
}

func sourceTable() string {
	sources := maps.Clone(plainSchemes)
	for scheme, provider := range providers {
		sources[scheme] = provider.name + " | "
		switch {
		case provider.needsEndpoint && provider.endpoint != "":
			sources[scheme] += "`endpoint`, or `region`: `" + fmt.Sprintf(provider.endpoint, "REGION") + "`"
		case provider.needsEndpoint:
			sources[scheme] += "`endpoint`"
		case provider.endpoint != "":
			sources[scheme] += "nothing; `" + provider.endpoint + "`"
		default:
			sources[scheme] += "nothing on AWS, else `endpoint`"
		}
	}
	var rows []string
	for _, row := range together(sources) {
		if !strings.Contains(row[1], " | ") {
			row[1] += " | "
		}
		rows = append(rows, "| "+row[0]+" | "+row[1]+" |")
	}
	return table("scheme | is | needs", rows)
}

func otherStoreTable() string {
	var rows []string
	for _, row := range together(otherStores) {
		rows = append(rows, "| "+row[0]+" | "+row[1]+" |")
	}
	return table("scheme | instead", rows)
}

func withoutEffectTable() string {
	var rows []string
	for _, row := range together(withoutEffect) {
		rows = append(rows, "| "+row[0]+" | "+row[1]+" |")
	}
	return table("option | why", rows)
}

func optionTable() string {
	var rows []string
	for _, what := range []meaning{endpoint, region, pathStyle, tls, accessKeyID, secretAccessKey, sessionToken} {
		var all []string
		byScheme := map[string][]string{}
		for _, name := range optionNames(false) {
			known := sourceOptions[name]
			switch {
			case known.meaning != what:
			case known.schemes == nil:
				all = append(all, name)
			default:
				of := code(known.schemes)
				byScheme[of] = append(byScheme[of], name)
			}
		}
		first := "| " + explained[what]
		if len(all) > 0 {
			rows = append(rows, first+" | "+code(all)+" | all with the S3 API |")
			first = "|"
		}
		for _, of := range slices.Sorted(maps.Keys(byScheme)) {
			rows = append(rows, first+" | "+code(byScheme[of])+" | "+of+" |")
			first = "|"
		}
	}
	return table("says | names | of", rows)
}

var explained = map[meaning]string{
	endpoint: "URL of the S3 API", region: "region, for the signature", pathStyle: "`true`: the bucket is in the path, `false`: in the host's name",
	tls: "`true`: https, if the endpoint has no scheme", accessKeyID: "access key", secretAccessKey: "secret key", sessionToken: "session token",
}

func parameterList() string { return code(volumeParameterNames) + "\n" }
