package wiring

import (
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/volume"
)

// Caches hold what the controllers read: of Kubernetes' own kinds only what is ours.
func Caches() cache.Options {
	ours := labels.SelectorFromSet(labels.Set{volume.ManagedByLabel: volume.ManagedBy})
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.PersistentVolume{}:      {Label: ours},
			&corev1.PersistentVolumeClaim{}: {Label: ours},
			&corev1.Pod{}:                   {Label: ours},
			&corev1.Node{}:                  {Transform: onlyPlacement},
		},
	}
}

// onlyPlacement keeps what decides whether a node is one for a pod: a thousand nodes with their images are many megabytes.
func onlyPlacement(object any) (any, error) {
	if node, is := object.(*corev1.Node); is {
		node.ManagedFields, node.Annotations, node.Status = nil, nil, corev1.NodeStatus{}
	}
	return object, nil
}

// Scheme of all kinds that the controllers know.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, v1alpha1.AddToScheme, v1alpha2.AddToScheme, nodev1.AddToScheme,
	} {
		utilruntime.Must(add(scheme))
	}
	return scheme
}
