// What the table of prewarm jobs keeps while no volume is mounted. That jobs do their work is shown with real volumes
// (tests/integration/test_prewarm_jobs.py).
#include "daemon/prewarm.h"

#include "daemon/backing_client.h"
#include "tests/support/cache_fixture.h"

namespace sluice::daemon {
namespace {

using admin::v1::Job;
using admin::v1::StartPrewarmRequest;

StartPrewarmRequest RequestOf(const std::string& id, const std::string& volume = "later") {
  StartPrewarmRequest request;
  request.set_id(id);
  request.set_dataset(volume);
  return request;
}

class PrewarmTest : public cache::CacheTest {
 protected:
  void SetUp() override { Begin(); }
  void TearDown() override { End(); }
  // A process begins, or ends.
  void Begin() {
    Open();
    trees.emplace(cache->store(), loop, pool);
    prover.emplace(*trees, *cache, loop);
    mounts.emplace(MountContext{.catalogs_directory = directory.path(),
                                .cache = *cache,
                                .loop = loop,
                                .sources = sources,
                                .retry = {},
                                .node_limits = limits,
                                .throttled_ns = registry.AddCounter("throttled_total", "", {}, 1),
                                .session_metrics = session_metrics,
                                .open_files_metrics = open_files_metrics,
                                .backings = backings,
                                .mounts_gauge = registry.AddGauge("mounts", ""),
                                .source_directories = {}});
    prewarmer.emplace(*mounts, *cache, *trees, *prover, loop);
    ASSERT_OK(prewarmer->Load());
  }
  void End() {
    prewarmer.reset();
    mounts.reset();
    prover.reset();
    trees.reset();
    CloseCache();
  }
  void Restart() {
    End();
    Begin();
  }
  std::vector<std::string> Ids() {
    std::vector<std::string> ids;
    for (const Job& job : prewarmer->List()) ids.push_back(job.id());
    return ids;
  }
  void PutRecord(const std::string& id, Job::State state, int64_t since_seconds) {
    Job job;
    job.set_id(id);
    *job.mutable_request() = RequestOf(id);
    job.set_state(state);
    job.set_state_since_seconds(since_seconds);
    cache->store().index().Put(JobRecordKey(id), job.SerializeAsString());
  }

  Registry registry;
  BrokerLink link;
  BackingClient backings{link, loop};
  fuse::SessionMetrics session_metrics{registry};
  fuse::OpenFilesMetrics open_files_metrics{registry};
  source::SourceMetrics source_metrics{registry};
  source::SourceContext sources{loop, *io, pool, nullptr, source_metrics};
  cache::ReadLimits limits{loop, nullptr};
  std::optional<cache::PublishedTrees> trees;
  std::optional<TreeProver> prover;
  std::optional<Mounts> mounts;
  std::optional<Prewarmer> prewarmer;
};

TEST_F(PrewarmTest, AJobWithAnIdWaitsForItsVolume) {
  ASSERT_OK_AND_ASSIGN(const Job job, prewarmer->Start(RequestOf("load-1")));
  EXPECT_EQ(job.id(), "load-1");
  EXPECT_EQ(job.state(), Job::WAITING);
  EXPECT_GT(job.state_since_seconds(), 1'700'000'000);
  Restart();
  ASSERT_OK_AND_ASSIGN(const Job again, prewarmer->Get("load-1"));
  EXPECT_EQ(again.state(), Job::WAITING);
  EXPECT_EQ(again.state_since_seconds(), job.state_since_seconds());
}

TEST_F(PrewarmTest, WithoutAnIdOrAVolumesIdNothingWaits) {
  EXPECT_TRUE(Fails(prewarmer->Start(RequestOf("")).status(), StatusCode::kNotFound, "nothing is mounted"));
  EXPECT_TRUE(Fails(prewarmer->Start(RequestOf("a", "s3://b")).status(), StatusCode::kNotFound, "s3://b"));
  EXPECT_TRUE(Fails(prewarmer->Start(RequestOf("a", "")).status(), StatusCode::kNotFound, "dataset"));
  EXPECT_TRUE(
      Fails(prewarmer->Start(RequestOf("a", std::string(129, 'v'))).status(), StatusCode::kNotFound, "dataset"));
  EXPECT_TRUE(Ids().empty());
}

TEST_F(PrewarmTest, TheSameRequestIsTheSameJob) {
  StartPrewarmRequest request = RequestOf("load-1");
  request.add_patterns("a/*");
  ASSERT_OK(prewarmer->Start(request).status());
  ASSERT_OK(prewarmer->Cancel("load-1").status());
  Restart();
  ASSERT_OK_AND_ASSIGN(const Job same, prewarmer->Start(request));
  EXPECT_EQ(same.state(), Job::CANCELLED);
  StartPrewarmRequest other = request;
  other.set_patterns(0, "b/*");
  EXPECT_TRUE(Fails(prewarmer->Start(other).status(), StatusCode::kAlreadyExists, "patterns"));
  other = request;
  other.set_dataset("another");
  EXPECT_TRUE(Fails(prewarmer->Start(other).status(), StatusCode::kAlreadyExists, "\"later\" -> \"another\""));
  EXPECT_EQ(Ids().size(), 1u);
}

TEST_F(PrewarmTest, WhatCannotBeAJobIsRefused) {
  const auto fails = [&](const StartPrewarmRequest& request, const char* text) {
    return Fails(prewarmer->Start(request).status(), StatusCode::kInvalidArgument, text);
  };
  EXPECT_TRUE(fails(RequestOf("j7"), "but not 'j' and a number"));
  EXPECT_TRUE(fails(RequestOf("a/b"), "'a/b'"));
  EXPECT_TRUE(fails(RequestOf(std::string(129, 'x')), "128"));
  StartPrewarmRequest request = RequestOf("a");
  request.set_metadata_only(true);
  request.set_limit_bytes_per_second(1);
  EXPECT_TRUE(fails(request, "no bytes"));
  request = RequestOf("a");
  request.set_tier("hdd");
  EXPECT_TRUE(fails(request, "no hdd tier"));
  EXPECT_TRUE(Ids().empty());
}

TEST_F(PrewarmTest, AnEndedJobCanBeForgotten) {
  ASSERT_OK(prewarmer->Start(RequestOf("a")).status());
  EXPECT_TRUE(Fails(prewarmer->Forget("a").status(), StatusCode::kFailedPrecondition, "cancel it first"));
  ASSERT_OK(prewarmer->Cancel("a").status());
  ASSERT_OK_AND_ASSIGN(const Job last, prewarmer->Forget("a"));
  EXPECT_EQ(last.state(), Job::CANCELLED);
  EXPECT_TRUE(Fails(prewarmer->Forget("a").status(), StatusCode::kNotFound, "'a'"));
  Restart();
  EXPECT_TRUE(Ids().empty());
}

TEST_F(PrewarmTest, ALimitIsTheRequestsFromThenOn) {
  ASSERT_OK(prewarmer->Start(RequestOf("a")).status());
  ASSERT_OK(prewarmer->SetLimit("a", 1000).status());
  Restart();
  EXPECT_TRUE(Fails(prewarmer->Start(RequestOf("a")).status(), StatusCode::kAlreadyExists, "1000"));
  StartPrewarmRequest limited = RequestOf("a");
  limited.set_limit_bytes_per_second(1000);
  EXPECT_TRUE(prewarmer->Start(limited).ok());
  ASSERT_OK(prewarmer->Cancel("a").status());
  EXPECT_TRUE(Fails(prewarmer->SetLimit("a", 1).status(), StatusCode::kFailedPrecondition, "has ended"));
  EXPECT_TRUE(Fails(prewarmer->SetLimit("b", 1).status(), StatusCode::kNotFound, "'b'"));
}

TEST_F(PrewarmTest, WaitingEndsAfterAWeek) {
  PutRecord("long", Job::WAITING, 1'600'000'000);
  PutRecord("unknown", Job::WAITING, 0);  // of a daemon that did not write it down
  PutRecord("ran", Job::RUNNING, 1'600'000'000);
  Restart();
  ASSERT_OK_AND_ASSIGN(const Job job, prewarmer->Get("long"));
  EXPECT_EQ(job.state(), Job::FAILED);
  EXPECT_THAT(job.message(), testing::HasSubstr("was not mounted for 168 h"));
  EXPECT_EQ(prewarmer->Get("unknown")->state(), Job::WAITING);
  EXPECT_EQ(prewarmer->Get("ran")->state(), Job::WAITING) << "the week begins with its daemon's end";
}

TEST_F(PrewarmTest, JobsAreBounded) {
  for (size_t i = 0; i < Prewarmer::kUnendedMax; ++i) {
    ASSERT_OK(prewarmer->Start(RequestOf(fmt::format("w{}", i))).status());
  }
  EXPECT_TRUE(Fails(prewarmer->Start(RequestOf("more")).status(), StatusCode::kResourceExhausted, "cancel some"));
  EXPECT_TRUE(prewarmer->Start(RequestOf("w7")).ok()) << "is there";
  const size_t ended = Prewarmer::kJobsMax - Prewarmer::kUnendedMax;
  for (size_t i = 0; i < ended + 2; ++i) {
    // Older ones have later names.
    PutRecord(fmt::format("e{:03}", 999 - i), Job::SUCCEEDED, static_cast<int64_t>(1'700'000'000 + i));
  }
  Restart();
  ASSERT_OK(prewarmer->Cancel("w7").status());
  ASSERT_OK(prewarmer->Start(RequestOf("more")).status());
  const auto ids = Ids();
  EXPECT_EQ(ids.size(), Prewarmer::kJobsMax);
  EXPECT_THAT(ids, testing::Not(testing::Contains(testing::AnyOf("e999", "e998", "e997"))));
  EXPECT_THAT(ids, testing::IsSupersetOf({"e996", "w7", "w8", "more"}));
}

}  // namespace
}  // namespace sluice::daemon
