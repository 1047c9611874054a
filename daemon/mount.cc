#include "daemon/mount.h"

#include "cache/key.h"

namespace sluice::daemon {
namespace {

Mount::Spec WithoutCredentials(broker::v1::VolumeSpec spec) {
  spec.clear_credentials();
  return std::make_shared<const broker::v1::VolumeSpec>(std::move(spec));
}

}  // namespace

Mount::Mount(const broker::v1::VolumeSpec& spec, std::shared_ptr<Contents> contents)
    : volume_id_(spec.volume_id()),
      source_(std::make_shared<source::JoinedSource>(contents->parts())),
      spec_(WithoutCredentials(spec)),
      contents_(std::move(contents)) {}

Mount::Spec Mount::spec() const {
  const std::lock_guard lock(mutex_);
  return spec_;
}

std::shared_ptr<Contents> Mount::contents() const {
  const std::lock_guard lock(mutex_);
  return contents_;
}

void Mount::Become(const broker::v1::VolumeSpec& spec, std::shared_ptr<Contents> contents) {
  if (contents != nullptr) source_->Replace(contents->parts());
  const std::lock_guard lock(mutex_);
  spec_ = WithoutCredentials(spec);
  if (contents != nullptr) contents_ = std::move(contents);
}

broker::v1::VolumeSpec Mount::SpecWithCredentials() const {
  const std::lock_guard lock(mutex_);
  broker::v1::VolumeSpec spec = *spec_;
  *spec.mutable_credentials() = contents_->credentials();
  return spec;
}

cache::TreeOptions TreeOptionsOf(const broker::v1::VolumeSpec& spec) {
  cache::TreeOptions options;
  // A volume id may hold any character; a hash is a file name.
  options.name = cache::ObjectId::Of({spec.volume_id(), MountsFingerprint(spec), "", 0, 0}).Hex();
  options.file_mode = spec.file_mode();
  options.directory_mode = spec.directory_mode();
  return options;
}

}  // namespace sluice::daemon
