package describe

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/translate"
	"github.com/sluice-cache/sluice/operator/volume"
)

const referenceScheme = "dataset://"

// Reference is what dataset://NAMESPACE/NAME/PATH says.
type Reference struct {
	Dataset types.NamespacedName
	Path    string // clean, begins with '/'
}

// ReferenceOf a Dataset; nil: it has sources of its own.
func ReferenceOf(dataset *v1alpha2.Dataset) *Reference {
	for _, mount := range dataset.Spec.Mounts {
		rest, is := strings.CutPrefix(mount.MountPoint, referenceScheme)
		if !is {
			continue
		}
		namespace, rest, _ := strings.Cut(rest, "/")
		name, below, _ := strings.Cut(rest, "/")
		return &Reference{types.NamespacedName{Namespace: namespace, Name: name}, path.Clean("/" + below)}
	}
	return nil
}

// follow shows a part of another Dataset: its mounts, and its Secret, which only the kubelet ever reads. Its owner must have
// consented.
func follow(input Input, reference Reference) (description volume.Description, warnings []translate.Warning, errors field.ErrorList) {
	at := field.NewPath("spec", "mounts")
	name := reference.Dataset.String()
	fail := func(err *field.Error) (volume.Description, []translate.Warning, field.ErrorList) {
		return volume.Description{}, nil, field.ErrorList{err}
	}
	switch target := input.Referenced; {
	case len(input.Dataset.Spec.Mounts) > 1:
		return fail(field.Invalid(at, len(input.Dataset.Spec.Mounts), "beside dataset:// there can be no other mount; make a Dataset for each"))
	case reference.Dataset.Namespace == "" || reference.Dataset.Name == "":
		return fail(field.Invalid(at.Index(0).Child("mountPoint"), input.Dataset.Spec.Mounts[0].MountPoint, "write dataset://NAMESPACE/NAME, or dataset://NAMESPACE/NAME/PATH"))
	case target == nil:
		return fail(field.NotFound(at.Index(0).Child("mountPoint"), name))
	case !consents(target, input.Dataset.Namespace):
		return fail(field.Forbidden(at.Index(0).Child("mountPoint"), fmt.Sprintf(
			"the owner of Dataset %s has not shared it with namespace '%s'; they can: spec.sharing.namespaces: [%s] (data.fluid.io/v1alpha2)",
			name, input.Dataset.Namespace, input.Dataset.Namespace)))
	case ReferenceOf(target) != nil:
		return fail(field.Invalid(at.Index(0).Child("mountPoint"), name, "refers to another Dataset itself; refer to "+ReferenceOf(target).Dataset.String()))
	default:
		mounts, secret, _, wrong := mountsOf(target, input.ReferencedSettings, input.Policy)
		if len(wrong) > 0 {
			return fail(field.Invalid(at.Index(0).Child("mountPoint"), name, "cannot be read itself: "+wrong[0].Error()))
		}
		description.Mounts = below(mounts, reference.Path)
		description.Secret, description.SecretNamespace = secret, target.Namespace
		if len(description.Mounts) == 0 {
			return fail(field.Invalid(at.Index(0).Child("mountPoint"), reference.Path, fmt.Sprintf("is in none of the mounts of %s", name)))
		}
		return description, nil, nil
	}
}

func consents(target *v1alpha2.Dataset, namespace string) bool {
	if target.Namespace == namespace {
		return true
	}
	sharing := target.Spec.Sharing
	return sharing != nil && (slices.Contains(sharing.Namespaces, "*") || slices.Contains(sharing.Namespaces, namespace))
}

// below are the mounts as they are seen from a directory: those in it move up, the one that it is in is narrowed to it.
func below(mounts []volume.Mount, directory string) []volume.Mount {
	if directory == "/" {
		return mounts
	}
	var seen []volume.Mount
	var around *volume.Mount
	for i, mount := range mounts {
		switch {
		case mount.Path == directory || strings.HasPrefix(mount.Path, directory+"/"):
			mount.Path = path.Clean("/" + strings.TrimPrefix(mount.Path, directory))
			seen = append(seen, mount)
		case mount.Path == "/" || strings.HasPrefix(directory, mount.Path+"/"):
			if around == nil || len(mount.Path) > len(around.Path) {
				around = &mounts[i]
			}
		}
	}
	hasRoot := slices.ContainsFunc(seen, func(mount volume.Mount) bool { return mount.Path == "/" })
	if around != nil && !hasRoot {
		narrowed := *around
		narrowed.Source = strings.TrimRight(around.Source, "/") + "/" + strings.TrimPrefix(strings.TrimPrefix(directory, around.Path), "/")
		narrowed.Path = "/"
		seen = append([]volume.Mount{narrowed}, seen...)
	}
	return seen
}
