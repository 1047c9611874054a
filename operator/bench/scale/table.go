package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// table in Markdown.
func table(asked plan, m measured) string {
	var lines []string
	line := func(what, format string, values ...any) {
		lines = append(lines, "| "+what+" | "+fmt.Sprintf(format, values...)+" |")
	}
	line("what", "measured")
	line("---", "---")
	kinds := "none"
	if asked.runtimes {
		kinds = "one each"
	}
	line("Datasets, runtimes, nodes, namespaces", "%d, %s, %d, %d", asked.datasets, kinds, asked.nodes, asked.namespaces)
	line(fmt.Sprintf("all Bound, made in %s at up to %g a second", asked.version, asked.rate), "after %.0f s", m.creating.took.Seconds())
	line("from `create` to Bound meanwhile", "%s", waited(m.boundWhileCreating))
	line("operator meanwhile", "%s", used(m.creating))
	line(fmt.Sprintf("operator, %d volumes being read on every node", asked.read), "%s", used(m.busy))
	line("a single Dataset more meanwhile, from `create` to Bound", "%s", waited(m.boundAlone))
	line("admission of a pod with a claim meanwhile", "%s; %d of %d were told of nodes that hold its data", spread(m.pods.with), m.pods.preferring, len(m.pods.with))
	line("admission of a pod without one, which the operator is not asked about", "%s", spread(m.pods.without))
	line("operator, nobody reads", "%s", used(m.idle))
	line("operator's memory at most", "%s", mebibytes(m.peak))
	line("operator started again: ready", "after %.1f s", m.restart.ready.Seconds())
	line("operator started again: has looked at everything", "after %.1f s, %.1f s of CPU time, %s, at most %s", m.restart.workedOff.Seconds(),
		m.restart.use.cpu.Seconds(), mebibytes(m.restart.use.rss), mebibytes(m.restart.use.peak))
	line("the API server's database", "%s", mebibytes(m.storedBytes))
	line("turns of the nodes' agents that failed", "%d", m.failedTurns)
	for _, each := range []struct {
		name string
		of   window
	}{{"made", m.creating}, {"read", m.busy}, {"idle", m.idle}} {
		line("cores of all others while Datasets are "+each.name, "%s", othersOf(each.of))
	}
	return strings.Join(lines, "\n") + "\n"
}

func waited(waits []wait) string {
	var all, operator []time.Duration
	for _, each := range waits {
		all, operator = append(all, each.all), append(operator, each.operator)
	}
	return fmt.Sprintf("%s; without the claim's binding %s", spread(all), spread(operator))
}

func used(w window) string {
	seconds := w.took.Seconds()
	return fmt.Sprintf("%.2f cores (%.1f s of CPU time in %.0f s), %s; looked at %.0f Datasets and made %.0f writes a second",
		w.cores(), w.operator.cpu.Seconds(), seconds, mebibytes(w.operator.rss), w.reconciles/seconds, w.writes/seconds)
}

func othersOf(w window) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(w.others)) {
		parts = append(parts, fmt.Sprintf("%s %.2f", name, w.others[name].Seconds()/w.took.Seconds()))
	}
	return strings.Join(parts, ", ")
}

// spread of latencies. Of few the 99th percentile is the longest.
func spread(latencies []time.Duration) string {
	if len(latencies) == 0 {
		return "none"
	}
	sorted := slices.Sorted(slices.Values(latencies))
	of := func(share float64) string { return short(sorted[int(share*float64(len(sorted)-1))]) }
	return fmt.Sprintf("median %s, 99 %% within %s, at most %s", of(0.5), of(0.99), of(1))
}

func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func mebibytes(bytes uint64) string { return fmt.Sprintf("%d MiB", bytes>>20) }
