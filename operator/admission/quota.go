package admission

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/dataset"
	"github.com/sluice-cache/sluice/operator/describe"
	"github.com/sluice-cache/sluice/operator/phase"
	"github.com/sluice-cache/sluice/operator/volume"
)

var mediaOfFluid = map[v1alpha1.MediumType]string{v1alpha1.Memory: "dram", v1alpha1.SSD: "ssd", v1alpha1.HDD: "hdd"}

// checkQuota compares what all Datasets of the namespace may take of a node with what the cluster allows it. A Dataset
// without limits of its own would take whatever there is, so it must have some where its namespace has a quota.
func (o *Objects) checkQuota(ctx context.Context, given *v1alpha2.Dataset, input describe.Input) (errors field.ErrorList, err error) {
	for fluid, medium := range mediaOfFluid {
		allowed := o.Policy.QuotaOf(given.Namespace, fluid)
		if allowed == nil {
			continue
		}
		at := field.NewPath("spec", "cache", "tiers")
		mine, limited := takes(input, medium)
		if !limited {
			errors = append(errors, field.Required(at, fmt.Sprintf(
				"namespace '%s' has a quota of %s of %s on each node: say how much of it the Dataset may take: - {medium: %s, quota: …}",
				given.Namespace, allowed.String(), fluid, fluid)))
			continue
		}
		others, err := o.othersTake(ctx, given, medium)
		if err != nil {
			return errors, err
		}
		if mine > 0 && mine+others > allowed.Value() {
			errors = append(errors, field.Forbidden(at, fmt.Sprintf(
				"%s of %s, with %s of the namespace's other Datasets, are more than the %s that namespace '%s' may take of each node; at most %s are left",
				phase.Size(mine), fluid, phase.Size(others), phase.Size(allowed.Value()), given.Namespace, phase.Size(max(0, allowed.Value()-others)))))
		}
	}
	return errors, nil
}

func (o *Objects) othersTake(ctx context.Context, given *v1alpha2.Dataset, medium string) (sum int64, err error) {
	list := &v1alpha2.DatasetList{}
	if err := o.Client.List(ctx, list, client.InNamespace(given.Namespace)); err != nil {
		return 0, err
	}
	for i := range list.Items {
		if list.Items[i].Name == given.Name {
			continue
		}
		input, _, err := dataset.Input(ctx, o.Client, &list.Items[i], o.Policy)
		if err != nil {
			return 0, err
		}
		bytes, _ := takes(input, medium)
		sum += bytes
	}
	return sum, nil
}

// takes is how much of a medium a Dataset may take of each node; not limited: as much as there is.
func takes(input describe.Input, medium string) (bytes int64, limited bool) {
	description, _, _ := describe.Dataset(input)
	return volume.Takes(description.Cache, medium)
}
