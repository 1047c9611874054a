// Package metrics says of the operator what controller-runtime does not say already (docs/metrics.md): how many objects are
// in which phase, how many nodes can be believed, what was refused, until when the certificate is good.
//
// Objects are counted as a watch tells of them: being asked for metrics costs the same whether there are ten Datasets or
// twenty thousand.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-cache/sluice/operator/nodes"
)

// Metrics of one operator.
//
// Threads: any.
type Metrics struct {
	objects *prometheus.GaugeVec
	refused *prometheus.CounterVec
	delayed prometheus.Counter
}

// New metrics, which the registry shows from now on.
func New(registry prometheus.Registerer, index *nodes.Index) (*Metrics, error) {
	m := &Metrics{
		objects: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sluice_operator_objects", Help: "Objects of data.fluid.io by phase.",
		}, []string{"kind", "phase"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_operator_refused_total", Help: "Objects that were refused at admission.",
		}, []string{"kind"}),
		delayed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sluice_operator_status_delayed_total", Help: "Statuses of Datasets whose counters had to wait for those of others.",
		}),
	}
	for _, collector := range []prometheus.Collector{m.objects, m.refused, m.delayed, nodeStates{index}} {
		if err := registry.Register(collector); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// CountRefused is for each object that admission refuses.
func (m *Metrics) CountRefused(kind string) { m.refused.WithLabelValues(kind).Inc() }

// CountDelayed is for each status whose counters have to wait for those of others.
func (m *Metrics) CountDelayed() { m.delayed.Inc() }

// Certificate shows until when the present one is good; 0: there is none.
func Certificate(registry prometheus.Registerer, expiry func() time.Time) error {
	return registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sluice_operator_certificate_expiry_seconds", Help: "When the webhooks' certificate expires, as Unix time.",
	}, func() float64 {
		if at := expiry(); !at.IsZero() {
			return float64(at.Unix())
		}
		return 0
	}))
}

// nodeStates counts nodes when it is asked: there are a thousand, not twenty.
type nodeStates struct{ index *nodes.Index }

var nodesDescription = prometheus.NewDesc("sluice_operator_nodes", "Nodes by whether their cache works.", []string{"state"}, nil)

func (n nodeStates) Describe(to chan<- *prometheus.Desc) { to <- nodesDescription }

func (n nodeStates) Collect(to chan<- prometheus.Metric) {
	for state, count := range n.index.Count() {
		to <- prometheus.MustNewConstMetric(nodesDescription, prometheus.GaugeValue, float64(count), string(state))
	}
}
