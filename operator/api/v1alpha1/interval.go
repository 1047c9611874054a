package v1alpha1

import (
	"fmt"
	"time"
)

// Interval is a length of time as Go writes it: 30s, 5m, 1h30m. It is text and not a metav1.Duration, for the reasons that
// Quota is: who writes "5 minutes" is to be told by the operator which field that is in and what is right, and one object
// with such a text cannot keep every client from reading any object of the kind.
//
// +kubebuilder:validation:MaxLength=64
type Interval string

// Duration is what the text says; 0 if there is none. Error: it is no length of time, or a negative one.
func (i Interval) Duration() (time.Duration, error) {
	if i == "" {
		return 0, nil
	}
	duration, err := time.ParseDuration(string(i))
	if err != nil || duration < 0 {
		return 0, fmt.Errorf("%q is no length of time; write it like 30s, 5m or 1h30m", string(i))
	}
	return duration, nil
}
