// The cache index's keys and values as they are read from disk: objects, blocks, prewarm jobs.
//
// The first byte is the length of the key, which is followed by the value. Properties: a record that is read is written
// as the same bytes; a key, too; the blocks of an object can be counted, and those of a record are together; a job is
// the one that its key names, and can be run; what is no record is DATA_LOSS.
#include <google/protobuf/util/message_differencer.h>

#include "cache/format.h"
#include "daemon/job_records.h"
#include "tests/fuzz/fuzz.h"

namespace sluice {
namespace {

using fuzz::Expect;

void CheckRefused(const Status& status) { Expect(status.code() == StatusCode::kDataLoss, "no record is DATA_LOSS"); }

void CheckKey(std::string_view key) {
  const auto parsed = cache::ParseRecordKey(key);
  if (!parsed.ok()) return CheckRefused(parsed.status());
  const std::string written =
      parsed->is_object ? cache::ObjectRecordKey(parsed->id) : cache::BlocksRecordKey(parsed->id, parsed->first_block);
  Expect(written == key, "a key is written as it was");
  Expect(parsed->first_block % cache::kBlocksPerRecord == 0, "a record has the blocks from one multiple on");
}

void CheckObject(std::string_view bytes) {
  const auto record = cache::DecodeObject(bytes);
  if (!record.ok()) return CheckRefused(record.status());
  std::string written = cache::EncodeObject(*record);
  Expect(written.size() == bytes.size(), "a record is written as it was");
  const bool is_old = bytes[0] == 1;  // any second byte but 0 means pinned
  Expect(is_old ? record->pinned == (bytes[1] != 0) : (written[1] & ~bytes[1]) == 0, "flags stay");
  written.replace(0, 2, bytes.substr(0, 2));
  Expect(written == bytes, "a record is written as it was");
  Expect(cache::CanCount(record->version), "its blocks can be counted");
}

void CheckBlocks(std::string_view bytes) {
  const auto blocks = cache::DecodeBlocks(bytes);
  if (!blocks.ok()) return CheckRefused(blocks.status());
  Expect(blocks->size() <= cache::kBlocksPerRecord, "a record has a limit");
  Expect(cache::EncodeBlocks(*blocks) == bytes, "a record is written as it was");
}

void CheckJob(std::string_view key, std::string_view value) {
  const auto job = daemon::ParseJobRecord(key, value);
  if (!job.ok()) return CheckRefused(job.status());
  Expect(daemon::JobRecordKey(job->id()) == key, "a job is the one that its key names");
  Expect(job->request().concurrency() <= daemon::kJobConcurrencyMax, "it can be run");
  Expect(daemon::JobNumber(job->id()) < daemon::JobNumber(job->id()) + 1, "there is a next one");
  Expect((daemon::JobNumber(job->id()) == 0) == daemon::IsClientJobId(job->id()), "it is the daemon's or a client's");
  Expect(job->state_since_seconds() >= 0, "it began after 1970");
  const auto again = daemon::ParseJobRecord(key, job->SerializeAsString());
  Expect(again.ok() && again->SerializeAsString().size() == job->SerializeAsString().size(), "and stays what it is");
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return -1;
  const std::string_view bytes = sluice::fuzz::TextOf(data + 1, size - 1);
  const std::string_view key = bytes.substr(0, data[0]);
  const std::string_view value = bytes.substr(key.size());
  sluice::CheckKey(key);
  sluice::CheckObject(value);
  sluice::CheckBlocks(value);
  sluice::CheckJob(key, value);
  return 0;
}
