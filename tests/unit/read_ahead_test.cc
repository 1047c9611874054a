#include "cache/read_ahead.h"

#include "tests/support/matchers.h"

namespace sluice::cache {
namespace {

constexpr uint64_t kMax = 32 * kMiB;
constexpr uint64_t kRead = 128 * kKiB;

TEST(ReadAhead, GrowsWhileReadsAreSequential) {
  ReadAhead ahead;
  uint64_t last = 0;
  for (uint64_t offset = 0; offset < 20 * kMiB; offset += kRead) {
    const ByteRange range = ahead.OnRead({offset, kRead}, kMax);
    EXPECT_EQ(range.offset, offset + kRead);
    EXPECT_GE(range.length, last);
    last = range.length;
  }
  EXPECT_EQ(last, kMax);
}

TEST(ReadAhead, RandomReadsGetNone) {
  ReadAhead ahead;
  for (const uint64_t offset : {500 * kMiB, 20 * kMiB, 900 * kMiB, 300 * kMiB, 700 * kMiB}) {
    EXPECT_EQ(ahead.OnRead({offset, 4096}, kMax).length, 0u);
  }
}

TEST(ReadAhead, OneSmallReadElsewhereIsEnough) {
  ReadAhead ahead;
  ahead.OnRead({0, 4096}, kMax);
  EXPECT_FALSE(ahead.IsRandom());
  ahead.OnRead({500 * kMiB, 4096}, kMax);  // the footer
  EXPECT_TRUE(ahead.IsRandom());
}

TEST(ReadAhead, LargeReadsElsewhereTakeSeveral) {
  ReadAhead ahead;
  for (const uint64_t offset : {500 * kMiB, 20 * kMiB, 900 * kMiB}) {
    ahead.OnRead({offset, kRead}, kMax);
    EXPECT_FALSE(ahead.IsRandom());
  }
  ahead.OnRead({300 * kMiB, kRead}, kMax);
  EXPECT_TRUE(ahead.IsRandom());
}

TEST(ReadAhead, NeighboursByChanceAreNoReader) {
  ReadAhead ahead;
  for (uint64_t i = 1; i < 20; ++i) ahead.OnRead({i * 30 * kMiB, kRead}, kMax);
  EXPECT_EQ(ahead.OnRead({19 * 30 * kMiB + kRead, kRead}, kMax).length, 0u);
  EXPECT_TRUE(ahead.IsRandom());
  // Nor is a small read within the mebibyte of another.
  ahead.OnRead({900 * kMiB, 4096}, kMax);
  EXPECT_EQ(ahead.OnRead({900 * kMiB + 512 * kKiB, 4096}, kMax).length, 0u);
  EXPECT_TRUE(ahead.IsRandom());
}

TEST(ReadAhead, AReaderIsFoundInARandomFile) {
  ReadAhead ahead;
  for (uint64_t i = 1; i < 20; ++i) ahead.OnRead({i * 30 * kMiB, 4096}, kMax);
  uint64_t window = 0;
  for (uint64_t offset = 0; offset < 4 * kRead; offset += kRead)
    window = ahead.OnRead({kGiB + offset, kRead}, kMax).length;
  EXPECT_FALSE(ahead.IsRandom());
  EXPECT_GT(window, 0u);
}

TEST(ReadAhead, ReordersOfTheKernelDoNotBreakAStream) {
  ReadAhead ahead;
  uint64_t window = 0;
  for (uint64_t offset = 0; offset < 8 * kMiB; offset += 2 * kRead) {
    ahead.OnRead({offset + kRead, kRead}, kMax);
    window = ahead.OnRead({offset, kRead}, kMax).length;
  }
  EXPECT_GT(window, 8 * kMiB);
}

TEST(ReadAhead, ReadersOfOneFileHaveStreamsOfTheirOwn) {
  ReadAhead ahead;
  uint64_t windows[3] = {};
  for (uint64_t step = 0; step < 40; ++step) {
    for (uint64_t reader = 0; reader < 3; ++reader) {
      windows[reader] = ahead.OnRead({reader * kGiB + step * kRead, kRead}, kMax).length;
    }
  }
  // As far again as each has come; from the start of a file, four times.
  EXPECT_EQ(windows[0], 4 * 40 * kRead);
  EXPECT_EQ(windows[1], 40 * kRead);
  EXPECT_EQ(windows[2], 40 * kRead);
}

TEST(ReadAhead, WhatIsReadAheadAlreadyIsNoJump) {
  ReadAhead ahead;
  uint64_t offset = 0;
  for (; offset < 4 * kMiB; offset += kRead) ahead.OnRead({offset, kRead}, kMax);
  const ByteRange range = ahead.OnRead({offset + 10 * kMiB, kRead}, kMax);  // in between were hits
  EXPECT_EQ(range.length, kMax);
}

TEST(ReadAhead, LearnsHowFarReadersGo) {
  constexpr uint64_t kSample = 4 * kMiB;
  constexpr uint64_t kPiece = 64 * kKiB;
  ReadAhead ahead;
  uint64_t second_end = 0;
  uint64_t end = 0;
  for (uint64_t sample = 1; sample <= 20; ++sample) {
    const uint64_t start = sample * 37 % 21 * 100 * kMiB + 7 * kMiB;
    end = 0;
    for (uint64_t offset = 0; offset < kSample; offset += kPiece) {
      end = std::max(end, ahead.OnRead({start + offset, kPiece}, kMax).end() - start);
      if (offset == kPiece) second_end = end;
    }
  }
  EXPECT_GE(second_end, kSample * 9 / 10);  // its second read brings the rest of a sample
  EXPECT_LE(end, kSample + ReadAhead::kWindowFirstBytes);
}

TEST(ReadAhead, TheWindowIsBounded) {
  ReadAhead ahead;
  for (uint64_t offset = 0; offset < 4 * kMiB; offset += kRead) EXPECT_EQ(ahead.OnRead({offset, kRead}, 0).length, 0u);
}

}  // namespace
}  // namespace sluice::cache
