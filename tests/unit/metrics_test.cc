#include "common/metrics.h"

#include "tests/support/matchers.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

TEST(Metrics, TextHasHelpTypeAndLabels) {
  Registry registry;
  registry.AddCounter("x_total", "Counts x", {{"tier", "ssd"}}).Add(3);
  registry.AddGauge("y", "Is y").Set(-2);
  const std::string text = registry.Text();
  EXPECT_THAT(text, testing::HasSubstr("# HELP x_total Counts x\n# TYPE x_total counter\nx_total{tier=\"ssd\"} 3\n"));
  EXPECT_THAT(text, testing::HasSubstr("\ny -2\n"));
}

TEST(Metrics, GaugesThatComeAndGoAreReadAtEachLook) {
  Registry registry;
  Registry::Values values = {{{{"volume", "a"}}, 1}, {{{"volume", "b"}}, 2}};
  registry.AddGauges("z", "Is z", [&values] { return values; });
  EXPECT_THAT(registry.Text(), testing::HasSubstr("# TYPE z gauge\nz{volume=\"a\"} 1\nz{volume=\"b\"} 2\n"));
  values.erase(values.begin());
  EXPECT_THAT(registry.Text(), testing::Not(testing::HasSubstr("\"a\"")));
}

TEST(Metrics, HistogramsCountEachLatencyInItsBucket) {
  Histogram histogram;
  for (size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    histogram.Observe(Duration(static_cast<int64_t>(Histogram::UpperBoundSeconds(bucket) * 1e9) - 1));
  }
  histogram.Observe(1h);
  histogram.Observe(-1s);
  const auto counts = histogram.counts();
  EXPECT_EQ(counts[0], 2u);
  for (size_t bucket = 1; bucket <= Histogram::kBuckets; ++bucket) EXPECT_EQ(counts[bucket], 1u) << bucket;
}

}  // namespace
}  // namespace sluice
