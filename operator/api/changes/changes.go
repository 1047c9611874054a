// Package changes reads from the source of an API package how a change of each of its fields applies: what the markers
// +sluice:change and +sluice:why say (their meaning: api/v1alpha1/doc.go). The table in the documents is made of it, and
// a test of each API package asks it whether a field was forgotten.
package changes

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
)

// Change is how a change of a field applies.
type Change string

// The ways.
const (
	Live    Change = "live"
	Rolling Change = "rolling"
	Refused Change = "refused"
	Ignored Change = "ignored"
)

// Field is a field of a kind.
type Field struct {
	Path      string // as in JSON: "spec.mounts[].path"
	Change    Change // empty if neither the field nor one that it is part of says it
	Inherited bool   // it is said of a field that this one is part of
	Why       string // what +sluice:why says, or the comment after "no effect here: "; empty if neither is there
	Default   string // what the API server fills in
	Required  bool   // the schema insists on it
	Doc       string // in one line, without markers
}

// Read is the fields of all kinds of the package in a directory, by kind, in the order of the source; no kind's status is
// among them. Packages whose types it uses, and that are to be looked into, are in `imported`: directories of the
// packages' names.
//
// Errors: a source that cannot be parsed; a change that is none of the above.
func Read(directory string, imported ...string) (map[string][]Field, error) {
	types := packageTypes{}
	if err := types.parse(directory, ""); err != nil {
		return nil, err
	}
	for _, other := range imported {
		if err := types.parse(other, filepath.Base(other)+"."); err != nil {
			return nil, err
		}
	}
	kinds := map[string][]Field{}
	for name, declared := range types {
		if declared.qualifier != "" || strings.HasSuffix(name, "List") ||
			!strings.Contains(declared.doc, "+kubebuilder:object:root=true") {
			continue
		}
		fields, err := types.fieldsOf(declared, Field{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		kinds[name] = fields
	}
	return kinds, nil
}

type declaration struct {
	doc       string
	qualifier string // of the package that it is in: "v1alpha1.", or nothing
	structure *ast.StructType
}

// packageTypes are structs by qualified name.
type packageTypes map[string]declaration

func (types packageTypes) parse(directory, qualifier string) error {
	sources, err := filepath.Glob(filepath.Join(directory, "*.go"))
	if err != nil {
		return err
	}
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, declared := range file.Decls {
			types.add(declared, qualifier)
		}
	}
	return nil
}

func (types packageTypes) add(declared ast.Decl, qualifier string) {
	general, ok := declared.(*ast.GenDecl)
	if !ok || general.Tok != token.TYPE {
		return
	}
	for _, spec := range general.Specs {
		typeSpec := spec.(*ast.TypeSpec)
		if structure, ok := typeSpec.Type.(*ast.StructType); ok {
			types[qualifier+typeSpec.Name.Name] = declaration{raw(general.Doc), qualifier, structure}
		}
	}
}

func (types packageTypes) fieldsOf(declared declaration, parent Field) ([]Field, error) {
	var fields []Field
	for _, source := range declared.structure.Fields.List {
		name, inline := jsonName(source)
		typeName, lists := typeOf(source.Type, declared.qualifier)
		below, known := types[typeName]
		switch {
		case name == "metadata" || name == "-" || parent.Path == "" && name == "status":
			continue
		case inline && !known:
			continue // metav1.TypeMeta
		case inline:
			inlined, err := types.fieldsOf(below, parent)
			if err != nil {
				return nil, err
			}
			fields = append(fields, inlined...)
			continue
		}
		field, err := read(source, name, parent)
		if err != nil {
			return nil, err
		}
		fields = append(fields, field)
		if known {
			field.Path += strings.Repeat("[]", lists)
			inside, err := types.fieldsOf(below, field)
			if err != nil {
				return nil, err
			}
			fields = append(fields, inside...)
		}
	}
	return fields, nil
}

// read is one field: what it says itself, or else what is said of the one that it is part of. What is part of something
// without effect has none.
func read(source *ast.Field, name string, parent Field) (Field, error) {
	field := Field{Path: strings.TrimPrefix(parent.Path+"."+name, ".")}
	var words []string
	for line := range strings.Lines(raw(source.Doc)) {
		line = strings.TrimSpace(line)
		if change, ok := strings.CutPrefix(line, "+sluice:change="); ok {
			field.Change = Change(change)
		} else if why, ok := strings.CutPrefix(line, "+sluice:why="); ok {
			field.Why = why
		} else if value, ok := strings.CutPrefix(line, "+kubebuilder:default="); ok {
			field.Default = strings.Trim(value, `"`)
		} else if line == "+kubebuilder:validation:Required" {
			field.Required = true
		} else if !strings.HasPrefix(line, "+") {
			words = append(words, line)
		}
	}
	field.Doc = strings.TrimSpace(strings.Join(words, " "))
	switch field.Change {
	case "", Live, Rolling, Refused, Ignored:
	default:
		return Field{}, fmt.Errorf("%s: +sluice:change=%s: live, rolling, refused and ignored are known", field.Path, field.Change)
	}
	if field.Why == "" {
		_, why, _ := strings.Cut(field.Doc, "no effect here: ")
		why, _, _ = strings.Cut(why, ". ")
		field.Why = strings.TrimSuffix(why, ".")
	}
	if field.Change == "" || parent.Change == Ignored {
		field.Change, field.Why, field.Inherited = parent.Change, parent.Why, parent.Change != ""
	}
	return field, nil
}

func raw(comments *ast.CommentGroup) string {
	if comments == nil {
		return ""
	}
	var lines []string
	for _, comment := range comments.List {
		lines = append(lines, strings.TrimPrefix(comment.Text, "//"))
	}
	return strings.Join(lines, "\n")
}

// jsonName is the name in JSON, and whether the fields of this one stand in its place.
func jsonName(field *ast.Field) (name string, inline bool) {
	if field.Tag == nil {
		return "", len(field.Names) == 0
	}
	name, options, _ := strings.Cut(reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("json"), ",")
	return name, options == "inline"
}

// typeOf is the qualified name of what a field is, or is a pointer to or a list of.
func typeOf(expression ast.Expr, qualifier string) (name string, lists int) {
	switch kind := expression.(type) {
	case *ast.Ident:
		return qualifier + kind.Name, 0
	case *ast.SelectorExpr:
		if from, ok := kind.X.(*ast.Ident); ok {
			return from.Name + "." + kind.Sel.Name, 0
		}
	case *ast.StarExpr:
		return typeOf(kind.X, qualifier)
	case *ast.ArrayType:
		name, lists = typeOf(kind.Elt, qualifier)
		return name, lists + 1
	}
	return "", 0
}
