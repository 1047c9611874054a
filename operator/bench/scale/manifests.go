package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

// manifest of a Dataset as Fluid's documentation has it: an object store, with credentials from a Secret.
func manifest(key client.ObjectKey, version string) client.Object {
	secret := func(option, name string) v1alpha1.EncryptOption {
		return v1alpha1.EncryptOption{Name: option, ValueFrom: v1alpha1.EncryptOptionSource{
			SecretKeyRef: v1alpha1.SecretKeySelector{Name: "credentials", Key: name},
		}}
	}
	fluid := &v1alpha1.Dataset{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Spec: v1alpha1.DatasetSpec{Placement: v1alpha1.PlacementShared, Mounts: []v1alpha1.Mount{{
			Name: "raw", Path: "/", MountPoint: "s3://models/" + key.Namespace + "/" + key.Name,
			Options: map[string]string{"alluxio.underfs.s3.endpoint": "https://s3.example.com"},
			EncryptOptions: []v1alpha1.EncryptOption{
				secret("aws.accessKeyId", "accessKeyId"), secret("aws.secretKey", "secretAccessKey"),
			},
		}}},
	}
	if version == v1alpha1.GroupVersion.Version {
		return fluid
	}
	return &v1alpha2.Dataset{ObjectMeta: fluid.ObjectMeta, Spec: v1alpha2.DatasetSpec{DatasetSpec: fluid.Spec}}
}

// runtime of the Dataset's name.
func runtime(key client.ObjectKey) *v1alpha1.AlluxioRuntime {
	return &v1alpha1.AlluxioRuntime{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Spec: v1alpha1.AlluxioRuntimeSpec{Replicas: ptr.To(int32(2)), TieredStore: &v1alpha1.TieredStore{Levels: []v1alpha1.Level{
			{MediumType: v1alpha1.Memory, Path: "/dev/shm", Quota: "1Gi", High: "0.9", Low: "0.7"},
			{MediumType: v1alpha1.SSD, Path: "/nvme0", Quota: "100Gi", High: "0.95", Low: "0.8"},
		}}},
	}
}
