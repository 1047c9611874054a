#include "cache/reader_epochs.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sluice::cache {
namespace {

TEST(ReaderEpochs, ATurnWaitsForThoseWhoEnteredBefore) {
  ReaderEpochs epochs;
  ASSERT_TRUE(epochs.Enter(epochs.now()));
  const auto& before = epochs.Turn();
  EXPECT_EQ(before, 1u);
  const ReaderEpochs::Reader later(epochs);
  EXPECT_EQ(before, 1u);
  epochs.Leave(0);
  EXPECT_EQ(before, 0u);
}

TEST(ReaderEpochs, AStragglerIsNotCountedInAnEpochThatNobodyWaitsFor) {
  ReaderEpochs epochs;
  const uint32_t seen = epochs.now();
  ASSERT_EQ(epochs.Turn(), 0u);  // nobody was there: whoever waited goes on
  EXPECT_FALSE(epochs.Enter(seen));
  ASSERT_TRUE(epochs.Enter(epochs.now()));
  EXPECT_EQ(epochs.Turn(), 1u);
}

// What is taken away after a turn and its wait is never seen by a reader.
TEST(ReaderEpochs, NobodyReadsWhatHasGone) {
  ReaderEpochs epochs;
  std::atomic<int*> shared = new int(7);
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const ReaderEpochs::Reader reader(epochs);
        if (*shared.load() != 7) ++wrong;
      }
    });
  }
  for (int i = 0; i < 2000; ++i) {
    int* const old = shared.exchange(new int(7));
    const auto& before = epochs.Turn();
    while (before != 0) std::this_thread::yield();
    *old = 0;
    delete old;
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  delete shared.load();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace sluice::cache
