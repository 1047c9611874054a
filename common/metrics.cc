#include "common/metrics.h"

#include <prometheus/text_serializer.h>

#include <bit>

namespace sluice {
namespace {

constexpr uint64_t kFirstBoundNs = 4'096;

}  // namespace

double Histogram::UpperBoundSeconds(size_t bucket) { return static_cast<double>(kFirstBoundNs << (2 * bucket)) * 1e-9; }

void Histogram::Observe(Duration latency) {
  const uint64_t ns = latency.count() < 0 ? 0 : static_cast<uint64_t>(latency.count());
  const uint64_t quotient = ns / kFirstBoundNs;
  const size_t bucket = quotient == 0 ? 0 : (static_cast<size_t>(std::bit_width(quotient)) - 1) / 2 + 1;
  counts_[std::min(bucket, kBuckets)].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(ns, std::memory_order_relaxed);
}

std::array<uint64_t, Histogram::kBuckets + 1> Histogram::counts() const {
  std::array<uint64_t, kBuckets + 1> copy;
  for (size_t i = 0; i <= kBuckets; ++i) copy[i] = counts_[i].load(std::memory_order_relaxed);
  return copy;
}

void Registry::Register(const std::string& name, const std::string& help, prometheus::MetricType type,
                        const Labels& labels, Read read) {
  Family& family = families_[name];
  family.help = help;
  family.type = type;
  family.members.emplace_back(labels, std::move(read));
}

Counter& Registry::AddCounter(const std::string& name, const std::string& help, const Labels& labels, double scale) {
  const std::lock_guard lock(mutex_);
  Counter& counter = counters_.emplace_back();
  Register(name, help, prometheus::MetricType::Counter, labels, [&counter, scale] {
    prometheus::ClientMetric metric;
    metric.counter.value = static_cast<double>(counter.value()) * scale;
    return metric;
  });
  return counter;
}

Gauge& Registry::AddGauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  Gauge& gauge = gauges_.emplace_back();
  Register(name, help, prometheus::MetricType::Gauge, labels, [&gauge] {
    prometheus::ClientMetric metric;
    metric.gauge.value = static_cast<double>(gauge.value());
    return metric;
  });
  return gauge;
}

Histogram& Registry::AddHistogram(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  Histogram& histogram = histograms_.emplace_back();
  Register(name, help, prometheus::MetricType::Histogram, labels, [&histogram] {
    prometheus::ClientMetric metric;
    uint64_t total = 0;
    const auto counts = histogram.counts();
    for (size_t i = 0; i < counts.size(); ++i) {
      total += counts[i];
      const double bound =
          i < Histogram::kBuckets ? Histogram::UpperBoundSeconds(i) : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({total, bound});
    }
    metric.histogram.sample_count = total;
    metric.histogram.sample_sum = histogram.sum_seconds();
    return metric;
  });
  return histogram;
}

void Registry::AddGauges(const std::string& name, const std::string& help, std::function<Values()> read) {
  const std::lock_guard lock(mutex_);
  families_[name] = {help, prometheus::MetricType::Gauge, {}, std::move(read)};
}

prometheus::ClientMetric Registry::WithLabels(prometheus::ClientMetric metric, const Labels& labels) {
  for (const auto& [key, value] : labels) {
    metric.label.emplace_back();
    metric.label.back().name = key;
    metric.label.back().value = value;
  }
  return metric;
}

std::vector<prometheus::MetricFamily> Registry::Collect() const {
  const std::lock_guard lock(mutex_);
  std::vector<prometheus::MetricFamily> result;
  for (const auto& [name, family] : families_) {
    prometheus::MetricFamily out;
    out.name = name;
    out.help = family.help;
    out.type = family.type;
    for (const auto& [labels, read] : family.members) out.metric.push_back(WithLabels(read(), labels));
    for (const auto& [labels, value] : family.read_all ? family.read_all() : Values()) {
      prometheus::ClientMetric metric;
      metric.gauge.value = value;
      out.metric.push_back(WithLabels(std::move(metric), labels));
    }
    result.push_back(std::move(out));
  }
  return result;
}

std::string Registry::Text() const { return prometheus::TextSerializer().Serialize(Collect()); }

}  // namespace sluice
