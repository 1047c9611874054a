package tests

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-cache/sluice/operator/certificate"
)

const account = "system:serviceaccount:sluice-system:sluice-operator"

// asOperator is the account that the chart gives the operator, with the chart's rights and no others.
func asOperator(administrator *rest.Config) *rest.Config {
	config := rest.CopyConfig(administrator)
	config.Impersonate = rest.ImpersonationConfig{UserName: account, Groups: []string{"system:serviceaccounts", "system:authenticated"}}
	return config
}

// audited are the API server's flags for a log of what the operator asks for.
func audited(directory string) []string {
	policy := filepath.Join(directory, "policy.yaml")
	text := "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n"
	if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
		panic(err) // a directory of our own
	}
	return []string{"--audit-policy-file", policy, "--audit-log-path", filepath.Join(directory, "audit.log"), "--audit-log-mode", "blocking-strict"}
}

// rotate has the keeper do what is due once in months.
func rotate(ctx context.Context, keeper *certificate.Keeper) error {
	keeper.Now = func() time.Time { return time.Now().AddDate(0, 0, 80) }
	if err := keeper.Refresh(ctx); err != nil {
		return err
	}
	keeper.Now = time.Now
	return keeper.Refresh(ctx)
}

// checkRights compares what the chart grants with what was asked for.
func checkRights(log string) error {
	used, err := rightsUsed(log)
	if err != nil {
		return err
	}
	var rules []rbacv1.PolicyRule
	cluster, own := &rbacv1.ClusterRole{}, &rbacv1.Role{}
	name := client.ObjectKey{Name: "sluice-operator"}
	if err := api.Get(context.Background(), name, cluster); err != nil {
		return err
	}
	name.Namespace = "sluice-system"
	if err := api.Get(context.Background(), name, own); err != nil {
		return err
	}
	rules = append(append(rules, cluster.Rules...), own.Rules...)
	var unused []string
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					right := fmt.Sprintf("%s %s.%s", verb, resource, group)
					if verb == "list" { // this API server streams; older ones list before they watch
						right = fmt.Sprintf("watch %s.%s", resource, group)
					}
					if !used[right] && !slices.Contains(neverUsedHere, right) {
						unused = append(unused, right)
					}
				}
			}
		}
	}
	if len(unused) > 0 {
		return fmt.Errorf("the operator is granted, and in all the tests does not use:\n  %s", strings.Join(unused, "\n  "))
	}
	return nil
}

// neverUsedHere is needed where a cluster asks for it, or by what only Kubernetes' own controllers bring about.
var neverUsedHere = []string{
	"update datasets/finalizers.data.fluid.io", "update dataloads/finalizers.data.fluid.io", // OwnerReferencesPermissionEnforcement
}

// rightsUsed are the operator's requests that were let through.
func rightsUsed(log string) (map[string]bool, error) {
	file, err := os.Open(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	used := map[string]bool{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event struct {
			Verb             string
			ImpersonatedUser struct{ Username string }
			ObjectRef        struct{ Resource, Subresource, APIGroup string }
			ResponseStatus   struct{ Code int }
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return nil, err
		}
		if event.ImpersonatedUser.Username != account || event.ResponseStatus.Code == 403 {
			continue
		}
		resource := event.ObjectRef.Resource
		if event.ObjectRef.Subresource != "" {
			resource += "/" + event.ObjectRef.Subresource
		}
		used[fmt.Sprintf("%s %s.%s", event.Verb, resource, event.ObjectRef.APIGroup)] = true
	}
	return used, lines.Err()
}
