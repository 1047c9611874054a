// Package conversion leads from data.fluid.io/v1alpha1 to v1alpha2, which is stored, and back, and loses nothing.
//
//	remainder.go  what the other version has no field for, in an annotation
//	<kind>.go     the fields that both versions have
//	webhook.go    the API server's ConversionReviews
//
// A conversion copies what both versions can say. What is left over goes with the object as an annotation of the version
// that it was converted to, and is put back when the object returns. It holds only fields that the other version does
// not have, so that an edit made there is never undone.
package conversion

import (
	"encoding/json"
	"fmt"
	"reflect"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The annotations: a JSON merge patch (RFC 7386) over spec, status and other fields beside metadata.
const (
	// remainderOfStored is on v1alpha1 objects: what only v1alpha2 can say.
	remainderOfStored = "v1alpha2.data.fluid.io/remainder"
	// remainderOfFluid is on v1alpha2 objects: what only v1alpha1 can say.
	remainderOfFluid = "v1alpha1.data.fluid.io/remainder"
)

// converter is one direction and its way back. `copyFields` copies all but metadata, as far as the target can say it.
type converter[From, To client.Object] struct {
	newFrom    func() From
	copyFields func(From, To)
	copyBack   func(To, From)
	arriving   string // the annotation on From that has what only To can say
	leaving    string // the annotation on To that takes what only From can say
}

func (c converter[From, To]) convert(from From, to To) error {
	copyMetadata(from, to)
	annotations := to.GetAnnotations()
	patch, hasPatch := annotations[c.arriving]
	delete(annotations, c.arriving)
	delete(annotations, c.leaving)
	c.copyFields(from, to)
	if hasPatch {
		if err := apply(patch, to); err != nil {
			return fmt.Errorf("annotation %s is not what it was when it was written (%w); remove it", c.arriving, err)
		}
	}
	back := c.newFrom()
	c.copyBack(to, back)
	remainder, err := difference(back, from)
	if err != nil {
		return err
	}
	if remainder != "{}" {
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[c.leaving] = remainder
	}
	if len(annotations) == 0 {
		annotations = nil
	}
	to.SetAnnotations(annotations)
	return nil
}

// fieldsOf is the object as JSON without kind and metadata.
func fieldsOf(object client.Object) ([]byte, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	delete(fields, "metadata")
	delete(fields, "kind")
	delete(fields, "apiVersion")
	return json.Marshal(fields)
}

// difference is the merge patch that makes `wanted` of `have`.
func difference(have, wanted client.Object) (string, error) {
	before, err := fieldsOf(have)
	if err != nil {
		return "", err
	}
	after, err := fieldsOf(wanted)
	if err != nil {
		return "", err
	}
	patch, err := jsonpatch.CreateMergePatch(before, after)
	return string(patch), err
}

// apply puts a merge patch into the object, whose metadata stays.
func apply(patch string, object client.Object) error {
	fields, err := fieldsOf(object)
	if err != nil {
		return err
	}
	merged, err := jsonpatch.MergePatch(fields, []byte(patch))
	if err != nil {
		return err
	}
	// Into an empty one: decoding over what is there would keep what the patch removes.
	target := reflect.ValueOf(object).Elem()
	patched := reflect.New(target.Type())
	if err := json.Unmarshal(merged, patched.Interface()); err != nil {
		return err
	}
	patched.Elem().FieldByName("TypeMeta").Set(target.FieldByName("TypeMeta"))
	patched.Elem().FieldByName("ObjectMeta").Set(target.FieldByName("ObjectMeta"))
	target.Set(patched.Elem())
	return nil
}

// copyMetadata copies all of it: the API server lets a conversion change labels and annotations only.
func copyMetadata(from, to client.Object) {
	field := func(object client.Object) reflect.Value {
		return reflect.ValueOf(object).Elem().FieldByName("ObjectMeta")
	}
	field(to).Set(field(from.DeepCopyObject().(client.Object)))
}
