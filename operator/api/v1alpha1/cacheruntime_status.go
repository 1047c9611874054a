package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// CacheRuntimeStatus is the state of a CacheRuntime. There being neither masters nor workers nor client pods, "worker"
// is the nodes that hold the Dataset's data, "client" those that have it mounted, and "master" is always ready.
type CacheRuntimeStatus struct {
	// ValueFile is always empty.
	ValueFile string `json:"valueFile,omitempty"`
	// SetupDuration is how long it took until the runtime was ready: "2s".
	SetupDuration string `json:"setupDuration,omitempty"`
	// Conditions of the runtime.
	// +listType=map
	// +listMapKey=type
	Conditions []RuntimeCondition `json:"conditions,omitempty"`
	// Selector selects no pods: there are none.
	Selector string `json:"selector,omitempty"`
	// CacheAffinity is never filled in: the operator's webhook knows which nodes hold the data without it.
	CacheAffinity *PodFragment `json:"cacheAffinity,omitempty"`
	// Master is always ready.
	Master *RuntimeComponentStatus `json:"master,omitempty"`
	// Worker is the nodes that hold data.
	Worker *RuntimeComponentStatus `json:"worker,omitempty"`
	// Client is the nodes that have the Dataset mounted.
	Client *RuntimeComponentStatus `json:"client,omitempty"`
	// MountTime is when the mounts were last applied.
	MountTime *metav1.Time `json:"mountTime,omitempty"`
}

// RuntimeComponentStatus is the state of one part of a runtime.
type RuntimeComponentStatus struct {
	// Phase is how many of it are ready.
	Phase RuntimePhase `json:"phase"`
	// Reason is one word for programs.
	Reason string `json:"reason,omitempty"`
	// Message is for people.
	Message string `json:"message,omitempty"`
	// ReadyReplicas is how many are ready.
	ReadyReplicas int32 `json:"readyReplicas,omitempty"`
	// CurrentReplicas is how many there are.
	CurrentReplicas int32 `json:"currentReplicas,omitempty"`
	// DesiredReplicas is how many there should be.
	DesiredReplicas int32 `json:"desiredReplicas,omitempty"`
	// UnavailableReplicas is how many are not ready.
	UnavailableReplicas int32 `json:"unavailableReplicas,omitempty"`
	// AvailableReplicas is how many are ready.
	AvailableReplicas int32 `json:"availableReplicas,omitempty"`
}
