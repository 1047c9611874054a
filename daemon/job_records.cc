#include "daemon/job_records.h"

#include <charconv>

#include "cache/format.h"

namespace sluice::daemon {
namespace {

// There is always a next one.
constexpr uint64_t kNumberMax = uint64_t{1} << 62;

}  // namespace

std::string JobId(uint64_t number) { return fmt::format("j{}", number); }

uint64_t JobNumber(std::string_view id) {
  uint64_t number = 0;
  if (!id.starts_with('j')) return 0;
  std::from_chars(id.data() + 1, id.data() + id.size(), number);
  return number <= kNumberMax && JobId(number) == id ? number : 0;
}

bool IsClientJobId(std::string_view id) {
  constexpr std::string_view kCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  return !id.empty() && id.size() <= kJobIdMax && id.find_first_not_of(kCharacters) == std::string_view::npos &&
         JobNumber(id) == 0;
}

std::string JobRecordKey(std::string_view id) { return cache::kJobRecords + std::string(id); }

StatusOr<admin::v1::Job> ParseJobRecord(std::string_view key, std::string_view value) {
  admin::v1::Job job;
  if (!job.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return DataLoss("a prewarm job's record of {} bytes is damaged", value.size());
  }
  const bool has_id = JobNumber(job.id()) != 0 || IsClientJobId(job.id());
  if (!has_id || JobRecordKey(job.id()) != key) {
    return DataLoss("a prewarm job's record is of another one, '{}'", job.id());
  }
  if (job.request().concurrency() > kJobConcurrencyMax) {
    return DataLoss("the prewarm job {} has a concurrency of {}", job.id(), job.request().concurrency());
  }
  if (job.state_since_seconds() < 0) {
    return DataLoss("the prewarm job {} is in its state since {}", job.id(), job.state_since_seconds());
  }
  return job;
}

}  // namespace sluice::daemon
