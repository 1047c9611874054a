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
	for _, name := range t.Validating {
		object := &admissionv1.ValidatingWebhookConfiguration{}
		object.Name = name
		if err := t.install(ctx, object, func() (bundles []*[]byte) {
			for i := range object.Webhooks {
				bundles = append(bundles, &object.Webhooks[i].ClientConfig.CABundle)
			}
			return bundles
		}, bundle); err != nil {
			return err
		}
	}
	for _, name := range t.Mutating {
		object := &admissionv1.MutatingWebhookConfiguration{}
		object.Name = name
		if err := t.install(ctx, object, func() (bundles []*[]byte) {
			for i := range object.Webhooks {
				bundles = append(bundles, &object.Webhooks[i].ClientConfig.CABundle)
			}
			return bundles
		}, bundle); err != nil {
			return err
		}
	}
	for _, name := range t.Converted {
		object := &apiextensionsv1.CustomResourceDefinition{}
		object.Name = name
		if err := t.install(ctx, object, func() []*[]byte {
			if object.Spec.Conversion == nil || object.Spec.Conversion.Webhook == nil || object.Spec.Conversion.Webhook.ClientConfig == nil {
				return nil
			}
			return []*[]byte{&object.Spec.Conversion.Webhook.ClientConfig.CABundle}
		}, bundle); err != nil {
			return err
		}
	}
	return nil
}

// install patches the object's bundles, where there is a difference.
func (t Trust) install(ctx context.Context, object client.Object, bundles func() []*[]byte, bundle []byte) error {
	if err := t.Client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return fmt.Errorf("%T %s, which is to trust the webhooks' certificate: %w", object, object.GetName(), err)
	}
	before := object.DeepCopyObject().(client.Object)
	changed := false
	for _, at := range bundles() {
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
