package v1alpha1

import (
	"encoding/json"
	"testing"
)

func TestPodFragmentIsKeptByteForByte(t *testing.T) {
	const text = `{"replicas":0,"volumes":[{"name":"v","ofANewerKubernetes":{"x":1.50}}],"resources":{"limits":{"cpu":"nonsense"}}}`
	var parsed struct {
		Replicas  *int32        `json:"replicas,omitempty"`
		Volumes   []PodFragment `json:"volumes,omitempty"`
		Resources *PodFragment  `json:"resources,omitempty"`
	}
	if err := json.Unmarshal([]byte(text), &parsed); err != nil {
		t.Fatal(err)
	}
	written, err := json.Marshal(parsed)
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != text {
		t.Errorf("read  %s\nwrote %s", text, written)
	}
	copied := parsed.Volumes[0].DeepCopy()
	copied.Raw[0] = ' '
	if parsed.Volumes[0].Raw[0] != '{' {
		t.Error("a copy shares its bytes with the original")
	}
}
