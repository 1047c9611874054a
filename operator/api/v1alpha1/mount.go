package v1alpha1

// Mount is one source of a Dataset's data.
type Mount struct {
	// MountPoint is the URI of the source: s3://BUCKET/PREFIX, oss://, cos://, obs://, gs://, https://HOST/FILE,
	// local:///DIRECTORY, dataset://NAMESPACE/NAME/PATH.
	// +kubebuilder:validation:MinLength=5
	// +kubebuilder:validation:Required
	MountPoint string `json:"mountPoint"`
	// Name of the mount, and the directory it appears in if no path is given.
	Name string `json:"name,omitempty"`
	// Path in the Dataset at which the source appears. Default: /NAME.
	Path string `json:"path,omitempty"`
	// Options of the source, by the names that Fluid's engines have for them or by Sluice's own (docs/fluid.md); for
	// this mount they go before sharedOptions.
	Options map[string]string `json:"options,omitempty"`
	// EncryptOptions are options whose values are in Secrets of the Dataset's namespace.
	EncryptOptions []EncryptOption `json:"encryptOptions,omitempty"`
	// ReadOnly has no effect here: every mount is read-only.
	// +sluice:change=ignored
	ReadOnly *bool `json:"readOnly,omitempty"`
	// Shared has no effect here: all who read a Dataset on a node share one cache.
	// +sluice:change=ignored
	Shared *bool `json:"shared,omitempty"`
}

// EncryptOption is an option whose value is in a Secret.
type EncryptOption struct {
	// Name of the option, such as aws.accessKeyId, fs.oss.accessKeySecret, or Sluice's own accessKeyId (docs/fluid.md).
	// +kubebuilder:validation:Required
	Name string `json:"name"`
	// ValueFrom is where the value is.
	ValueFrom EncryptOptionSource `json:"valueFrom,omitempty"`
}

// EncryptOptionSource is where the value of an EncryptOption is.
type EncryptOptionSource struct {
	// SecretKeyRef is a key of a Secret in the Dataset's namespace.
	SecretKeyRef SecretKeySelector `json:"secretKeyRef,omitempty"`
}

// SecretKeySelector is one key of a Secret.
type SecretKeySelector struct {
	// Name of the Secret. All options of a Dataset name the same one.
	// +sluice:change=refused
	// +sluice:why=the PersistentVolume refers to the Secret, and that reference cannot change; change what is in the Secret
	// +kubebuilder:validation:Required
	Name string `json:"name"`
	// Key in the Secret.
	Key string `json:"key,omitempty"`
}
