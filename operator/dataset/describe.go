package dataset

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/dataload"
	"github.com/sluice-cache/sluice/operator/describe"
	"github.com/sluice-cache/sluice/operator/policy"
	"github.com/sluice-cache/sluice/operator/runtimes"
	"github.com/sluice-cache/sluice/operator/volume"
)

// described is a Dataset with everything that it has to do with.
type described struct {
	volume     volume.Description
	refusal    string // why there can be no volume; empty: there can
	runtimes   []v1alpha1.Runtime
	operations map[string]string
	references []string
}

func (r *Reconciler) describe(ctx context.Context, dataset *v1alpha2.Dataset) (described, error) {
	var result described
	input, found, err := Input(ctx, r.Client, dataset, r.Policy)
	if err != nil {
		return result, err
	}
	for _, runtime := range found {
		result.runtimes = append(result.runtimes, v1alpha1.Runtime{
			Name: runtime.Object.GetName(), Namespace: runtime.Object.GetNamespace(), Category: "Accelerate", Type: runtime.Type,
		})
	}
	description, _, wrong := describe.Dataset(input)
	result.volume = description
	for _, runtime := range found[:min(1, len(found))] {
		for _, err := range runtime.Errors {
			result.refusal = fmt.Sprintf("%s %s: %s", runtime.Kind, runtime.Object.GetName(), err.Error())
		}
	}
	if err := wrong.ToAggregate(); err != nil {
		result.refusal = err.Error()
	}
	if result.operations, err = r.operations(ctx, dataset); err != nil {
		return result, err
	}
	result.references, err = r.references(ctx, dataset)
	return result, err
}

// Input is what a Dataset's volume depends on, as it is now.
func Input(ctx context.Context, reader client.Reader, dataset *v1alpha2.Dataset, allowed policy.Policy) (describe.Input, []runtimes.Found, error) {
	input := describe.Input{Dataset: dataset, Policy: allowed}
	found, err := runtimes.All(ctx, reader, client.ObjectKeyFromObject(dataset))
	if err != nil {
		return input, nil, err
	}
	if len(found) > 0 {
		input.Settings = &found[0].Settings
	}
	reference := describe.ReferenceOf(dataset)
	if reference == nil {
		return input, found, nil
	}
	target := &v1alpha2.Dataset{}
	err = reader.Get(ctx, reference.Dataset, target)
	if apierrors.IsNotFound(err) {
		return input, found, nil
	}
	if err != nil {
		return input, nil, err
	}
	input.Referenced = target
	theirs, err := runtimes.All(ctx, reader, reference.Dataset)
	if len(theirs) > 0 {
		input.ReferencedSettings = &theirs[0].Settings
	}
	return input, found, err
}

// operations that are under way on the dataset, by kind.
func (r *Reconciler) operations(ctx context.Context, dataset *v1alpha2.Dataset) (map[string]string, error) {
	list := &v1alpha2.DataLoadList{}
	if err := r.Client.List(ctx, list, client.MatchingFields{dataload.DatasetIndex: key(dataset)}); err != nil {
		return nil, err
	}
	var names []string
	for _, load := range list.Items {
		if load.Status.Phase == v1alpha1.OperationPhaseExecuting {
			names = append(names, load.Name)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	slices.Sort(names)
	return map[string]string{string(v1alpha1.KindDataLoad): strings.Join(names, ",")}, nil
}

// references are the Datasets that show a part of this one.
func (r *Reconciler) references(ctx context.Context, dataset *v1alpha2.Dataset) (names []string, err error) {
	list := &v1alpha2.DatasetList{}
	if err := r.Client.List(ctx, list, client.MatchingFields{referencesIndex: key(dataset)}); err != nil {
		return nil, err
	}
	for i := range list.Items {
		names = append(names, key(&list.Items[i]))
	}
	slices.Sort(names)
	return names, nil
}

func key(object client.Object) string { return object.GetNamespace() + "/" + object.GetName() }
