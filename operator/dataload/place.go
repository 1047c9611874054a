package dataload

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	taints "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/nodes"
	"github.com/sluice-cache/sluice/operator/translate"
	"github.com/sluice-cache/sluice/operator/volume"
)

// place decides which nodes the run is for, once: those that hold most of the dataset already, then those with most room.
// It says what is waited for when there is none.
func (r *Reconciler) place(ctx context.Context, load *v1alpha2.DataLoad, dataset *v1alpha2.Dataset) (waitingFor string, err error) {
	list := &corev1.NodeList{}
	if err := r.Client.List(ctx, list); err != nil {
		return "", err
	}
	runtime, err := r.Runtime(ctx, load.Namespace, load.Spec.Dataset.Name)
	if err != nil {
		return "", err
	}
	may, err := placement(load, dataset, runtime)
	if err != nil {
		return "", err
	}
	byName := map[string]*corev1.Node{}
	for i := range list.Items {
		byName[list.Items[i].Name] = &list.Items[i]
	}
	var candidates []string
	excluded := map[string]int{}
	for _, cache := range r.Nodes.Ready() {
		if why := may.excludes(byName[cache.Name]); why != "" {
			excluded[why]++
			continue
		}
		candidates = append(candidates, cache.Name)
	}
	if len(candidates) == 0 {
		return "a node: " + explain(len(list.Items), len(r.Nodes.Ready()), excluded), nil
	}
	rank(candidates, r.Nodes, volume.Handle(dataset))
	load.Status.Nodes = nil
	for _, node := range candidates[:min(len(candidates), int(wanted(load, runtime)))] {
		load.Status.Nodes = append(load.Status.Nodes, v1alpha2.LoadNode{Node: node})
	}
	load.Status.DatasetGeneration = dataset.Generation
	return "", nil
}

// wanted is how many nodes are to hold the data.
func wanted(load *v1alpha2.DataLoad, runtime translate.CacheSettings) int32 {
	if load.Spec.Nodes != nil {
		return *load.Spec.Nodes
	}
	most := int32(0)
	for _, target := range load.Spec.Target {
		if target.Replicas != nil {
			most = max(most, *target.Replicas)
		}
	}
	if most > 0 {
		return most
	}
	return max(1, runtime.Replicas)
}

// where is what the Dataset, its runtime and the load together say of nodes.
type where struct {
	affinity    nodeaffinity.RequiredNodeAffinity
	dataset     *nodeaffinity.NodeSelector
	runtime     labels.Selector
	tolerations []corev1.Toleration
}

func placement(load *v1alpha2.DataLoad, dataset *v1alpha2.Dataset, runtime translate.CacheSettings) (where, error) {
	pod, err := template(load)
	if err != nil {
		return where{}, err
	}
	may := where{
		affinity: nodeaffinity.GetRequiredNodeAffinity(&corev1.Pod{Spec: pod}), runtime: labels.SelectorFromSet(runtime.NodeSelector),
		tolerations: slices.Concat(dataset.Spec.Tolerations, runtime.Tolerations, pod.Tolerations),
	}
	if required := dataset.Spec.NodeAffinity; required != nil && required.Required != nil {
		if may.dataset, err = nodeaffinity.NewNodeSelector(required.Required); err != nil {
			return where{}, fmt.Errorf("the Dataset's nodeAffinity: %w", err)
		}
	}
	return may, nil
}

// excludes says why a node is none for the load; "": it is one.
func (w where) excludes(node *corev1.Node) string {
	if node == nil {
		return "gone"
	}
	if node.Spec.Unschedulable {
		return "cordoned"
	}
	if w.dataset != nil && !w.dataset.Match(node) {
		return "not in the Dataset's nodeAffinity"
	}
	if !w.runtime.Matches(labels.Set(node.Labels)) {
		return "not in the runtime's nodeSelector"
	}
	if matches, err := w.affinity.Match(node); err != nil || !matches {
		return "not in the DataLoad's nodeSelector or affinity"
	}
	if _, untolerated := taints.FindMatchingUntoleratedTaint(klog.Background(), node.Spec.Taints, w.tolerations, func(t *corev1.Taint) bool {
		return t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
	}, false); untolerated {
		return "tainted, and not tolerated"
	}
	return ""
}

func rank(candidates []string, index *nodes.Index, handle string) {
	held := map[string]int64{}
	for _, holder := range index.Holders(handle) {
		held[holder.Node.Name] = holder.Volume.Cached()
	}
	free := map[string]int64{}
	for _, cache := range index.Ready() {
		for _, tier := range cache.Status.Tiers {
			free[cache.Name] += tier.QuotaBytes - tier.UsedBytes
		}
	}
	slices.SortStableFunc(candidates, func(a, b string) int {
		return cmp.Or(cmp.Compare(held[b], held[a]), cmp.Compare(free[b], free[a]))
	})
}

func explain(all, ready int, excluded map[string]int) string {
	text := fmt.Sprintf("of %d nodes %d have a cache that is ready", all, ready)
	var reasons []string
	for why, count := range excluded {
		reasons = append(reasons, fmt.Sprintf("%d %s", count, why))
	}
	slices.Sort(reasons)
	if len(reasons) > 0 {
		text += "; of these " + strings.Join(reasons, ", ")
	}
	return text
}

// template is what the DataLoad says of its pods.
func template(load *v1alpha2.DataLoad) (corev1.PodSpec, error) {
	spec := corev1.PodSpec{NodeSelector: load.Spec.NodeSelector, SchedulerName: load.Spec.SchedulerName}
	decode := func(field string, fragment *v1alpha1.PodFragment, into any) error {
		if fragment == nil || len(fragment.Raw) == 0 {
			return nil
		}
		if err := json.Unmarshal(fragment.Raw, into); err != nil {
			return fmt.Errorf("spec.%s: %w", field, err)
		}
		return nil
	}
	if err := decode("affinity", load.Spec.Affinity, &spec.Affinity); err != nil {
		return spec, err
	}
	for i := range load.Spec.Tolerations {
		var toleration corev1.Toleration
		if err := decode(fmt.Sprintf("tolerations[%d]", i), &load.Spec.Tolerations[i], &toleration); err != nil {
			return spec, err
		}
		spec.Tolerations = append(spec.Tolerations, toleration)
	}
	var resources corev1.ResourceRequirements
	if err := decode("resources", load.Spec.Resources, &resources); err != nil {
		return spec, err
	}
	spec.Containers = []corev1.Container{{Resources: resources}}
	if spec.Affinity != nil { // where other pods are is the scheduler's business, and these pods are placed
		spec.Affinity = &corev1.Affinity{NodeAffinity: spec.Affinity.NodeAffinity}
	}
	if _, err := labels.ValidatedSelectorFromSet(spec.NodeSelector); err != nil {
		return spec, fmt.Errorf("spec.nodeSelector: %w", err)
	}
	return spec, nil
}
