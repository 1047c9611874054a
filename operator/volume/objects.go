package volume

import (
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

// defaultSize is Fluid's: a claim must ask for something, and a cache keeps nothing of it.
var defaultSize = resource.MustParse("100Pi")

// PersistentVolume of the Dataset, which its claim alone can bind. Once it exists nothing of it but its labels and
// annotations changes: what is different later is in VolumeParameters.
func PersistentVolume(dataset *v1alpha2.Dataset, description Description) (*corev1.PersistentVolume, error) {
	size, err := Size(dataset)
	if err != nil {
		return nil, err
	}
	metadata, err := stamped(dataset, "PersistentVolume")
	if err != nil {
		return nil, err
	}
	metadata.Name = Handle(dataset)
	metadata.Annotations[DatasetNameAnnotation] = dataset.Namespace + "/" + dataset.Name
	return &corev1.PersistentVolume{
		ObjectMeta: metadata,
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: size},
			AccessModes:                   AccessModes(dataset),
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain, // the operator deletes it
			StorageClassName:              StorageClass,
			VolumeMode:                    ptr.To(corev1.PersistentVolumeFilesystem),
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: dataset.Namespace, Name: dataset.Name,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
				Driver:               Driver,
				VolumeHandle:         Handle(dataset),
				ReadOnly:             true,
				VolumeAttributes:     description.Parameters(),
				NodeStageSecretRef:   secretReference(description),
				NodePublishSecretRef: secretReference(description),
			}},
		},
	}, nil
}

// Claim of the Dataset's name, which goes with it.
func Claim(dataset *v1alpha2.Dataset) (*corev1.PersistentVolumeClaim, error) {
	size, err := Size(dataset)
	if err != nil {
		return nil, err
	}
	metadata, err := stamped(dataset, "PersistentVolumeClaim")
	if err != nil {
		return nil, err
	}
	metadata.Namespace, metadata.Name = dataset.Namespace, dataset.Name
	metadata.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(dataset, v1alpha2.GroupVersion.WithKind("Dataset"))}
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metadata,
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      AccessModes(dataset),
			StorageClassName: ptr.To(StorageClass),
			VolumeName:       Handle(dataset),
			VolumeMode:       ptr.To(corev1.PersistentVolumeFilesystem),
			Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: size}},
		},
	}, nil
}

// Size that the claim asks for.
func Size(dataset *v1alpha2.Dataset) (resource.Quantity, error) {
	text := dataset.Annotations[SizeAnnotation]
	if text == "" {
		return defaultSize.DeepCopy(), nil
	}
	size, err := resource.ParseQuantity(text)
	if err != nil || size.Sign() <= 0 {
		return size, fmt.Errorf("annotation %s: '%s' is no size; write one such as 100Gi", SizeAnnotation, text)
	}
	return size, nil
}

// metadataEntry is an element of MetadataAnnotation: labels and annotations for the objects that it selects.
type metadataEntry struct {
	Selector    metav1.GroupKind  `json:"selector"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// stamped are our own labels and the user's. Ours go first: we find our objects by them.
func stamped(dataset *v1alpha2.Dataset, kind string) (metav1.ObjectMeta, error) {
	metadata := metav1.ObjectMeta{Labels: map[string]string{}, Annotations: map[string]string{}}
	entries, err := metadataEntries(dataset)
	if err != nil {
		return metadata, err
	}
	for _, entry := range entries {
		if entry.Selector.Group == "" && entry.Selector.Kind == kind {
			maps.Copy(metadata.Labels, entry.Labels)
			maps.Copy(metadata.Annotations, entry.Annotations)
		}
	}
	metadata.Labels[ManagedByLabel] = ManagedBy
	metadata.Labels[DatasetLabel] = string(dataset.UID)
	return metadata, nil
}

func metadataEntries(dataset *v1alpha2.Dataset) ([]metadataEntry, error) {
	text := dataset.Annotations[MetadataAnnotation]
	if text == "" {
		return nil, nil
	}
	var entries []metadataEntry
	if err := json.Unmarshal([]byte(text), &entries); err != nil {
		return nil, fmt.Errorf(`annotation %s: %w; write [{"selector":{"group":"","kind":"PersistentVolumeClaim"},"labels":{…},"annotations":{…}}]`,
			MetadataAnnotation, err)
	}
	return entries, nil
}

func secretReference(description Description) *corev1.SecretReference {
	if description.Secret == "" {
		return nil
	}
	return &corev1.SecretReference{Namespace: description.SecretNamespace, Name: description.Secret}
}

// CheckMetadata says what is wrong with MetadataAnnotation.
func CheckMetadata(dataset *v1alpha2.Dataset) error {
	_, err := metadataEntries(dataset)
	return err
}
