package nodes

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// How many nodes a pod is told of, and how many shares they are sorted into: the scheduler looks at each term for each node.
const (
	preferredNodesMax = 100
	shares            = 5
)

// Preference is for nodes by what they hold of the volumes together: the node that holds most has weight 100, those that
// hold less have 80, 60, 40, 20. Empty when no node holds anything.
//
// `hostname` is the node's label kubernetes.io/hostname; a node without one is left out.
func (i *Index) Preference(volumes []string, hostname func(node string) string) []corev1.PreferredSchedulingTerm {
	held, most := i.heldBytes(volumes)
	var byShare [shares + 1][]string
	for _, node := range mostFirst(held) {
		name := hostname(node)
		if name == "" {
			continue
		}
		share := int((held[node]*shares + most - 1) / most) // rounded up: 1 … shares
		byShare[share] = append(byShare[share], name)
	}
	var terms []corev1.PreferredSchedulingTerm
	for share := shares; share > 0; share-- {
		if len(byShare[share]) == 0 {
			continue
		}
		terms = append(terms, corev1.PreferredSchedulingTerm{
			Weight:     int32(share * 100 / shares),
			Preference: onHosts(byShare[share]),
		})
	}
	return terms
}

// Requirement is for nodes that hold anything of each of the volumes; nil when there is none.
func (i *Index) Requirement(volumes []string, hostname func(node string) string) *corev1.NodeSelectorTerm {
	var hosts []string
	for _, node := range i.holdingAll(volumes) {
		if name := hostname(node); name != "" && len(hosts) < preferredNodesMax {
			hosts = append(hosts, name)
		}
	}
	if len(hosts) == 0 {
		return nil
	}
	slices.Sort(hosts)
	term := onHosts(hosts)
	return &term
}

func onHosts(hosts []string) corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
		{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: hosts},
	}}
}

// heldBytes of the volumes together, by node, and the most that one holds.
func (i *Index) heldBytes(volumes []string) (held map[string]int64, most int64) {
	held = map[string]int64{}
	for _, volume := range volumes {
		for _, holder := range i.Holders(volume) {
			if bytes := holder.Volume.Cached(); bytes > 0 {
				held[holder.Node.Name] += bytes
				most = max(most, held[holder.Node.Name])
			}
		}
	}
	return held, most
}

func (i *Index) holdingAll(volumes []string) []string {
	count := map[string]int{}
	for _, volume := range volumes {
		for _, holder := range i.Holders(volume) {
			if holder.Volume.Cached() > 0 {
				count[holder.Node.Name]++
			}
		}
	}
	var all []string
	for node, of := range count {
		if of == len(volumes) {
			all = append(all, node)
		}
	}
	slices.Sort(all)
	return all
}

// mostFirst are at most preferredNodesMax nodes.
func mostFirst(held map[string]int64) []string {
	var names []string
	for name := range held {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(held[b], held[a]), cmp.Compare(a, b))
	})
	return names[:min(len(names), preferredNodesMax)]
}
