package chart

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// service has the chart's name and leads to this machine: where no node is, nothing routes to a Service's address. What
// calls it still asks for the certificate of the Service.
func (c Chart) service() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: Name},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost"},
	}
}

// callHere has webhooks called at our port: there is no Service to translate it.
func (c Chart) callHere(object client.Object) {
	port := ptr.To(int32(c.WebhookPort))
	switch configuration := object.(type) {
	case *apiextensionsv1.CustomResourceDefinition:
		if configuration.Spec.Conversion != nil {
			configuration.Spec.Conversion.Webhook.ClientConfig.Service.Port = port
		}
	case *admissionv1.ValidatingWebhookConfiguration:
		for i := range configuration.Webhooks {
			configuration.Webhooks[i].ClientConfig.Service.Port = port
		}
	case *admissionv1.MutatingWebhookConfiguration:
		for i := range configuration.Webhooks {
			configuration.Webhooks[i].ClientConfig.Service.Port = port
		}
	}
}
