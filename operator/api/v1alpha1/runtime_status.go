package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RuntimePhase is how many of the parts of a runtime can be used.
type RuntimePhase string

// The phases of a runtime's parts.
const (
	RuntimePhaseNone         RuntimePhase = ""
	RuntimePhaseNotReady     RuntimePhase = "NotReady"
	RuntimePhasePartialReady RuntimePhase = "PartialReady"
	RuntimePhaseReady        RuntimePhase = "Ready"
)

// RuntimeConditionType names a condition of a runtime.
type RuntimeConditionType string

// The conditions of a runtime.
const (
	RuntimeMasterInitialized  RuntimeConditionType = "MasterInitialized"
	RuntimeMasterReady        RuntimeConditionType = "MasterReady"
	RuntimeWorkersInitialized RuntimeConditionType = "WorkersInitialized"
	RuntimeWorkersReady       RuntimeConditionType = "WorkersReady"
	RuntimeWorkersScaledIn    RuntimeConditionType = "WorkersScaledIn"
	RuntimeWorkersScaledOut   RuntimeConditionType = "WorkersScaledOut"
	RuntimeFusesInitialized   RuntimeConditionType = "FusesInitialized"
	RuntimeFusesReady         RuntimeConditionType = "FusesReady"
	RuntimeFusesScaledIn      RuntimeConditionType = "FusesScaledIn"
	RuntimeFusesScaledOut     RuntimeConditionType = "FusesScaledOut"
)

// RuntimeStatus is the state of a runtime of one of Fluid's older kinds. There being neither masters nor workers nor FUSE
// pods, "workers" are the nodes that hold the Dataset's data, "fuses" those that have it mounted, and a master that is
// always ready stands for the operator.
type RuntimeStatus struct {
	// ValueFile is always empty.
	// +optional
	ValueFile string `json:"valueFile"`

	// MasterPhase is always Ready.
	// +optional
	MasterPhase RuntimePhase `json:"masterPhase"`
	// MasterReason says why the master is not ready.
	MasterReason string `json:"masterReason,omitempty"`
	// WorkerPhase is Ready when as many nodes as asked for can cache.
	// +optional
	WorkerPhase RuntimePhase `json:"workerPhase"`
	// WorkerReason says why workers are not ready.
	WorkerReason string `json:"workerReason,omitempty"`
	// DesiredWorkerNumberScheduled is the spec's replicas.
	// +optional
	DesiredWorkerNumberScheduled int32 `json:"desiredWorkerNumberScheduled"`
	// CurrentWorkerNumberScheduled is how many nodes hold data.
	// +optional
	CurrentWorkerNumberScheduled int32 `json:"currentWorkerNumberScheduled"`
	// WorkerNumberReady is how many of these are ready.
	// +optional
	WorkerNumberReady int32 `json:"workerNumberReady"`
	// WorkerNumberAvailable is how many of these are ready.
	WorkerNumberAvailable int32 `json:"workerNumberAvailable,omitempty"`
	// WorkerNumberUnavailable is how many of these are not ready.
	WorkerNumberUnavailable int32 `json:"workerNumberUnavailable,omitempty"`
	// DesiredMasterNumberScheduled is always 1.
	// +optional
	DesiredMasterNumberScheduled int32 `json:"desiredMasterNumberScheduled"`
	// CurrentMasterNumberScheduled is always 1.
	// +optional
	CurrentMasterNumberScheduled int32 `json:"currentMasterNumberScheduled"`
	// MasterNumberReady is always 1.
	// +optional
	MasterNumberReady int32 `json:"masterNumberReady"`
	// FusePhase is Ready when all nodes that have the Dataset mounted serve it.
	// +optional
	FusePhase RuntimePhase `json:"fusePhase"`
	// FuseReason says why fuses are not ready.
	FuseReason string `json:"fuseReason,omitempty"`
	// CurrentFuseNumberScheduled is how many nodes have the Dataset mounted.
	// +optional
	CurrentFuseNumberScheduled int32 `json:"currentFuseNumberScheduled"`
	// DesiredFuseNumberScheduled is how many nodes have the Dataset mounted.
	// +optional
	DesiredFuseNumberScheduled int32 `json:"desiredFuseNumberScheduled"`
	// FuseNumberReady is how many of these serve it.
	// +optional
	FuseNumberReady int32 `json:"fuseNumberReady"`
	// FuseNumberUnavailable is how many of these do not.
	FuseNumberUnavailable int32 `json:"fuseNumberUnavailable,omitempty"`
	// FuseNumberAvailable is how many of these serve it.
	FuseNumberAvailable int32 `json:"fuseNumberAvailable,omitempty"`

	// SetupDuration is how long it took until the runtime was ready: "2s".
	SetupDuration string `json:"setupDuration,omitempty"`
	// Conditions of the runtime.
	Conditions []RuntimeCondition `json:"conditions,omitempty"`
	// CacheStates is what is cached, and how often it is hit.
	CacheStates CacheStates `json:"cacheStates,omitempty"`
	// Selector for the scale subresource. It selects no pods: there are none.
	Selector string `json:"selector,omitempty"`
	// APIGateway is never filled in.
	APIGateway *APIGatewayStatus `json:"apiGateway,omitempty"`
	// MountTime is when the mounts were last applied.
	MountTime *metav1.Time `json:"mountTime,omitempty"`
	// Mounts that are in force.
	Mounts []Mount `json:"mounts,omitempty"`
	// CacheAffinity is never filled in: the operator's webhook knows which nodes hold the data without it.
	CacheAffinity *PodFragment `json:"cacheAffinity,omitempty"`
}

// RuntimeCondition is one aspect of a runtime's state.
type RuntimeCondition struct {
	// Type of the condition.
	Type RuntimeConditionType `json:"type"`
	// Status is True, False or Unknown.
	Status corev1.ConditionStatus `json:"status"`
	// Reason is one word for programs.
	Reason string `json:"reason,omitempty"`
	// Message is for people.
	Message string `json:"message,omitempty"`
	// LastProbeTime is when the condition was last looked at.
	LastProbeTime *metav1.Time `json:"lastProbeTime,omitempty"`
	// LastTransitionTime is when the status last changed.
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`
}

// APIGatewayStatus is where a gateway listens.
type APIGatewayStatus struct {
	// Endpoint is HOST:PORT.
	Endpoint string `json:"endpoint,omitempty"`
}
