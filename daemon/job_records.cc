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

std::string JobRecordKey(std::string_view id) { return cache::kJobRecords + std::string(id); }

StatusOr<admin::v1::Job> ParseJobRecord(std::string_view key, std::string_view value) {
  admin::v1::Job job;
  if (!job.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return DataLoss("a prewarm job's record of {} bytes is damaged", value.size());
  }
  if (JobNumber(job.id()) == 0 || JobRecordKey(job.id()) != key) {
    return DataLoss("a prewarm job's record is of another one, '{}'", job.id());
  }
  if (job.request().concurrency() > kJobConcurrencyMax) {
    return DataLoss("the prewarm job {} has a concurrency of {}", job.id(), job.request().concurrency());
  }
  return job;
}

}  // namespace sluice::daemon
