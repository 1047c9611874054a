package conversion

import (
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/conversion"

	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

// Webhook answers the API server's ConversionReviews, for every kind.
func Webhook(scheme *runtime.Scheme) (http.Handler, error) {
	registry := conversion.NewRegistry()
	for _, register := range []func() error{
		kind(scheme, registry, &v1alpha2.Dataset{}, Dataset()),
		kind(scheme, registry, &v1alpha2.DataLoad{}, DataLoad()),
		kind(scheme, registry, &v1alpha2.CacheRuntime{}, CacheRuntime()),
		kind(scheme, registry, &v1alpha2.CacheRuntimeClass{}, CacheRuntimeClass()),
		kind(scheme, registry, &v1alpha2.ThinRuntime{}, ThinRuntime()),
		kind(scheme, registry, &v1alpha2.ThinRuntimeProfile{}, ThinRuntimeProfile()),
		kind(scheme, registry, &v1alpha2.AlluxioRuntime{}, AlluxioRuntime()),
		kind(scheme, registry, &v1alpha2.JuiceFSRuntime{}, JuiceFSRuntime()),
		kind(scheme, registry, &v1alpha2.JindoRuntime{}, JindoRuntime()),
	} {
		if err := register(); err != nil {
			return nil, err
		}
	}
	return conversion.NewWebhookHandler(scheme, registry), nil
}

func kind[Stored client.Object](scheme *runtime.Scheme, registry conversion.Registry, hub Stored, spoke conversion.SpokeConverter[Stored]) func() error {
	return func() error {
		converter, err := conversion.NewHubSpokeConverter(hub, spoke)(scheme)
		if err != nil {
			return err
		}
		kinds, _, err := scheme.ObjectKinds(hub)
		if err != nil {
			return err
		}
		return registry.RegisterConverter(kinds[0].GroupKind(), converter)
	}
}
