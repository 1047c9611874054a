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

TEST(JobRecords, WhatIsNoJobIsDataLoss) {
  const auto fails = [](const std::string& key, const admin::v1::Job& job, const char* text) {
    return Fails(ParseJobRecord(key, job.SerializeAsString()).status(), StatusCode::kDataLoss, text);
  };
  EXPECT_TRUE(Fails(ParseJobRecord("Jj1", "\xff").status(), StatusCode::kDataLoss, "damaged"));
  EXPECT_TRUE(fails("J", JobOf("", 1), "another one"));
  EXPECT_TRUE(fails("Jj1", JobOf("j2", 1), "another one"));
  EXPECT_TRUE(fails("Jj1x", JobOf("j1x", 1), "another one"));
  EXPECT_TRUE(fails("Jj18446744073709551615", JobOf("j18446744073709551615", 1), "another one"));
  EXPECT_TRUE(fails("Jj1", JobOf("j1", 4'000'000'000), "concurrency"));
}

}  // namespace
}  // namespace sluice::daemon
