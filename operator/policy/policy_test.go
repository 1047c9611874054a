package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSources(t *testing.T) {
	policy := Policy{Sources: []string{"s3://public-*", "https://models.example.com/*"}, LocalPaths: []string{"/data"}}
	for uri, allowed := range map[string]bool{
		"s3://public-images/train": true, "s3://private": false, "s3://x/s3://public-a": false,
		"https://models.example.com/a": true, "https://models.example.com.evil.org/a": false,
		"local:///data": true, "local:///data/a": true, "file:///data/../etc": false, "local:///database": false, "LOCAL:///etc": false,
	} {
		if why := policy.AllowsSource(uri); (why == "") != allowed {
			t.Errorf("%s: %q", uri, why)
		}
	}
	if why := (Policy{}).AllowsSource("local:///data"); why == "" {
		t.Error("without a policy a directory of the node is shown")
	}
	if why := (Policy{}).AllowsSource("s3://any"); why != "" {
		t.Errorf("without a policy: %s", why)
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	for text, says := range map[string]string{
		"source: [a]":                     "unknown field",
		"namespaces: {ml: {RAM: 1Gi}}":    "MEM, SSD or HDD",
		"namespaces: {ml: {MEM: 1GB}}":    "16Gi",
		"localPaths: [data]":              "absolute path",
		"localPaths: [/data/../etc]":      "absolute path",
		"namespaces: {ml: {MEM: \"-1\"}}": "16Gi",
	} {
		file := filepath.Join(t.TempDir(), "policy.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(file); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestQuotas(t *testing.T) {
	policy := Policy{Namespaces: map[string]Quotas{"ml": {"MEM": "1Gi"}, "*": {"SSD": "2Gi"}}}
	if quota := policy.QuotaOf("ml", "MEM"); quota == nil || quota.Value() != 1<<30 {
		t.Errorf("ml has %v", quota)
	}
	if quota := policy.QuotaOf("ml", "SSD"); quota != nil {
		t.Errorf("a namespace that is named has the others' quota, %v", quota)
	}
	if quota := policy.QuotaOf("other", "SSD"); quota == nil || quota.Value() != 2<<30 {
		t.Errorf("another has %v", quota)
	}
}
