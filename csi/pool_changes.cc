// Pool: volumes that are given other parameters, or a newer Secret.
#include <google/protobuf/util/message_differencer.h>
#include <spdlog/spdlog.h>

#include "csi/pool.h"
#include "csi/secrets.h"
#include "csi/volume_change.h"

namespace sluice::csi {

using google::protobuf::util::MessageDifferencer;

StatusOr<broker::v1::VolumeSpec> Pool::SpecFor(const broker::v1::VolumeSpec& spec, const StringMap& secret) const {
  const StringMap changed = ChangedOf(spec.volume_id());
  broker::v1::VolumeSpec result = spec;
  if (changed.empty()) {
    ASSIGN_OR_RETURN(*result.mutable_credentials(), ParseSecrets(secret, spec));
    return result;
  }
  const auto given = SpecWith(spec, changed, secret);
  RETURN_IF_ERROR(Annotate(given.status(), "the parameters that the volume was given since"));
  return *given;
}

StatusOr<bool> Pool::Shows(const broker::v1::VolumeSpec& spec, const StringMap& secret) const {
  const StringMap changed = ChangedOf(spec.volume_id());
  const auto mounted = SpecOf(spec.volume_id());
  if (!mounted) return false;
  broker::v1::VolumeSpec wanted = spec;
  if (!changed.empty()) {
    ASSIGN_OR_RETURN(VolumeChange change, ChangeOf(*mounted, changed, secret));
    wanted = std::move(change.spec);
  }
  wanted.clear_credentials();
  return MessageDifferencer::Equals(*mounted, wanted);
}

StringMap Pool::ChangedOf(const std::string& volume_id) const {
  const std::lock_guard lock(mutex_);
  return changed_parameters_->Find(volume_id);
}

Status Pool::TakeSecret(const std::string& volume_id, const StringMap& secret) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = volumes_.find(volume_id);
    if (found == volumes_.end()) return absl::OkStatus();
    Volume& volume = found->second;
    volume.secret = secret;
    ASSIGN_OR_RETURN(broker::v1::Credentials credentials, ParseSecrets(secret, volume.spec));
    if (!HasCredentials(credentials)) return absl::OkStatus();
    if (!volume.is_renewing && MessageDifferencer::Equals(volume.spec.credentials(), credentials)) {
      return absl::OkStatus();
    }
    // First: a daemon that starts from here on is handed these.
    *volume.spec.mutable_credentials() = std::move(credentials);
    volume.is_renewing = true;
    RETURN_IF_ERROR(staged_->PutCredentials(volume_id, volume.spec.credentials()));
  }
  return HandCredentials(volume_id);
}

Status Pool::HandCredentials(const std::string& volume_id) {
  for (int tries = 0; tries < kRenewTriesMax; ++tries) {
    broker::v1::Credentials handed;
    {
      const std::lock_guard lock(mutex_);
      const auto found = volumes_.find(volume_id);
      if (found == volumes_.end()) return absl::OkStatus();
      handed = found->second.spec.credentials();
    }
    broker::v1::Message request;
    request.mutable_renew_credentials()->set_volume_id(volume_id);
    *request.mutable_renew_credentials()->mutable_credentials() = handed;
    const Status status = StatusOf(Ask(std::move(request), {}, kRenewDeadline));
    if (absl::IsUnavailable(status)) return absl::OkStatus();  // it may be the same daemon that comes back: asked again
    RETURN_IF_ERROR(Annotate(status, fmt::format("the new credentials of volume {}", volume_id)));
    const std::lock_guard lock(mutex_);
    const auto found = volumes_.find(volume_id);
    if (found == volumes_.end()) return absl::OkStatus();
    // A change of the volume meanwhile may have put them in another form, for other mounts.
    if (!MessageDifferencer::Equals(found->second.spec.credentials(), handed)) continue;
    found->second.is_renewing = false;
    spdlog::info("volume {} has new credentials", volume_id);
    return absl::OkStatus();
  }
  return Aborted("volume {} is changed again and again while its credentials are handed over; try again", volume_id);
}

broker::v1::ChangedVolume Pool::ChangeVolume(const broker::v1::ChangeVolume& request) {
  broker::v1::ChangedVolume changed;
  const Instant now = Clock::System().Now();
  Status status = ResourceExhausted("more than {} changes of volumes a second; try again", kChangesPerSecondMax);
  if (changes_.Delay(now) == Duration(0)) {
    changes_.Spend(1, now);
    status = TryChange(request, &changed);
  }
  changed.set_code(static_cast<int>(status.code()));
  changed.set_message(std::string(Message(status)));
  return changed;
}

Status Pool::TryChange(const broker::v1::ChangeVolume& request, broker::v1::ChangedVolume* changed) {
  const StringMap parameters(request.parameters().begin(), request.parameters().end());
  const std::string& id = request.volume_id();
  const std::lock_guard lock(mutex_);
  const auto found = volumes_.find(id);
  if (found == volumes_.end() || parameters.empty()) {
    if (!parameters.empty()) RETURN_IF_ERROR(ParseVolumeParameters(id, parameters).status());
    return request.check_only() ? absl::OkStatus() : changed_parameters_->Put(id, parameters);
  }
  Volume& volume = found->second;
  if (!volume.established) return Unavailable("volume {} is being mounted; try again", id);
  const StringMap secret = volume.secret.empty() ? SecretOf(volume.spec.credentials()) : volume.secret;
  ASSIGN_OR_RETURN(VolumeChange change, ChangeOf(volume.spec, parameters, secret));
  changed->mutable_unchanged()->Add(change.unchanged.begin(), change.unchanged.end());
  *changed->mutable_volume() = change.spec;
  if (request.check_only()) return absl::OkStatus();
  RETURN_IF_ERROR(changed_parameters_->Put(id, parameters));
  volume.spec = std::move(change.spec);
  return staged_->Put(volume.spec, volume.staging_path);  // the daemon says so in its log, which is its own
}

}  // namespace sluice::csi
