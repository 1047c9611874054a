package admission

import (
	"context"
	"fmt"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/cachepool"
	"github.com/sluice-cache/sluice/operator/dataload"
	"github.com/sluice-cache/sluice/operator/dataset"
	"github.com/sluice-cache/sluice/operator/describe"
	"github.com/sluice-cache/sluice/operator/policy"
	"github.com/sluice-cache/sluice/operator/runtimes"
	"github.com/sluice-cache/sluice/operator/translate"
)

// Objects refuses objects of data.fluid.io, and CachePools, that cannot work, with each field's path, the reason and what would be right,
// and warns of what is accepted and has no effect. It sees every version as v1alpha2.
type Objects struct {
	Client  client.Reader
	Policy  policy.Policy
	Decoder admission.Decoder
	// Refused is told the kind of each object that is.
	Refused func(kind string)
}

// verdict on one object.
type verdict struct {
	warnings []translate.Warning
	errors   field.ErrorList
}

// judges of each kind. The error is one of ours, not of the object's.
var judges = map[string]struct {
	new   func() client.Object
	judge func(context.Context, *Objects, client.Object) (verdict, error)
}{
	"Dataset":            {func() client.Object { return &v1alpha2.Dataset{} }, judgeDataset},
	"DataLoad":           {func() client.Object { return &v1alpha2.DataLoad{} }, judgeDataLoad},
	"CacheRuntime":       {func() client.Object { return &v1alpha2.CacheRuntime{} }, judgeRuntime},
	"AlluxioRuntime":     {func() client.Object { return &v1alpha2.AlluxioRuntime{} }, judgeRuntime},
	"JuiceFSRuntime":     {func() client.Object { return &v1alpha2.JuiceFSRuntime{} }, judgeRuntime},
	"JindoRuntime":       {func() client.Object { return &v1alpha2.JindoRuntime{} }, judgeRuntime},
	"ThinRuntime":        {func() client.Object { return &v1alpha2.ThinRuntime{} }, judgeRuntime},
	"CacheRuntimeClass":  {func() client.Object { return &v1alpha2.CacheRuntimeClass{} }, judgeClass("CacheRuntimeClass")},
	"CachePool":          {func() client.Object { return &nodev1.CachePool{} }, judgeCachePool},
	"ThinRuntimeProfile": {func() client.Object { return &v1alpha2.ThinRuntimeProfile{} }, judgeClass("ThinRuntimeProfile")},
}

// Handle answers the API server.
func (o *Objects) Handle(ctx context.Context, request admission.Request) admission.Response {
	kind, known := judges[request.Kind.Kind]
	if !known {
		return admission.Errored(http.StatusBadRequest, fmt.Errorf("no object of kind %s is judged here", request.Kind.Kind))
	}
	object := kind.new()
	if err := o.Decoder.DecodeRaw(request.Object, object); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if object.GetDeletionTimestamp() != nil { // it is going: nothing about it must be held up
		return admission.Allowed("")
	}
	if object.GetNamespace() == "" {
		object.SetNamespace(request.Namespace)
	}
	found, err := kind.judge(ctx, o, object)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	if request.Operation == admissionv1.Update {
		before := kind.new()
		if err := o.Decoder.DecodeRaw(request.OldObject, before); err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}
		found.errors = append(found.errors, refusedChanges(request.Kind.Kind, before, object)...)
	}
	if len(found.errors) > 0 {
		o.Refused(request.Kind.Kind)
	}
	return respond(request, object, found)
}

func respond(request admission.Request, object client.Object, found verdict) admission.Response {
	response := admission.Allowed("")
	if len(found.errors) > 0 {
		group := schema.GroupKind{Group: request.Kind.Group, Kind: request.Kind.Kind}
		invalid := apierrors.NewInvalid(group, object.GetName(), found.errors)
		response = admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Allowed: false, Result: &invalid.ErrStatus}}
	}
	for _, warning := range found.warnings {
		response.Warnings = append(response.Warnings, warning.String())
	}
	return response
}

func judgeDataset(ctx context.Context, o *Objects, object client.Object) (verdict, error) {
	given := object.(*v1alpha2.Dataset)
	input, _, err := dataset.Input(ctx, o.Client, given, o.Policy)
	if err != nil {
		return verdict{}, err
	}
	description, warnings, errors := describe.Dataset(input)
	quota, err := o.checkQuota(ctx, given, description.Cache)
	return verdict{warnings, append(errors, quota...)}, err
}

func judgeDataLoad(_ context.Context, _ *Objects, object client.Object) (verdict, error) {
	load := object.(*v1alpha2.DataLoad)
	_, warnings, _ := translate.Load(&load.Spec)
	return verdict{append(translate.Ignored("DataLoad", load), warnings...), dataload.Validate(load)}, nil
}

func judgeRuntime(ctx context.Context, o *Objects, object client.Object) (verdict, error) {
	settings, errors, err := runtimes.Settings(ctx, o.Client, object)
	return verdict{settings.Warnings, errors}, err
}

func judgeCachePool(_ context.Context, _ *Objects, object client.Object) (verdict, error) {
	pool := object.(*nodev1.CachePool)
	if _, err := cachepool.Configuration(pool.Spec); err != nil {
		return verdict{errors: field.ErrorList{field.Invalid(field.NewPath("spec"), "", err.Error())}}, nil
	}
	return verdict{}, nil
}

func judgeClass(kind string) func(context.Context, *Objects, client.Object) (verdict, error) {
	return func(_ context.Context, _ *Objects, object client.Object) (verdict, error) {
		return verdict{warnings: translate.Ignored(kind, object)}, nil
	}
}
