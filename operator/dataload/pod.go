package dataload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/volume"
)

// RunLabel is on the pods of a load: which one's, and which run.
const RunLabel = "sluice.csi.io/load"

// pods makes those of the present run that are missing while it executes, and deletes all others of this load. A node
// that has ended its part needs none any more.
func (r *Reconciler) pods(ctx context.Context, load *v1alpha2.DataLoad) error {
	wanted := map[string]*corev1.Pod{}
	if load.Status.Phase == v1alpha1.OperationPhaseExecuting {
		for _, node := range load.Status.Nodes {
			if nodev1.LoadState(node.State).IsFinal() {
				continue
			}
			pod, err := r.pod(load, node.Node)
			if err != nil {
				return err
			}
			wanted[pod.Name] = pod
		}
	}
	present := &corev1.PodList{}
	if err := r.Client.List(ctx, present, client.InNamespace(load.Namespace), client.MatchingLabels{RunLabel: string(load.UID)}); err != nil {
		return err
	}
	for i := range present.Items {
		pod := &present.Items[i]
		hasEnded := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed // evicted, say
		if wanted[pod.Name] != nil && !hasEnded {
			delete(wanted, pod.Name)
			continue
		}
		delete(wanted, pod.Name) // the next one has its name: when this one has gone
		if pod.DeletionTimestamp == nil {
			if err := client.IgnoreNotFound(r.Client.Delete(ctx, pod)); err != nil {
				return err
			}
		}
	}
	for _, pod := range wanted {
		if err := client.IgnoreAlreadyExists(r.Client.Create(ctx, pod)); err != nil {
			return fmt.Errorf("pod %s, which is to have the volume mounted: %w", pod.Name, err)
		}
	}
	return nil
}

// pod has the Dataset's claim mounted on a node, and does nothing: the node's cache reads by itself. It is one that Pod
// Security calls restricted.
func (r *Reconciler) pod(load *v1alpha2.DataLoad, node string) (*corev1.Pod, error) {
	spec, err := template(load)
	if err != nil {
		return nil, err
	}
	metadata := metav1.ObjectMeta{
		Namespace: load.Namespace, Name: podName(load, node), Labels: map[string]string{}, Annotations: map[string]string{},
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(load, v1alpha2.GroupVersion.WithKind("DataLoad"))},
	}
	if given := load.Spec.PodMetadata; given != nil {
		maps.Copy(metadata.Labels, given.Labels)
		maps.Copy(metadata.Annotations, given.Annotations)
	}
	metadata.Labels[RunLabel] = string(load.UID)
	metadata.Labels[volume.ManagedByLabel] = volume.ManagedBy
	spec.Affinity = onNode(spec.Affinity, node)
	spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}} // the node was chosen with all that is said of taints
	spec.RestartPolicy = corev1.RestartPolicyAlways
	spec.AutomountServiceAccountToken = ptr.To(false)
	spec.EnableServiceLinks = ptr.To(false)
	spec.TerminationGracePeriodSeconds = ptr.To[int64](1)
	spec.SecurityContext = &corev1.PodSecurityContext{
		RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](65532),
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	container := &spec.Containers[0]
	container.Name, container.Image, container.Command = "hold", r.Image, r.Command
	container.SecurityContext = &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
	if container.Resources.Requests == nil && container.Resources.Limits == nil {
		container.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1m"), corev1.ResourceMemory: resource.MustParse("16Mi")}
	}
	container.VolumeMounts = []corev1.VolumeMount{{Name: "dataset", MountPath: "/data", ReadOnly: true}}
	spec.Volumes = []corev1.Volume{{Name: "dataset", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: load.Spec.Dataset.Name, ReadOnly: true},
	}}}
	return &corev1.Pod{ObjectMeta: metadata, Spec: spec}, nil
}

// onNode adds the node to what is required already.
func onNode(affinity *corev1.Affinity, node string) *corev1.Affinity {
	here := corev1.NodeSelectorRequirement{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}
	terms := []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{here}}}
	if affinity != nil && affinity.NodeAffinity != nil && affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		terms = nil
		for _, term := range affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
			term = *term.DeepCopy()
			term.MatchFields = append(term.MatchFields, here)
			terms = append(terms, term)
		}
	}
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms},
	}}
}

// podName is the same for each try, and fits whatever the load's and the node's names are.
func podName(load *v1alpha2.DataLoad, node string) string {
	const nameMax = 40
	hash := sha256.Sum256([]byte(fmt.Sprintf("%s/%d/%s", load.UID, load.Status.Run, node)))
	name := strings.TrimRight(load.Name[:min(len(load.Name), nameMax)], "-.")
	return fmt.Sprintf("%s-%s", name, hex.EncodeToString(hash[:4]))
}
