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
func (o *Objects) checkQuota(ctx context.Context, given *v1alpha2.Dataset, limits map[string]volume.Limit) (errors field.ErrorList, err error) {
	var others []map[string]volume.Limit
	for fluid, medium := range mediaOfFluid {
		allowed := o.Policy.QuotaOf(given.Namespace, fluid)
		if allowed == nil {
			continue
		}
		at := field.NewPath("spec", "cache", "tiers")
		mine, limited := volume.Takes(limits, medium)
		if !limited {
			errors = append(errors, field.Required(at, fmt.Sprintf(
				"namespace '%s' has a quota of %s of %s on each node: say how much of it the Dataset may take: - {medium: %s, quota: …}",
				given.Namespace, allowed.String(), fluid, fluid)))
			continue
		}
		if others == nil { // read once, where there is a quota
			if others, err = o.limitsOfOthers(ctx, given); err != nil {
				return errors, err
			}
		}
		taken := sumOf(others, medium)
		if mine > 0 && mine+taken > allowed.Value() {
			errors = append(errors, field.Forbidden(at, fmt.Sprintf(
				"%s of %s, with %s of the namespace's other Datasets, are more than the %s that namespace '%s' may take of each node; at most %s are left",
				phase.Size(mine), fluid, phase.Size(taken), phase.Size(allowed.Value()), given.Namespace, phase.Size(max(0, allowed.Value()-taken)))))
		}
	}
	return errors, nil
}

// limitsOfOthers are those of the namespace's other Datasets.
func (o *Objects) limitsOfOthers(ctx context.Context, given *v1alpha2.Dataset) ([]map[string]volume.Limit, error) {
	list := &v1alpha2.DatasetList{}
	if err := o.Client.List(ctx, list, client.InNamespace(given.Namespace)); err != nil {
		return nil, err
	}
	limits := []map[string]volume.Limit{}
	for i := range list.Items {
		if list.Items[i].Name == given.Name {
			continue
		}
		input, _, err := dataset.Input(ctx, o.Client, &list.Items[i], o.Policy)
		if err != nil {
			return nil, err
		}
		description, _, _ := describe.Dataset(input)
		limits = append(limits, description.Cache)
	}
	return limits, nil
}

func sumOf(limits []map[string]volume.Limit, medium string) (sum int64) {
	for _, each := range limits {
		bytes, _ := volume.Takes(each, medium)
		sum += bytes
	}
	return sum
}
