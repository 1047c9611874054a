#include "daemon/contents.h"

#include <fmt/ranges.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <filesystem>

#include "cache/key.h"

namespace sluice::daemon {
namespace {

using broker::v1::VolumeMount;
using broker::v1::VolumeSpec;

std::vector<VolumeMount> MountsOf(const VolumeSpec& spec) {
  if (!spec.mounts().empty()) return {spec.mounts().begin(), spec.mounts().end()};
  VolumeMount whole;
  whole.set_source(spec.source());
  whole.set_endpoint(spec.endpoint());
  whole.set_region(spec.region());
  if (spec.has_path_style()) whole.set_path_style(spec.path_style());
  return {whole};
}

// What the versions of the mount's files begin with (source/joined_source.h). Those of the source that the volume was
// made for have none: other volumes of it know its objects by the same versions.
std::string MarkOf(const VolumeMount& mount, const VolumeSpec& spec) {
  constexpr size_t kDigits = 16;
  const bool own = mount.path().empty() && mount.source() == spec.source() && mount.endpoint() == spec.endpoint();
  if (own) return "";
  return cache::ObjectId::Of({mount.source(), mount.endpoint(), "", 0, 0}).Hex().substr(0, kDigits) + ":";
}

source::Credentials CredentialsFor(const VolumeMount& mount, const broker::v1::Credentials& all) {
  if (all.values().empty()) return {all.access_key_id(), all.secret_access_key(), all.session_token()};
  const auto value = [&](const std::string& key) {
    const auto found = all.values().find(key);
    return found == all.values().end() ? std::string() : found->second;
  };
  return {value(mount.access_key_id_key()), value(mount.secret_access_key_key()), value(mount.session_token_key())};
}

// Outside of them Landlock lets nothing be read.
Status CheckDirectory(const std::string& source, const std::vector<std::string>& directories) {
  constexpr std::string_view kScheme = "file://";
  if (!source.starts_with(kScheme)) return absl::OkStatus();
  const auto path = std::filesystem::path(source.substr(kScheme.size())).lexically_normal();
  const auto holds = [&](const std::string& directory) {
    const auto below = path.lexically_relative(std::filesystem::path(directory).lexically_normal());
    return !below.empty() && *below.begin() != "..";
  };
  if (std::ranges::any_of(directories, holds)) return absl::OkStatus();
  return PermissionDenied("{} is in none of this pool's source.directories: {}", source, fmt::join(directories, ", "));
}

}  // namespace

StatusOr<std::shared_ptr<Contents>> Contents::Open(const VolumeSpec& spec, const ContentsContext& context) {
  auto contents = std::make_shared<Contents>();
  contents->credentials_ = spec.credentials();
  for (VolumeMount& mount : MountsOf(spec)) RETURN_IF_ERROR(contents->Add(std::move(mount), spec, context));
  return contents;
}

Status Contents::Add(VolumeMount mount, const VolumeSpec& spec, const ContentsContext& context) {
  RETURN_IF_ERROR(CheckDirectory(mount.source(), context.source_directories));
  Opened opened;
  opened.credentials = std::make_shared<source::CredentialStore>(CredentialsFor(mount, spec.credentials()));
  source::SourceOptions options;
  options.uri = mount.source();
  options.endpoint = mount.endpoint();
  options.region = mount.region();
  if (mount.has_path_style()) options.path_style = mount.path_style();
  options.credentials = opened.credentials;
  options.retry = context.retry;
  auto source = source::OpenSource(options, context.sources);
  RETURN_IF_ERROR(Annotate(source.status(), mount.source()));
  opened.source = *std::move(source);
  opened.mark = MarkOf(mount, spec);
  opened.mount = std::move(mount);
  opened_.push_back(std::move(opened));
  return absl::OkStatus();
}

source::JoinedSource::Parts Contents::parts() const {
  source::JoinedSource::Parts parts;
  for (const Opened& opened : opened_) parts.push_back({opened.mount.path(), opened.source, opened.mark});
  return parts;
}

io::Task<Status> Contents::Check() const {
  for (const Opened& opened : opened_) {
    const auto root = co_await opened.source->Stat("");
    CO_RETURN_IF_ERROR(Annotate(root.status(), opened.mount.source()));
    if (root->kind == source::Entry::Kind::kDirectory) continue;
    co_return FailedPrecondition("{}: the source is no directory", opened.mount.source());
  }
  co_return absl::OkStatus();
}

void Contents::Renew(const broker::v1::Credentials& credentials) {
  const std::lock_guard lock(mutex_);
  credentials_ = credentials;
  for (const Opened& opened : opened_) opened.credentials->Set(CredentialsFor(opened.mount, credentials));
}

broker::v1::Credentials Contents::credentials() const {
  const std::lock_guard lock(mutex_);
  return credentials_;
}

std::string Contents::UriOf(std::string_view path) const {
  const Opened* holder = nullptr;
  for (const Opened& opened : opened_) {
    if (!source::PathBelow(path, opened.mount.path())) continue;
    if (holder == nullptr || opened.mount.path().size() >= holder->mount.path().size()) holder = &opened;
  }
  if (holder == nullptr) return "";
  const std::string_view below = *source::PathBelow(path, holder->mount.path());
  return below.empty() ? holder->mount.source() : fmt::format("{}/{}", holder->mount.source(), below);
}

std::string SourceText(const VolumeSpec& spec) {
  if (spec.mounts().empty()) return spec.source();
  std::vector<std::string> texts;
  for (const VolumeMount& mount : spec.mounts())
    texts.push_back(fmt::format("{} at /{}", mount.source(), mount.path()));
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string MountsFingerprint(const VolumeSpec& spec) {
  if (spec.mounts().empty()) return "";
  std::string all;
  for (const VolumeMount& mount : spec.mounts()) {
    for (const std::string* part : {&mount.path(), &mount.source(), &mount.endpoint()}) {
      all += fmt::format("{} {}\n", part->size(), *part);
    }
  }
  return cache::ObjectId::Of({all, "", "", 0, 0}).Hex();
}

bool HaveSameMounts(const VolumeSpec& a, const VolumeSpec& b) {
  return std::ranges::equal(MountsOf(a), MountsOf(b), &google::protobuf::util::MessageDifferencer::Equals);
}

std::string IdentityOf(const VolumeSpec& spec) {
  if (spec.source().empty()) return fmt::format("mounts of {}", spec.volume_id());
  return fmt::format("{}@{}", spec.source(), spec.endpoint());
}

}  // namespace sluice::daemon
