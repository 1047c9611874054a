#include "csi/cache_limits.h"

#include "common/bytes.h"
#include "common/yaml.h"

namespace sluice::csi {
namespace {

constexpr std::string_view kMedia[] = {"dram", "ssd", "hdd"};
constexpr const char* kName = "cache";  // in messages
constexpr size_t kTextBytesMax = 4096;
constexpr uint64_t kBlocksMin = 4;

Status ReadLimit(YamlMapping& yaml, broker::v1::CacheLimit* limit) {
  uint64_t quota_bytes = 0;
  double high = 0;
  double low = 0;
  yaml.Bytes("quota", &quota_bytes);
  yaml.Fraction("highWatermark", &high);
  yaml.Fraction("lowWatermark", &low);
  RETURN_IF_ERROR(yaml.Finish());
  if (yaml.Has("quota") && quota_bytes == 0) {
    return yaml.ErrorAt("quota", "is nothing; leave the medium out, and it is not used");
  }
  if (high > 0 && low > 0 && low >= high) return yaml.ErrorAt("lowWatermark", "must be lower than highWatermark");
  limit->set_quota_bytes(quota_bytes);
  limit->set_high_watermark(high);
  limit->set_low_watermark(low);
  return absl::OkStatus();
}

}  // namespace

StatusOr<broker::v1::CacheLimits> ParseCacheLimits(const std::string& text) {
  if (text.size() > kTextBytesMax) return InvalidArgument("{} bytes; at most {} are read", text.size(), kTextBytesMax);
  ASSIGN_OR_RETURN(const YAML::Node root, ParseYaml(text, kName));
  if (!root.IsMap()) {
    return InvalidArgument(R"('{}' is no JSON object; write {{"ssd": {{"quota": "400GiB"}}}})", text);
  }
  broker::v1::CacheLimits limits;
  YamlMapping top(kName, root);
  for (const std::string_view medium : kMedia) {
    top.Mapping(medium,
                [&](YamlMapping& limit) { return ReadLimit(limit, &(*limits.mutable_media())[std::string(medium)]); });
  }
  RETURN_IF_ERROR(top.Finish());
  return limits;
}

Status CheckCacheLimits(const broker::v1::CacheLimits& limits, uint64_t block_size_bytes) {
  for (const auto& [medium, limit] : limits.media()) {
    if (limit.quota_bytes() == 0 || limit.quota_bytes() >= kBlocksMin * block_size_bytes) continue;
    return InvalidArgument("{}: a quota of {} is less than {} blocks; at least {} are needed, or a smaller blockSize",
                           medium, FormatBytes(limit.quota_bytes()), kBlocksMin,
                           FormatBytes(kBlocksMin * block_size_bytes));
  }
  return absl::OkStatus();
}

}  // namespace sluice::csi
