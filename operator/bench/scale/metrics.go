package main

import (
	"io"

	metrics "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// totalOf a metric, a counter or a gauge, in Prometheus' text: over all series that have these labels; 0: there is none.
func totalOf(text io.Reader, name string, labels map[string]string) (float64, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for _, series := range families[name].GetMetric() {
		if has(series, labels) {
			sum += series.GetCounter().GetValue() + series.GetGauge().GetValue()
		}
	}
	return sum, nil
}

func has(series *metrics.Metric, labels map[string]string) bool {
	found := 0
	for _, pair := range series.GetLabel() {
		if value, asked := labels[pair.GetName()]; asked && value == pair.GetValue() {
			found++
		}
	}
	return found == len(labels)
}
