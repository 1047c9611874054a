#include "daemon/access_stream.h"

#include <cmath>
#include <thread>

#include "tests/support/matchers.h"

namespace sluice::daemon {
namespace {

using cache::AccessRecorder;
using cache::Object;

// The call by itself, without a daemon.
class Service final : public admin::v1::Admin::Service {
 public:
  grpc::Status RecordAccesses(grpc::ServerContext* context, const admin::v1::RecordAccessesRequest* request,
                              grpc::ServerWriter<admin::v1::Accesses>* writer) override {
    const sluice::Status status = StreamAccesses(recorder, *request, *context, *writer);
    return {static_cast<grpc::StatusCode>(status.code()), std::string(Message(status))};
  }
  AccessRecorder recorder;
};

class AccessStreamTest : public testing::Test {
 protected:
  AccessStreamTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = admin::v1::Admin::NewStub(server_->InProcessChannel({}));
  }
  ~AccessStreamTest() override { server_->Shutdown(); }

  // What came, after `reads` were made once the recording had begun.
  grpc::Status Record(double seconds, uint64_t accesses_max, const std::function<void()>& reads) {
    grpc::ClientContext context;
    admin::v1::RecordAccessesRequest request;
    request.set_seconds(seconds);
    request.set_accesses_max(accesses_max);
    const auto reader = stub_->RecordAccesses(&context, request);
    admin::v1::Accesses message;
    for (bool first = true; reader->Read(&message); first = false) {
      if (first) reads();
      for (const auto& access : message.accesses()) blocks.push_back(access.block());
      object_hex = message.accesses().empty() ? object_hex : message.accesses(0).object();
      lost = message.lost();
    }
    return reader->Finish();
  }
  void Read(uint32_t count) { service_.recorder.OnRead(object_, {0, uint64_t{count} * kBlock}); }

  std::vector<uint32_t> blocks;
  std::string object_hex;
  uint64_t lost = 0;

 private:
  static constexpr uint32_t kBlock = 64 * 1024;
  const cache::ObjectVersion version_{"dataset", "secret-name", "1", uint64_t{kBlock} * 300'000, kBlock};
  const Object object_{version_, cache::ObjectId::Of(version_)};
  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<admin::v1::Admin::Stub> stub_;
};

TEST_F(AccessStreamTest, EveryAccessComesInItsOrder) {
  constexpr uint32_t kMany = 3 * kAccessesPerMessage + 1;
  ASSERT_TRUE(Record(0.2, 0, [&] { Read(kMany); }).ok());
  ASSERT_EQ(blocks.size(), kMany);
  for (uint32_t i = 0; i < kMany; ++i) ASSERT_EQ(blocks[i], i);
  EXPECT_EQ(object_hex.size(), 32u) << "a hash, no name";
  EXPECT_EQ(lost, 0u);
}

TEST_F(AccessStreamTest, ItEndsWhenThereAreEnough) {
  const Instant start = Clock::System().Now();
  ASSERT_TRUE(Record(600, 10, [&] { Read(100); }).ok());
  EXPECT_EQ(blocks.size(), 10u);
  EXPECT_LT(Clock::System().Now() - start, std::chrono::seconds(300));
}

TEST_F(AccessStreamTest, WhatWasLostIsTold) {
  ASSERT_TRUE(Record(0.2, 0, [&] { Read(AccessRecorder::kPendingMax + 1000); }).ok());
  EXPECT_GT(lost, 0u);
  EXPECT_EQ(blocks.size() + lost, AccessRecorder::kPendingMax + 1000);
}

TEST_F(AccessStreamTest, OneAtATimeAndTheNextAfterIt) {
  grpc::Status second;
  ASSERT_TRUE(Record(0.2, 0, [&] { second = Record(0.2, 0, [] {}); }).ok());
  EXPECT_EQ(second.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_TRUE(Record(0.1, 0, [] {}).ok());
}

TEST_F(AccessStreamTest, TimesThatCannotBeAreRefused) {
  for (const double seconds : {0.0, -1.0, 24 * 3600.5, std::nan(""), double{INFINITY}}) {
    const grpc::Status status = Record(seconds, 0, [] {});
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << seconds;
    EXPECT_NE(status.error_message().find("at most 86400"), std::string::npos) << status.error_message();
  }
}

}  // namespace
}  // namespace sluice::daemon
