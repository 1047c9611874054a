package v1alpha1

import (
	"encoding/json"
	"fmt"
	"math"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Quota is a number of bytes as Kubernetes writes them: 16Gi, 400G, 1024. It is text and not a resource.Quantity, so that
// it can be read whatever it is: who writes "16GB" is to be told by the operator what is right, not by a regular
// expression; and a Quantity of "1e99999999999999999999", which the usual schema lets pass, keeps every client from
// reading any object of the kind.
//
// +kubebuilder:validation:Type=""
// +kubebuilder:validation:XIntOrString
type Quota string

// UnmarshalJSON takes text and whole numbers.
func (q *Quota) UnmarshalJSON(content []byte) error {
	var number json.Number
	if len(content) > 0 && content[0] == '"' {
		return json.Unmarshal(content, (*string)(q))
	}
	if err := json.Unmarshal(content, &number); err != nil {
		return err
	}
	*q = Quota(number)
	return nil
}

// Quantity is what the text says. Error: it is not a number of bytes from 1 to 2⁶³-1.
func (q Quota) Quantity() (resource.Quantity, error) {
	quantity, err := resource.ParseQuantity(string(q))
	if err != nil || quantity.CmpInt64(1) < 0 || quantity.CmpInt64(math.MaxInt64) > 0 {
		return resource.Quantity{}, fmt.Errorf("%q is not a number of bytes; write it like 16Gi (1024³) or 16G (1000³)", string(q))
	}
	return quantity, nil
}
