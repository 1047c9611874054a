#include "daemon/backing_client.h"

#include <spdlog/spdlog.h>

namespace sluice::daemon {

io::Task<StatusOr<int32_t>> BackingClient::OpenBacking(std::string volume_id, uint64_t inode, UniqueFd file) {
  broker::v1::Message request;
  const uint64_t number = next_number_++;
  request.set_number(number);
  request.mutable_open_backing()->set_volume_id(std::move(volume_id));
  request.mutable_open_backing()->set_inode(inode);
  const int descriptor = file.get();
  CO_RETURN_IF_ERROR(link_.Send(request.SerializeAsString(), {&descriptor, 1}));
  file.reset();
  const auto question = std::make_shared<Question>(loop_);
  questions_[number] = question;
  loop_.After(kAnswerDeadline, [this, number] { Expire(number); });
  while (!question->answer && !question->late) co_await question->answered.Wait();
  questions_.erase(number);
  if (!question->answer) {
    co_return DeadlineExceeded("the plugin gave no backing file within {} s",
                               kAnswerDeadline / std::chrono::seconds(1));
  }
  if (question->answer->code() != 0) {
    co_return MakeStatus(static_cast<StatusCode>(question->answer->code()), question->answer->message());
  }
  co_return question->answer->id();
}

void BackingClient::Expire(uint64_t number) {
  const auto found = questions_.find(number);
  if (found == questions_.end()) return;
  found->second->late = true;
  found->second->answered.Notify();
}

void BackingClient::CloseBacking(const std::string& volume_id, uint64_t inode) {
  broker::v1::Message request;
  request.set_number(next_number_++);
  request.mutable_close_backing()->set_volume_id(volume_id);
  request.mutable_close_backing()->set_inode(inode);
  if (const Status sent = link_.Send(request.SerializeAsString()); !sent.ok()) spdlog::warn("{}", Message(sent));
}

void BackingClient::OnAnswer(uint64_t number, broker::v1::Backing backing) {
  loop_.Post([this, number, backing = std::move(backing)]() mutable {
    const auto found = questions_.find(number);
    if (found == questions_.end()) return;
    found->second->answer = std::move(backing);
    found->second->answered.Notify();
  });
}

}  // namespace sluice::daemon
