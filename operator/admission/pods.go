// Package admission answers the API server: what a Dataset, a runtime or a DataLoad must be like to be taken, and which
// nodes a pod that uses a Dataset prefers.
//
//	pods.go     pods, on their way in
//	validate.go objects of data.fluid.io, with warnings
package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/nodes"
	"github.com/sluice-cache/sluice/operator/volume"
)

// Labels and annotations that Fluid's users put on pods.
const (
	optOutLabel        = "fluid.io/enable-injection" // "false": leave the pod as it is
	requiredPrefix     = "fluid.io/dataset."         // fluid.io/dataset.NAME.sched: required
	requiredSuffix     = ".sched"
	inUseAnnotation    = "fluid.io/datasets-in-use"
	sidecarLabel       = "serverless.fluid.io/inject"
	prefetchAnnotation = "file-prefetcher.fluid.io/inject"
)

// Pods makes a pod that uses Datasets prefer the nodes that hold most of them. It needs no label on the pod.
//
// A pod is changed wholly or not at all: whatever goes wrong, it is admitted as it came with a warning, unless it asks for
// nodes that hold the data (fluid.io/dataset.NAME.sched: required); then it is refused, and its owner tries again.
type Pods struct {
	Client client.Reader
	Nodes  *nodes.Index
}

// Handle answers the API server.
func (p *Pods) Handle(ctx context.Context, request admission.Request) admission.Response {
	pod := &corev1.Pod{}
	if err := json.Unmarshal(request.Object.Raw, pod); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if pod.Spec.NodeName != "" || pod.Labels[optOutLabel] == "false" {
		return admission.Allowed("left as it is")
	}
	changed := pod.DeepCopy()
	warnings, err := p.change(ctx, changed, request.Namespace)
	if err != nil && len(requiredDatasets(pod)) > 0 {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	if err != nil {
		return admission.Allowed("").WithWarnings("sluice: no node is preferred: " + err.Error())
	}
	text, err := json.Marshal(changed)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	return admission.PatchResponseFromRaw(request.Object.Raw, text).WithWarnings(warnings...)
}

func (p *Pods) change(ctx context.Context, pod *corev1.Pod, namespace string) (warnings []string, err error) {
	used, err := p.datasets(ctx, pod, namespace)
	if err != nil || len(used) == 0 {
		return nil, err
	}
	var handles, required, names []string
	for _, dataset := range used {
		handles, names = append(handles, volume.Handle(dataset)), append(names, dataset.Name)
		if slices.Contains(requiredDatasets(pod), dataset.Name) {
			required = append(required, volume.Handle(dataset))
		}
	}
	var unread error
	hostname := func(node string) string {
		name, err := p.hostname(ctx, node)
		unread = errors.Join(unread, err)
		return name
	}
	if len(required) > 0 {
		if term := p.Nodes.Requirement(required, hostname); term != nil {
			require(pod, *term)
		} else {
			warnings = append(warnings, "sluice: no node holds data of the datasets that the pod requires; it may run anywhere")
		}
	}
	terms := p.Nodes.Preference(handles, hostname)
	if unread != nil {
		return nil, unread
	}
	if len(terms) > 0 {
		affinity := nodeAffinity(pod)
		affinity.PreferredDuringSchedulingIgnoredDuringExecution = append(affinity.PreferredDuringSchedulingIgnoredDuringExecution, terms...)
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[inUseAnnotation] = strings.Join(names, ",")
	return append(warnings, fluidWarnings(pod)...), nil
}

// datasets whose claims the pod mounts, in the order of its volumes.
func (p *Pods) datasets(ctx context.Context, pod *corev1.Pod, namespace string) (used []*v1alpha2.Dataset, err error) {
	for _, mounted := range pod.Spec.Volumes {
		if mounted.PersistentVolumeClaim == nil {
			continue
		}
		dataset := &v1alpha2.Dataset{}
		err := p.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: mounted.PersistentVolumeClaim.ClaimName}, dataset)
		if apierrors.IsNotFound(err) {
			continue // a claim of another kind
		}
		if err != nil {
			return nil, err
		}
		used = append(used, dataset)
	}
	return used, nil
}

// hostname is a node's label; "": it has none, or is gone.
func (p *Pods) hostname(ctx context.Context, name string) (string, error) {
	node := &corev1.Node{}
	err := p.Client.Get(ctx, client.ObjectKey{Name: name}, node)
	return node.Labels[corev1.LabelHostname], client.IgnoreNotFound(err)
}

func requiredDatasets(pod *corev1.Pod) (names []string) {
	for label, value := range pod.Labels {
		name, hasPrefix := strings.CutPrefix(label, requiredPrefix)
		name, hasSuffix := strings.CutSuffix(name, requiredSuffix)
		if hasPrefix && hasSuffix && value == "required" {
			names = append(names, name)
		}
	}
	return names
}

// require adds a term to each of those that are there: terms are alternatives.
func require(pod *corev1.Pod, term corev1.NodeSelectorTerm) {
	affinity := nodeAffinity(pod)
	selector := affinity.RequiredDuringSchedulingIgnoredDuringExecution
	if selector == nil || len(selector.NodeSelectorTerms) == 0 {
		affinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term}}
		return
	}
	for i := range selector.NodeSelectorTerms {
		present := &selector.NodeSelectorTerms[i]
		present.MatchExpressions = append(present.MatchExpressions, term.MatchExpressions...)
	}
}

func nodeAffinity(pod *corev1.Pod) *corev1.NodeAffinity {
	if pod.Spec.Affinity == nil {
		pod.Spec.Affinity = &corev1.Affinity{}
	}
	if pod.Spec.Affinity.NodeAffinity == nil {
		pod.Spec.Affinity.NodeAffinity = &corev1.NodeAffinity{}
	}
	return pod.Spec.Affinity.NodeAffinity
}

// fluidWarnings are about what Fluid does for a pod and Sluice need not, or does elsewhere.
func fluidWarnings(pod *corev1.Pod) (warnings []string) {
	if pod.Labels[sidecarLabel] == "true" {
		warnings = append(warnings, fmt.Sprintf("sluice: label %s has no effect: no sidecar is needed, the node's cache serves the claim", sidecarLabel))
	}
	if pod.Annotations[prefetchAnnotation] == "true" {
		warnings = append(warnings, fmt.Sprintf("sluice: annotation %s has no effect: make a DataLoad for the files, which shows its progress", prefetchAnnotation))
	}
	return warnings
}
