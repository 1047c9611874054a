package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	// GroupVersion of the objects in this package.
	GroupVersion = schema.GroupVersion{Group: "data.fluid.io", Version: "v1alpha1"}

	builder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme makes the kinds of this package known to a scheme.
	AddToScheme = builder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&Dataset{}, &DatasetList{},
		&CacheRuntime{}, &CacheRuntimeList{},
		&CacheRuntimeClass{}, &CacheRuntimeClassList{},
		&ThinRuntime{}, &ThinRuntimeList{},
		&ThinRuntimeProfile{}, &ThinRuntimeProfileList{},
		&AlluxioRuntime{}, &AlluxioRuntimeList{},
		&JuiceFSRuntime{}, &JuiceFSRuntimeList{},
		&JindoRuntime{}, &JindoRuntimeList{},
		&DataLoad{}, &DataLoadList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
