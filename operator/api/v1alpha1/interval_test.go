package v1alpha1

import (
	"testing"
	"time"
)

func TestInterval(t *testing.T) {
	for text, want := range map[Interval]time.Duration{
		"": 0, "0": 0, "0s": 0, "30s": 30 * time.Second, "1h30m": 90 * time.Minute, "1.5s": 1500 * time.Millisecond,
		"5 minutes": -1, "5": -1, "1d": -1, "-5m": -1, "9999999h": -1,
	} {
		got, err := text.Duration()
		if (err == nil) != (want >= 0) || err == nil && got != want {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
	}
}
