package tests

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
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

// The accounts of the chart.
const (
	operatorAccount = "system:serviceaccount:sluice-system:sluice-operator"
	agentAccount    = "system:serviceaccount:sluice-daemon:sluice-daemon"
)

// as an account, with the rights that the chart gives it and no others.
func as(account string, administrator *rest.Config) *rest.Config {
	config := rest.CopyConfig(administrator)
	config.Impersonate = rest.ImpersonationConfig{UserName: account, Groups: []string{"system:serviceaccounts", "system:authenticated"}}
	return config
}

// audited are the API server's flags for a log of what each account asks for.
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
	operator, agent, own := &rbacv1.ClusterRole{}, &rbacv1.ClusterRole{}, &rbacv1.Role{}
	for name, role := range map[client.ObjectKey]client.Object{
		{Name: "sluice-operator"}: operator, {Name: "sluice-agent"}: agent, {Namespace: "sluice-system", Name: "sluice-operator"}: own,
	} {
		if err := api.Get(context.Background(), name, role); err != nil {
			return err
		}
	}
	return errors.Join(
		checkUse(log, operatorAccount, slices.Concat(operator.Rules, own.Rules)),
		checkUse(log, agentAccount, agent.Rules))
}

func checkUse(log, account string, rules []rbacv1.PolicyRule) error {
	used, err := rightsUsed(log, account)
	if err != nil {
		return err
	}
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
		return fmt.Errorf("%s is granted, and in all the tests does not use:\n  %s", account, strings.Join(unused, "\n  "))
	}
	return nil
}

// neverUsedHere is needed where a cluster asks for it, or by what only Kubernetes' own controllers bring about.
var neverUsedHere = []string{
	"update datasets/finalizers.data.fluid.io", "update dataloads/finalizers.data.fluid.io", // OwnerReferencesPermissionEnforcement
}

// rightsUsed are the account's requests that were let through.
func rightsUsed(log, account string) (map[string]bool, error) {
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
