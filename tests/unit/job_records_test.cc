#include "daemon/job_records.h"

#include "tests/support/matchers.h"

namespace sluice::daemon {
namespace {

admin::v1::Job JobOf(const std::string& id, uint32_t concurrency) {
  admin::v1::Job job;
  job.set_id(id);
  job.mutable_request()->set_dataset("v");
  job.mutable_request()->set_concurrency(concurrency);
  return job;
}

TEST(JobRecords, AJobIsReadBack) {
  const std::string record = JobOf("j12", 32).SerializeAsString();
  ASSERT_OK_AND_ASSIGN(const admin::v1::Job job, ParseJobRecord("Jj12", record));
  EXPECT_EQ(job.request().concurrency(), 32u);
  EXPECT_EQ(JobRecordKey(job.id()), "Jj12");
  EXPECT_EQ(JobNumber(job.id()), 12u);
}

TEST(JobRecords, AClientsIdIsNoneOfTheDaemons) {
  for (const char* id : {"load-7", "a.b_C", "j", "j1x", "jj1", "j01", "J1"}) EXPECT_TRUE(IsClientJobId(id)) << id;
  EXPECT_TRUE(IsClientJobId(std::string(128, 'x')));
  for (const char* id : {"", "j1", "j4611686018427387904", "a/b", "a b", "ä"}) EXPECT_FALSE(IsClientJobId(id)) << id;
  EXPECT_FALSE(IsClientJobId(std::string(129, 'x')));
  const std::string record = JobOf("load-7", 1).SerializeAsString();
  EXPECT_TRUE(ParseJobRecord("Jload-7", record).ok());
}

TEST(JobRecords, WhatIsNoJobIsDataLoss) {
  const auto fails = [](const std::string& key, const admin::v1::Job& job, const char* text) {
    return Fails(ParseJobRecord(key, job.SerializeAsString()).status(), StatusCode::kDataLoss, text);
  };
  EXPECT_TRUE(Fails(ParseJobRecord("Jj1", "\xff").status(), StatusCode::kDataLoss, "damaged"));
  EXPECT_TRUE(fails("J", JobOf("", 1), "another one"));
  EXPECT_TRUE(fails("Jj1", JobOf("j2", 1), "another one"));
  EXPECT_TRUE(fails("Ja/b", JobOf("a/b", 1), "another one"));
  EXPECT_TRUE(fails("J" + std::string(129, 'x'), JobOf(std::string(129, 'x'), 1), "another one"));
  EXPECT_TRUE(fails("Jj1", JobOf("j1", 4'000'000'000), "concurrency"));
}

}  // namespace
}  // namespace sluice::daemon
