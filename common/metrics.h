// Counters, gauges and latency histograms that cost one relaxed atomic add, shown in Prometheus' text format.
//
// A metric is registered once, at start, under a name of the form sluice_<noun>_<unit>[_total] with help text and
// fixed labels, and then updated by reference. docs/metrics.md lists them; a test compares the two.
//
// Threads:  everything is thread-safe.
// Owns:     the Registry owns its metrics; references stay valid as long as it lives.
#pragma once

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "common/clock.h"

namespace sluice {

class Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void Set(int64_t v) { value_.store(v, std::memory_order_relaxed); }
  void Add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Latencies in buckets of powers of four from 4 µs to 67 s.
class Histogram {
 public:
  static constexpr size_t kBuckets = 13;
  static double UpperBoundSeconds(size_t bucket);

  void Observe(Duration latency);
  std::array<uint64_t, kBuckets + 1> counts() const;  // not cumulative; the last one is +Inf
  double sum_seconds() const { return static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) * 1e-9; }

 private:
  std::array<std::atomic<uint64_t>, kBuckets + 1> counts_{};
  std::atomic<uint64_t> sum_ns_{0};
};

using Labels = std::map<std::string, std::string>;

class Registry : public prometheus::Collectable {
 public:
  // `scale`: what one count is in the unit of the name (1e-9 for a counter of nanoseconds shown in seconds).
  Counter& AddCounter(const std::string& name, const std::string& help, const Labels& labels = {}, double scale = 1);
  Gauge& AddGauge(const std::string& name, const std::string& help, const Labels& labels = {});
  // Gauges that come and go: `read` is called at each look, from any thread, as long as the registry lives, and must
  // not register anything.
  using Values = std::vector<std::pair<Labels, double>>;
  void AddGauges(const std::string& name, const std::string& help, std::function<Values()> read);
  Histogram& AddHistogram(const std::string& name, const std::string& help, const Labels& labels = {});

  std::vector<prometheus::MetricFamily> Collect() const override;

  // Prometheus' text exposition format 0.0.4.
  std::string Text() const;

 private:
  using Read = std::function<prometheus::ClientMetric()>;
  void Register(const std::string& name, const std::string& help, prometheus::MetricType type, const Labels& labels,
                Read read);

  struct Family {
    std::string help;
    prometheus::MetricType type;
    std::vector<std::pair<Labels, Read>> members;
    std::function<Values()> read_all;  // instead of members
  };
  static prometheus::ClientMetric WithLabels(prometheus::ClientMetric metric, const Labels& labels);
  mutable std::mutex mutex_;
  std::map<std::string, Family> families_;
  std::deque<Counter> counters_;
  std::deque<Gauge> gauges_;
  std::deque<Histogram> histograms_;
};

}  // namespace sluice
