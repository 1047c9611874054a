#include "daemon/volume_changer.h"

namespace sluice::daemon {

StatusOr<broker::v1::ChangedVolume> VolumeChanger::Ask(const broker::v1::ChangeVolume& question) {
  broker::v1::Message request;
  *request.mutable_change_volume() = question;
  std::unique_lock lock(mutex_);
  const uint64_t number = next_number_++;
  request.set_number(number);
  RETURN_IF_ERROR(link_.Send(request.SerializeAsString()));
  questions_[number] = std::nullopt;
  answered_.wait_for(lock, kAnswerDeadline, [&] { return questions_[number].has_value(); });
  std::optional<broker::v1::ChangedVolume> answer = std::move(questions_[number]);
  questions_.erase(number);
  if (!answer) {
    return DeadlineExceeded("the plugin did not answer within {} s; is it of an older version?",
                            kAnswerDeadline / std::chrono::seconds(1));
  }
  if (answer->code() != 0) return MakeStatus(static_cast<StatusCode>(answer->code()), answer->message());
  return *std::move(answer);
}

void VolumeChanger::OnAnswer(uint64_t number, broker::v1::ChangedVolume changed) {
  const std::lock_guard lock(mutex_);
  const auto found = questions_.find(number);
  if (found == questions_.end()) return;
  found->second = std::move(changed);
  answered_.notify_all();
}

StatusOr<admin::v1::SetVolumeResponse> VolumeChanger::Set(const admin::v1::SetVolumeRequest& request) {
  const std::lock_guard turn(turn_);
  broker::v1::ChangeVolume question;
  question.set_volume_id(request.volume_id());
  *question.mutable_parameters() = request.parameters();
  question.set_check_only(true);
  ASSIGN_OR_RETURN(const broker::v1::ChangedVolume would_be, Ask(question));
  question.set_check_only(false);
  const auto commit = [&] { return Ask(question).status(); };
  admin::v1::SetVolumeResponse response;
  if (would_be.has_volume()) {
    RETURN_IF_ERROR(mounts_.Change(would_be.volume(), commit));
    *response.mutable_unchanged() = would_be.unchanged();
  } else {
    RETURN_IF_ERROR(commit());
  }
  response.set_mounted(mounts_.FindById(request.volume_id()) != nullptr);
  return response;
}

}  // namespace sluice::daemon
