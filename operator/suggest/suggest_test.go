package suggest

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	candidates := []string{"endpoint", "region", "fs.oss.endpoint", "uid", "watch"}
	for word, want := range map[string]string{
		"endpiont": "endpoint", "Endpoint": "endpoint", "fs.oss.endpint": "fs.oss.endpoint", "uidd": "uid", "uxx": "", "wathc": "watch", "xyz": "",
		"bucket": "", "": "", "fs.oss.something": "", strings.Repeat("endpoint", 40): "",
	} {
		if got := Nearest(word, candidates); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	candidates := []string{"s3", "https"}
	for word, want := range map[string]string{"htps": " (did you mean 'https'?)", "nfs": "; known: s3, https"} {
		if got := DidYouMean(word, candidates); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}
