// Prewarm jobs as records of the cache's index (daemon/prewarm.h). They are read back from a disk.
//
// Threads:  pure functions.
// Errors:   DATA_LOSS for what is no job, another one than its key says, or none that can be run.
// Format:   docs/on-disk-format.md, "Index".
#pragma once

#include <string>
#include <string_view>

#include "common/status.h"
#include "proto/admin.pb.h"

namespace sluice::daemon {

inline constexpr uint32_t kJobConcurrencyMax = 64;  // files at a time
inline constexpr size_t kJobIdMax = 128;            // of a client's, in bytes

// "j1", "j2", …
std::string JobId(uint64_t number);
// 0 when it is no such id.
uint64_t JobNumber(std::string_view id);
// An id that a client may choose: letters, digits, '-', '_' and '.', and none like "j1".
bool IsClientJobId(std::string_view id);

std::string JobRecordKey(std::string_view id);
StatusOr<admin::v1::Job> ParseJobRecord(std::string_view key, std::string_view value);

}  // namespace sluice::daemon
