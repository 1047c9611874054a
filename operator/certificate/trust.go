package certificate

import (
	"bytes"
	"context"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Trust is where the API server reads whom to trust: by name, so that the right to change these is all that is needed.
type Trust struct {
	Client     client.Client // not cached
	Validating []string      // ValidatingWebhookConfigurations
	Mutating   []string      // MutatingWebhookConfigurations
	Converted  []string      // CustomResourceDefinitions with a conversion webhook
}

// Install writes the bundle wherever another one stands. A concurrent change of the object is an error; try again.
func (t Trust) Install(ctx context.Context, bundle []byte) error {
	for _, object := range t.objects() {
		if err := t.install(ctx, object, bundle); err != nil {
			return err
		}
	}
	return nil
}

// objects are empty ones of all that trust, with their names.
func (t Trust) objects() (objects []client.Object) {
	named := func(object client.Object, name string) {
		object.SetName(name)
		objects = append(objects, object)
	}
	for _, name := range t.Validating {
		named(&admissionv1.ValidatingWebhookConfiguration{}, name)
	}
	for _, name := range t.Mutating {
		named(&admissionv1.MutatingWebhookConfiguration{}, name)
	}
	for _, name := range t.Converted {
		named(&apiextensionsv1.CustomResourceDefinition{}, name)
	}
	return objects
}

// bundlesIn an object, where they stand.
func bundlesIn(object client.Object) (bundles []*[]byte) {
	switch trusting := object.(type) {
	case *admissionv1.ValidatingWebhookConfiguration:
		for i := range trusting.Webhooks {
			bundles = append(bundles, &trusting.Webhooks[i].ClientConfig.CABundle)
		}
	case *admissionv1.MutatingWebhookConfiguration:
		for i := range trusting.Webhooks {
			bundles = append(bundles, &trusting.Webhooks[i].ClientConfig.CABundle)
		}
	case *apiextensionsv1.CustomResourceDefinition:
		conversion := trusting.Spec.Conversion
		if conversion != nil && conversion.Webhook != nil && conversion.Webhook.ClientConfig != nil {
			bundles = append(bundles, &conversion.Webhook.ClientConfig.CABundle)
		}
	}
	return bundles
}

// install patches the object's bundles, where there is a difference.
func (t Trust) install(ctx context.Context, object client.Object, bundle []byte) error {
	if err := t.Client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return fmt.Errorf("%T %s, which is to trust the webhooks' certificate: %w", object, object.GetName(), err)
	}
	before := object.DeepCopyObject().(client.Object)
	changed := false
	for _, at := range bundlesIn(object) {
		changed = changed || !bytes.Equal(*at, bundle)
		*at = bundle
	}
	if !changed {
		return nil
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := t.Client.Patch(ctx, object, patch); err != nil {
		return fmt.Errorf("%T %s: %w", object, object.GetName(), err)
	}
	return nil
}
