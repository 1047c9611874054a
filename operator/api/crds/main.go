// crds writes the CustomResourceDefinitions of all kinds into a directory: what controller-gen makes of the types, marked
// as ours, and with the operator's webhook for those that have two versions.
//
//	go run ./api/crds DIRECTORY
package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/sluice-cache/sluice/operator/ownership"
)

// Where the API server finds the webhook: as deploy/ has it.
const (
	namespace = "sluice-system"
	service   = "sluice-operator"
	path      = "/convert"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: crds DIRECTORY")
	}
	if err := write(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func write(directory string) error {
	made, err := os.MkdirTemp("", "crds-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(made)
	generate := exec.Command("go", "tool", "controller-gen", "crd:maxDescLen=120", "paths=./api/...", "output:crd:dir="+made)
	if output, err := generate.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", generate.Args, err, output)
	}
	files, err := filepath.Glob(filepath.Join(made, "*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := finish(file, filepath.Join(directory, filepath.Base(file))); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func finish(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(text, crd); err != nil {
		return err
	}
	crd.Annotations[ownership.OwnerAnnotation] = ownership.Owner
	crd.Annotations["helm.sh/resource-policy"] = "keep" // with a CRD all its objects go
	if len(crd.Spec.Versions) > 1 {
		crd.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{
			Strategy: apiextensionsv1.WebhookConverter,
			Webhook: &apiextensionsv1.WebhookConversion{
				ConversionReviewVersions: []string{"v1"},
				ClientConfig: &apiextensionsv1.WebhookClientConfig{
					Service: &apiextensionsv1.ServiceReference{Namespace: namespace, Name: service, Path: ptr.To(path)},
				},
			},
		}
	}
	finished, err := yaml.Marshal(crd)
	if err != nil {
		return err
	}
	return os.WriteFile(to, finished, 0o644)
}
