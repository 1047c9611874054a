// Asks the plugin for backing files, over the broker socket.
//
// Threads:   OpenBacking and CloseBacking on the loop; OnAnswer from any.
// Suspends:  OpenBacking.
// Limits:    kAnswerDeadline for an answer; as many requests at a time as files are being opened.
// Errors:    the plugin's; UNAVAILABLE when it has gone; DEADLINE_EXCEEDED.
#pragma once

#include <map>
#include <memory>

#include "daemon/broker_link.h"
#include "fuse/backing_broker.h"
#include "io/sync.h"
#include "proto/broker.pb.h"

namespace sluice::daemon {

class BackingClient final : public fuse::BackingBroker {
 public:
  static constexpr Duration kAnswerDeadline = std::chrono::seconds(5);

  BackingClient(BrokerLink& link, io::Loop& loop) : link_(link), loop_(loop) {}

  io::Task<StatusOr<int32_t>> OpenBacking(std::string volume_id, uint64_t inode, UniqueFd file) override;
  void CloseBacking(const std::string& volume_id, uint64_t inode) override;

  void OnAnswer(uint64_t number, broker::v1::Backing backing);

 private:
  struct Question {
    explicit Question(io::Loop& loop) : answered(loop) {}
    std::optional<broker::v1::Backing> answer;
    bool late = false;
    io::Event answered;
  };
  void Expire(uint64_t number);

  BrokerLink& link_;
  io::Loop& loop_;
  // loop
  std::map<uint64_t, std::shared_ptr<Question>> questions_;
  uint64_t next_number_ = 1;
};

}  // namespace sluice::daemon
