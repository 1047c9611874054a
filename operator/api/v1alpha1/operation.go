package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// OperationKind is a kind of operation on a Dataset.
// +kubebuilder:validation:Enum=DataLoad;DataBackup;DataMigrate;DataProcess
type OperationKind string

// The kinds of operations.
const (
	KindDataLoad    OperationKind = "DataLoad"
	KindDataBackup  OperationKind = "DataBackup"
	KindDataMigrate OperationKind = "DataMigrate"
	KindDataProcess OperationKind = "DataProcess"
)

// Policy is when an operation runs.
// +kubebuilder:validation:Enum=Once;Cron;OnEvent
type Policy string

// The policies.
const (
	Once    Policy = "Once"
	Cron    Policy = "Cron"
	OnEvent Policy = "OnEvent"
)

// OperationPhase is where an operation is in its life.
type OperationPhase string

// The phases of an operation.
const (
	OperationPhaseNone      OperationPhase = ""
	OperationPhasePending   OperationPhase = "Pending"
	OperationPhaseExecuting OperationPhase = "Executing"
	OperationPhaseComplete  OperationPhase = "Complete"
	OperationPhaseFailed    OperationPhase = "Failed"
)

// OperationConditionType names a condition of an operation.
type OperationConditionType string

// The conditions of an operation.
const (
	OperationComplete OperationConditionType = "Complete"
	OperationFailed   OperationConditionType = "Failed"
)

// AffinityPolicy is how an operation is bound to the nodes of another.
type AffinityPolicy string

// The affinity policies.
const (
	AffinityDefault AffinityPolicy = ""
	AffinityRequire AffinityPolicy = "Require"
	AffinityPrefer  AffinityPolicy = "Prefer"
)

// TargetDataset is the Dataset that an operation works on.
type TargetDataset struct {
	// Name of the Dataset.
	// +kubebuilder:validation:Required
	Name string `json:"name"`
	// Namespace of the Dataset: that of the operation, which is the default.
	Namespace string `json:"namespace,omitempty"`
}

// ObjectRef names an operation.
type ObjectRef struct {
	// APIVersion of the operation. Default: this one.
	APIVersion string `json:"apiVersion,omitempty"`
	// Kind of the operation.
	// +kubebuilder:validation:Required
	Kind OperationKind `json:"kind"`
	// Name of the operation.
	// +kubebuilder:validation:Required
	Name string `json:"name"`
	// Namespace of the operation: that of the one that follows it, which is the default.
	Namespace string `json:"namespace,omitempty"`
}

// OperationRef is the operation that another one runs after.
type OperationRef struct {
	ObjectRef `json:",inline"`
	// AffinityStrategy has no effect here: nodes are chosen by what they hold already, and by their room.
	// +sluice:change=ignored
	AffinityStrategy *AffinityStrategy `json:"affinityStrategy,omitempty"`
}

// AffinityStrategy is how an operation is bound to the nodes of another.
type AffinityStrategy struct {
	// DependOn is that other operation. Default: the one that this one runs after.
	DependOn *ObjectRef `json:"dependOn,omitempty"`
	// Policy is Require, Prefer, or nothing.
	Policy AffinityPolicy `json:"policy,omitempty"`
	// Prefers has the node labels that should be the same.
	Prefers []Prefer `json:"prefers,omitempty"`
	// Requires has the node labels that must be the same.
	Requires []Require `json:"requires,omitempty"`
}

// Prefer is a node label that should be the same.
type Prefer struct {
	// Name of the label.
	// +kubebuilder:validation:Required
	Name string `json:"name"`
	// Weight from 1 to 100.
	// +kubebuilder:validation:Required
	Weight int32 `json:"weight"`
}

// Require is a node label that must be the same.
type Require struct {
	// Name of the label.
	// +kubebuilder:validation:Required
	Name string `json:"name"`
}

// OperationStatus is how far an operation has come.
type OperationStatus struct {
	// Phase is None, which is empty, then Pending, Executing, and in the end Complete or Failed.
	// +optional
	Phase OperationPhase `json:"phase"`
	// Duration of the last run: "1m20s".
	// +optional
	Duration string `json:"duration"`
	// Conditions: Complete or Failed, when it has ended.
	// +optional
	Conditions []OperationCondition `json:"conditions,omitempty"`
	// Infos has the progress: bytes, files, rate.
	Infos map[string]string `json:"infos,omitempty"`
	// LastScheduleTime is when a run last began, under Cron and OnEvent.
	LastScheduleTime *metav1.Time `json:"lastScheduleTime,omitempty"`
	// LastSuccessfulTime is when a run last succeeded, under Cron and OnEvent.
	LastSuccessfulTime *metav1.Time `json:"lastSuccessfulTime,omitempty"`
	// WaitingFor is what it waits for before it begins.
	WaitingFor *WaitingStatus `json:"waitingFor,omitempty"`
	// NodeAffinity is never filled in: no pod is made whose node others could follow.
	NodeAffinity *PodFragment `json:"nodeAffinity,omitempty"`
}

// WaitingStatus is what an operation waits for.
type WaitingStatus struct {
	// OperationComplete: the operation that it runs after has not ended.
	OperationComplete *bool `json:"operationComplete,omitempty"`
}

// OperationCondition is one aspect of an operation's state.
type OperationCondition struct {
	// Type of the condition.
	Type OperationConditionType `json:"type"`
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
