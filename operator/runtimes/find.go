// Package runtimes finds the runtime of a Dataset, of whatever kind, and says in each one's status what has become of it.
//
//	find.go       the runtime of a name ─► its settings
//	reconcile.go  the status of each kind
package runtimes

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/translate"
)

// Found is a runtime and what it says.
type Found struct {
	Object   client.Object
	Kind     string // "AlluxioRuntime"
	Type     string // "alluxio": Fluid's word in a Dataset's status
	Settings translate.CacheSettings
	Errors   field.ErrorList
}

// kind is one kind of runtime.
type kind struct {
	name, typeName string
	new            func() client.Object
	settings       func(context.Context, client.Reader, client.Object) (translate.CacheSettings, field.ErrorList, error)
}

// kinds in the order in which they count, should a Dataset have several.
var kinds = []kind{
	{"CacheRuntime", "cache", func() client.Object { return &v1alpha2.CacheRuntime{} }, cacheSettings},
	{"AlluxioRuntime", "alluxio", func() client.Object { return &v1alpha2.AlluxioRuntime{} }, plain(func(object client.Object) (translate.CacheSettings, field.ErrorList) {
		return translate.Alluxio(&object.(*v1alpha2.AlluxioRuntime).Spec)
	})},
	{"JuiceFSRuntime", "juicefs", func() client.Object { return &v1alpha2.JuiceFSRuntime{} }, plain(func(object client.Object) (translate.CacheSettings, field.ErrorList) {
		return translate.JuiceFS(&object.(*v1alpha2.JuiceFSRuntime).Spec)
	})},
	{"JindoRuntime", "jindo", func() client.Object { return &v1alpha2.JindoRuntime{} }, plain(func(object client.Object) (translate.CacheSettings, field.ErrorList) {
		return translate.Jindo(&object.(*v1alpha2.JindoRuntime).Spec)
	})},
	{"ThinRuntime", "thin", func() client.Object { return &v1alpha2.ThinRuntime{} }, thinSettings},
}

// Objects are empty ones of all kinds, for watches.
func Objects() (objects []client.Object) {
	for _, kind := range kinds {
		objects = append(objects, kind.new())
	}
	return objects
}

// Phase of a runtime of any kind.
func Phase(object client.Object) string { return string(statusOf(object).Phase) }

// All runtimes of a Dataset's name, in the order in which they count: the first one's settings hold.
func All(ctx context.Context, reader client.Reader, key client.ObjectKey) (found []Found, err error) {
	for _, kind := range kinds {
		object := kind.new()
		err := reader.Get(ctx, key, object)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if object.GetDeletionTimestamp() != nil {
			continue
		}
		settings, wrong, err := kind.settings(ctx, reader, object)
		if err != nil {
			return nil, err
		}
		found = append(found, Found{object, kind.name, kind.typeName, settings, wrong})
	}
	return found, nil
}

// Settings of one runtime, whatever its kind.
func Settings(ctx context.Context, reader client.Reader, object client.Object) (translate.CacheSettings, field.ErrorList, error) {
	for _, kind := range kinds {
		if fmt.Sprintf("%T", kind.new()) == fmt.Sprintf("%T", object) {
			return kind.settings(ctx, reader, object)
		}
	}
	return translate.CacheSettings{}, nil, fmt.Errorf("%T is no runtime", object)
}

// Of a Dataset of a name: what its runtime says; nothing, if there is none.
func Of(reader client.Reader) func(ctx context.Context, namespace, name string) (translate.CacheSettings, error) {
	return func(ctx context.Context, namespace, name string) (translate.CacheSettings, error) {
		found, err := All(ctx, reader, client.ObjectKey{Namespace: namespace, Name: name})
		if err != nil || len(found) == 0 {
			return translate.CacheSettings{}, err
		}
		return found[0].Settings, nil
	}
}

func plain(settings func(client.Object) (translate.CacheSettings, field.ErrorList)) func(context.Context, client.Reader, client.Object) (translate.CacheSettings, field.ErrorList, error) {
	return func(_ context.Context, _ client.Reader, object client.Object) (translate.CacheSettings, field.ErrorList, error) {
		result, wrong := settings(object)
		return result, wrong, nil
	}
}

// cacheSettings: a class that is not there is none that says anything. Sluice needs none.
func cacheSettings(ctx context.Context, reader client.Reader, object client.Object) (translate.CacheSettings, field.ErrorList, error) {
	runtime := object.(*v1alpha2.CacheRuntime)
	class := &v1alpha2.CacheRuntimeClass{}
	err := reader.Get(ctx, client.ObjectKey{Name: runtime.Spec.RuntimeClassName}, class)
	if client.IgnoreNotFound(err) != nil {
		return translate.CacheSettings{}, nil, err
	}
	var said *v1alpha1.CacheRuntimeClass
	if err == nil {
		said = &v1alpha1.CacheRuntimeClass{FileSystemType: class.FileSystemType, Topology: class.Topology}
	}
	settings, wrong := translate.Cache(&runtime.Spec, said)
	return settings, wrong, nil
}

func thinSettings(ctx context.Context, reader client.Reader, object client.Object) (translate.CacheSettings, field.ErrorList, error) {
	runtime := object.(*v1alpha2.ThinRuntime)
	profile := &v1alpha2.ThinRuntimeProfile{}
	err := reader.Get(ctx, client.ObjectKey{Name: runtime.Spec.ThinRuntimeProfileName}, profile)
	if client.IgnoreNotFound(err) != nil {
		return translate.CacheSettings{}, nil, err
	}
	var said *v1alpha1.ThinRuntimeProfileSpec
	if err == nil {
		said = &profile.Spec
	}
	settings, wrong := translate.Thin(&runtime.Spec, said)
	return settings, wrong, nil
}
