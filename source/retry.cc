#include "source/retry.h"

#include <algorithm>

namespace sluice::source {

SourceMetrics::SourceMetrics(Registry& registry)
    : read_bytes(registry.AddCounter("sluice_source_read_bytes_total", "Bytes read from sources")),
      requests(registry.AddCounter("sluice_source_requests_total", "Requests to sources: reads, listings, look-ups")),
      retries(registry.AddCounter("sluice_source_retries_total", "Requests to sources that were tried again")),
      clock_corrections(registry.AddCounter("sluice_source_clock_corrections_total",
                                            "Times a server refused this node's time and told its own")),
      latency(registry.AddHistogram("sluice_source_request_seconds", "Time of one request to a source")),
      other_errors_(registry.AddCounter("sluice_source_errors_total", "Failed requests to sources by kind",
                                        {{"kind", "other"}})) {
  constexpr std::pair<StatusCode, const char*> kKinds[] = {{StatusCode::kNotFound, "not_found"},
                                                           {StatusCode::kPermissionDenied, "permission_denied"},
                                                           {StatusCode::kUnauthenticated, "unauthenticated"},
                                                           {StatusCode::kAborted, "changed"},
                                                           {StatusCode::kUnavailable, "unavailable"},
                                                           {StatusCode::kDeadlineExceeded, "timeout"},
                                                           {StatusCode::kDataLoss, "protocol"}};
  for (const auto& [code, kind] : kKinds) {
    errors_.emplace_back(code, &registry.AddCounter("sluice_source_errors_total", "Failed requests to sources by kind",
                                                    {{"kind", kind}}));
  }
}

void SourceMetrics::CountError(const Status& status) {
  const auto found =
      std::find_if(errors_.begin(), errors_.end(), [&](const auto& e) { return e.first == status.code(); });
  (found != errors_.end() ? *found->second : other_errors_).Add();
}

class RetryingSource::Attempts {
 public:
  explicit Attempts(RetryingSource& owner) : owner_(owner), start_(Now()), try_start_(start_) {
    owner_.metrics_.requests.Add();
  }

  // After a try that ended with `status`: true when the caller is to try again, after the wait.
  io::Task<bool> Again(Status status) {
    owner_.metrics_.latency.Observe(Now() - try_start_);
    if (status.ok()) co_return false;
    owner_.metrics_.CountError(status);
    const bool passing = status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kDeadlineExceeded;
    if (!passing) co_return false;
    // Between half and the whole of the backoff, so that many readers do not come back at once.
    std::uniform_real_distribution<double> jitter(0.5, 1.0);
    const Duration wait(static_cast<int64_t>(static_cast<double>(backoff_.count()) * jitter(owner_.random_)));
    if (Now() + wait - start_ > owner_.options_.deadline) co_return false;
    backoff_ = std::min(backoff_ * 2, owner_.options_.backoff_max);
    co_await owner_.loop_.Sleep(wait);
    owner_.metrics_.retries.Add();
    try_start_ = Now();
    co_return true;
  }

  // Bytes arrived: the source lives, so the deadline counts from here.
  void Progress() {
    start_ = Now();
    backoff_ = owner_.options_.backoff_first;
  }

 private:
  Instant Now() const { return owner_.loop_.clock().Now(); }

  RetryingSource& owner_;
  Instant start_;
  Instant try_start_;
  Duration backoff_ = owner_.options_.backoff_first;
};

RetryingSource::RetryingSource(std::unique_ptr<Source> source, RetryOptions options, io::Loop& loop,
                               SourceMetrics& metrics)
    : source_(std::move(source)), options_(options), loop_(loop), metrics_(metrics), random_(std::random_device{}()) {}

io::Task<StatusOr<Entry>> RetryingSource::Stat(std::string path) {
  Attempts attempts(*this);
  for (;;) {
    StatusOr<Entry> entry = co_await source_->Stat(path);
    if (!co_await attempts.Again(entry.status())) co_return entry;
  }
}

io::Task<StatusOr<Page>> RetryingSource::List(std::string directory, std::string continuation) {
  Attempts attempts(*this);
  for (;;) {
    StatusOr<Page> page = co_await source_->List(directory, continuation);
    if (!co_await attempts.Again(page.status())) co_return page;
  }
}

io::Task<StatusOr<Page>> RetryingSource::ListAfter(std::string directory, std::string key) {
  Attempts attempts(*this);
  for (;;) {
    StatusOr<Page> page = co_await source_->ListAfter(directory, key);
    if (!co_await attempts.Again(page.status())) co_return page;
  }
}

io::Task<StatusOr<std::string>> RetryingSource::ReadLink(std::string path) {
  Attempts attempts(*this);
  for (;;) {
    StatusOr<std::string> target = co_await source_->ReadLink(path);
    if (!co_await attempts.Again(target.status())) co_return target;
  }
}

io::Task<StatusOr<std::optional<Digest>>> RetryingSource::DigestOf(std::string path, std::string version) {
  Attempts attempts(*this);
  for (;;) {
    StatusOr<std::optional<Digest>> digest = co_await source_->DigestOf(path, version);
    if (!co_await attempts.Again(digest.status())) co_return digest;
  }
}

io::Task<Status> RetryingSource::Read(ReadRequest request) {
  Attempts attempts(*this);
  size_t done = 0;  // bytes that earlier tries brought; they are of the version, so they stay
  for (;;) {
    size_t arrived = 0;
    ReadRequest rest = request;
    rest.offset_bytes += done;
    rest.target = request.target.subspan(done);
    rest.whole_object = request.whole_object && done == 0;
    rest.on_progress = [&](size_t count) {
      arrived = count;
      if (request.on_progress) request.on_progress(done + count);
    };
    const Status status = co_await source_->Read(std::move(rest));
    if (status.ok()) arrived = request.target.size() - done;
    metrics_.read_bytes.Add(arrived);
    done += arrived;
    if (arrived > 0) attempts.Progress();
    if (!co_await attempts.Again(status)) co_return status;
  }
}

}  // namespace sluice::source
