// A source that tries again: jittered exponential backoff within a total deadline, going on where a read broke off.
//
// Only UNAVAILABLE and DEADLINE_EXCEEDED are tried again; everything else is the source's answer.
//
// Threads, Suspends, Errors:  as source/source.h.
// Limits:  at most RetryOptions::deadline per call, kBackoffMax between tries.
#pragma once

#include <memory>
#include <random>

#include "common/metrics.h"
#include "io/loop.h"
#include "source/source.h"

namespace sluice::source {

struct RetryOptions {
  Duration deadline = std::chrono::seconds(60);
  Duration backoff_first = std::chrono::milliseconds(50);
  Duration backoff_max = std::chrono::seconds(5);
};

// Counted by the daemon's metrics.
struct SourceMetrics {
  explicit SourceMetrics(Registry& registry);
  void CountError(const Status& status);

  Counter& read_bytes;
  Counter& requests;
  Counter& retries;
  Counter& clock_corrections;
  Histogram& latency;

 private:
  std::vector<std::pair<StatusCode, Counter*>> errors_;
  Counter& other_errors_;
};

class RetryingSource : public Source {
 public:
  RetryingSource(std::unique_ptr<Source> source, RetryOptions options, io::Loop& loop, SourceMetrics& metrics);

  io::Task<StatusOr<Entry>> Stat(std::string path) override;
  io::Task<StatusOr<Page>> List(std::string directory, std::string continuation) override;
  bool CanListAfter(std::string_view directory) const override { return source_->CanListAfter(directory); }
  io::Task<StatusOr<Page>> ListAfter(std::string directory, std::string key) override;
  io::Task<Status> Read(ReadRequest request) override;
  bool GivesDigests() const override { return source_->GivesDigests(); }
  io::Task<StatusOr<std::optional<Digest>>> DigestOf(std::string path, std::string version) override;
  io::Task<StatusOr<std::string>> ReadLink(std::string path) override;

 private:
  // One call's tries.
  class Attempts;

  std::unique_ptr<Source> source_;
  const RetryOptions options_;
  io::Loop& loop_;
  SourceMetrics& metrics_;
  std::minstd_rand random_;
};

}  // namespace sluice::source
