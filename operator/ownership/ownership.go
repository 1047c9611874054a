// Package ownership finds out whose the API group data.fluid.io is in this cluster. Fluid's own controllers would fight
// with ours over every object: the operator does nothing while they are there, and says so.
package ownership

import (
	"context"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	storagev1 "k8s.io/api/storage/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Our CRDs carry this annotation; Fluid's do not.
const (
	OwnerAnnotation = "sluice.csi.io/owner"
	Owner           = "sluice"
)

// What shows that Fluid is installed.
const (
	fluidWebhook = "fluid-pod-admission-webhook"
	fluidDriver  = "fuse.csi.fluid.io"
)

// Check says why the operator must not work in this cluster; nil: it may. CRDs are those that must be ours.
func Check(ctx context.Context, reader client.Reader, crds []string) error {
	for _, name := range crds {
		crd := &metav1.PartialObjectMetadata{}
		crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
		if err := reader.Get(ctx, client.ObjectKey{Name: name}, crd); err != nil {
			return fmt.Errorf("CustomResourceDefinition %s: %w; install those of this chart", name, err)
		}
		if crd.Annotations[OwnerAnnotation] != Owner {
			return fmt.Errorf("CustomResourceDefinition %s is not Sluice's (it lacks the annotation %s: %s): Fluid is installed here, or was; "+
				"the guide for moving from Fluid says how to go on", name, OwnerAnnotation, Owner)
		}
	}
	for object, name := range map[client.Object]string{
		&admissionv1.MutatingWebhookConfiguration{}: fluidWebhook,
		&storagev1.CSIDriver{}:                      fluidDriver,
	} {
		err := reader.Get(ctx, client.ObjectKey{Name: name}, object)
		if err == nil {
			return fmt.Errorf("%T %s is there: Fluid is installed in this cluster, and its controllers would work on the same objects; "+
				"uninstall it first, the guide for moving from Fluid says how", object, name)
		}
		if !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}
