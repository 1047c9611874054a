#include "csi/mount_parameters.h"

#include <algorithm>

#include "common/suggest.h"
#include "common/yaml.h"

namespace sluice::csi {
namespace {

constexpr std::string_view kSchemes[] = {"s3", "http", "https", "file"};
constexpr const char* kName = "mounts";  // in messages
constexpr size_t kNameBytesMax = 255;    // a file system's

// "/a/b" to "a/b", "/" to "".
StatusOr<std::string> ParsePath(const std::string& value) {
  if (value == "/") return std::string();
  const auto wrong = [&](std::string_view why) {
    return InvalidArgument("'{}' {}; write / or a path such as /data/train", value, why);
  };
  if (!value.starts_with('/')) return wrong("does not begin with '/'");
  for (size_t start = 1; start <= value.size();) {
    const size_t end = std::min(value.find('/', start), value.size());
    const std::string name = value.substr(start, end - start);
    if (name.empty()) return wrong("has an empty name in it");
    if (name == "." || name == "..") return wrong("has '.' or '..' in it");
    if (name.size() > kNameBytesMax || name.find('\0') != std::string::npos) return wrong("has no file name in it");
    start = end + 1;
  }
  return value.substr(1);
}

Status ReadCredentials(YamlMapping& yaml, broker::v1::VolumeMount* mount) {
  yaml.String("accessKeyId", mount->mutable_access_key_id_key());
  yaml.String("secretAccessKey", mount->mutable_secret_access_key_key());
  yaml.String("sessionToken", mount->mutable_session_token_key());
  RETURN_IF_ERROR(yaml.Finish());
  if (mount->access_key_id_key().empty() || mount->secret_access_key_key().empty()) {
    return InvalidArgument("credentials: accessKeyId and secretAccessKey are needed, each with a key of the Secret");
  }
  return absl::OkStatus();
}

StatusOr<broker::v1::VolumeMount> ReadMount(const YAML::Node& node) {
  YamlMapping yaml(kName, node);
  broker::v1::VolumeMount mount;
  std::string path;
  std::string path_style;
  yaml.String("path", &path);
  yaml.String("source", mount.mutable_source());
  yaml.String("endpoint", mount.mutable_endpoint());
  yaml.String("region", mount.mutable_region());
  yaml.String("pathStyle", &path_style);
  yaml.Mapping("credentials", [&](YamlMapping& keys) { return ReadCredentials(keys, &mount); });
  RETURN_IF_ERROR(yaml.Finish());
  ASSIGN_OR_RETURN(*mount.mutable_path(), ParsePath(path));
  const auto at = [&](std::string_view key) { return fmt::format("{}: {}", path, key); };
  RETURN_IF_ERROR(Annotate(CheckSource(mount.source()), at("source")));
  if (!mount.endpoint().empty()) RETURN_IF_ERROR(Annotate(CheckEndpoint(mount.endpoint()), at("endpoint")));
  RETURN_IF_ERROR(Annotate(CheckRegion(mount.region()), at("region")));
  if (!path_style.empty()) {
    const auto parsed = ParsePathStyle(path_style);
    RETURN_IF_ERROR(Annotate(parsed.status(), at("pathStyle")));
    mount.set_path_style(*parsed);
  }
  return mount;
}

}  // namespace

bool IsOneWord(const std::string& value) {
  return std::none_of(value.begin(), value.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

Status CheckSource(const std::string& value) {
  const size_t colon = value.find("://");
  if (colon == std::string::npos) {
    return InvalidArgument("'{}' is not a URI; write s3://BUCKET/PREFIX, https://HOST/PATH or file:///DIRECTORY",
                           value);
  }
  if (value.find('@', colon) < value.find('/', colon + 3)) {
    return InvalidArgument("a source carries no credentials; give them in a Secret");
  }
  const std::string scheme = value.substr(0, colon);
  if (std::ranges::find(kSchemes, scheme) != std::end(kSchemes)) return absl::OkStatus();
  return InvalidArgument("scheme: '{}' is not known{}", scheme, DidYouMean(scheme, kSchemes));
}

Status CheckEndpoint(const std::string& value) {
  if (!value.starts_with("http://") && !value.starts_with("https://")) {
    return InvalidArgument("'{}' is not the URL of a server; write https://HOST[:PORT]", value);
  }
  return CheckRegion(value);
}

Status CheckRegion(const std::string& value) {
  if (!IsOneWord(value)) return InvalidArgument("'{}' holds a blank or a line break", value);
  return absl::OkStatus();
}

StatusOr<bool> ParsePathStyle(const std::string& value) {
  if (value != "true" && value != "false") return InvalidArgument("'{}' is neither true nor false", value);
  return value == "true";
}

StatusOr<VolumeMounts> ParseMounts(const std::string& json) {
  if (json.size() > kMountsBytesMax) {
    return InvalidArgument("{} bytes; at most {} are read", json.size(), kMountsBytesMax);
  }
  ASSIGN_OR_RETURN(const YAML::Node root, ParseYaml(json, kName));
  if (!root.IsSequence() || root.size() == 0 || root.size() > kMountsMax) {
    return InvalidArgument(
        R"('{}' is no JSON list of 1 to {} mounts; write [{{"path": "/", "source": "s3://BUCKET"}}])", json,
        kMountsMax);
  }
  VolumeMounts mounts;
  for (const YAML::Node& node : root) {
    ASSIGN_OR_RETURN(*mounts.Add(), ReadMount(node));
  }
  std::ranges::sort(mounts, {}, &broker::v1::VolumeMount::path);
  const auto twice = std::ranges::adjacent_find(mounts, {}, &broker::v1::VolumeMount::path);
  if (twice != mounts.end()) return InvalidArgument("two mounts have the path '/{}'; give each its own", twice->path());
  return mounts;
}

}  // namespace sluice::csi
