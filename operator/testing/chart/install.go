// Package chart puts what deploy/ has for the operator into an API server that runs for a test or a measurement: kinds,
// rights, webhooks; all but its Deployment. The operator is a process of this machine, and the API server calls it there:
// by the chart's own name, with a certificate that is checked.
//
//	install.go  kinds, then the rest
//	webhooks.go where the API server finds the operator
package chart

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Names in the chart.
const (
	Namespace = "sluice-system"
	Name      = "sluice-operator" // of the account, the roles, the Service and the webhooks
	AgentName = "sluice-agent"    // of the role of agents, and who has it
	// Host is what the operator's certificate has to be for.
	Host = Name + "." + Namespace + ".svc"
)

// establishedWithin is how long the API server may take to serve a kind; about a second on an idle machine.
const establishedWithin = time.Minute

// Chart is deploy/ of the repository that the test runs in.
type Chart struct {
	API client.Client // an administrator's
	// WebhookPort of this machine is where the operator listens.
	WebhookPort int
}

// InstallKinds makes the operator's namespace and all kinds, and returns when these are served.
func (c Chart) InstallKinds(ctx context.Context) error {
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}, c.service(),
	} {
		if err := c.create(ctx, object); err != nil {
			return err
		}
	}
	deploy, err := findDeploy()
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(deploy, "helm/sluice/files/crds/*.yaml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("there are no CustomResourceDefinitions in %s: %w", deploy, err)
	}
	for _, file := range files {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := yaml.UnmarshalStrict(text, crd); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		c.callHere(crd)
		if err := c.create(ctx, crd); err != nil {
			return err
		}
		if err := c.waitUntilServed(ctx, crd.Name); err != nil {
			return err
		}
	}
	return nil
}

// InstallOperator makes its account, its rights, those of agents, and its webhooks, as the chart renders them. Kinds come first: from here
// on their objects cannot be written without the operator.
func (c Chart) InstallOperator(ctx context.Context) error {
	deploy, err := findDeploy()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(deploy, "kubernetes/sluice.yaml"))
	if err != nil {
		return err
	}
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		kind := metav1.TypeMeta{}
		if err := yaml.Unmarshal(document, &kind); err != nil {
			return err
		}
		object := installed(kind.Kind)
		if object == nil {
			continue
		}
		if err := yaml.Unmarshal(document, object); err != nil {
			return err
		}
		if object.GetName() != Name && object.GetName() != AgentName {
			continue
		}
		c.callHere(object)
		if err := c.create(ctx, object); err != nil {
			return err
		}
	}
	return nil
}

// installed is an empty object of a kind that InstallOperator makes; nil: it makes none.
func installed(kind string) client.Object {
	switch kind {
	case "ServiceAccount":
		return &corev1.ServiceAccount{}
	case "ClusterRole":
		return &rbacv1.ClusterRole{}
	case "ClusterRoleBinding":
		return &rbacv1.ClusterRoleBinding{}
	case "Role":
		return &rbacv1.Role{}
	case "RoleBinding":
		return &rbacv1.RoleBinding{}
	case "ValidatingWebhookConfiguration":
		return &admissionv1.ValidatingWebhookConfiguration{}
	case "MutatingWebhookConfiguration":
		return &admissionv1.MutatingWebhookConfiguration{}
	}
	return nil
}

func (c Chart) waitUntilServed(ctx context.Context, name string) error {
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, establishedWithin, true, func(ctx context.Context) (bool, error) {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := c.API.Get(ctx, client.ObjectKey{Name: name}, crd); err != nil {
			return false, err
		}
		for _, condition := range crd.Status.Conditions {
			if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("CustomResourceDefinition %s is not served after %v: %w", name, establishedWithin, err)
	}
	return nil
}

func (c Chart) create(ctx context.Context, object client.Object) error {
	if err := c.API.Create(ctx, object); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("%T %s: %w", object, object.GetName(), err)
	}
	return nil
}

// findDeploy looks in the directory that the test runs in and those above it.
func findDeploy() (string, error) {
	directory, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		deploy := filepath.Join(directory, "deploy")
		if _, err := os.Stat(filepath.Join(deploy, "helm/sluice/Chart.yaml")); err == nil {
			return deploy, nil
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return "", fmt.Errorf("there is no deploy/helm/sluice here or above: run it in the repository")
		}
		directory = parent
	}
}
