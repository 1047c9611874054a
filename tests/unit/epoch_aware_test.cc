#include <algorithm>
#include <numeric>
#include <random>

#include "cache/policy.h"
#include "tests/support/matchers.h"
#include "tests/support/simulated_tier.h"

namespace sluice::cache {
namespace {

constexpr uint32_t kBlocks = 4000;  // of a dataset
constexpr uint32_t kA = 0;          // where the numbers of a dataset's blocks begin
constexpr uint32_t kB = 100'000;

// Reads in the shapes that there are, and what came of them.
class Reader {
 public:
  Reader(std::unique_ptr<Policy> policy, size_t capacity) : tier(std::move(policy), capacity) {}

  // The share of hits.
  double Epoch(uint32_t dataset, uint32_t blocks = kBlocks) {
    std::vector<uint32_t> order(blocks);
    std::iota(order.begin(), order.end(), dataset);
    std::shuffle(order.begin(), order.end(), random_);
    return ReadAll(order);
  }
  double InOrder(uint32_t dataset) {
    std::vector<uint32_t> order(kBlocks);
    std::iota(order.begin(), order.end(), dataset);
    return ReadAll(order);
  }
  // Any of a window of blocks, which moves on by one with every tenth read.
  double Window(size_t count) {
    std::vector<uint32_t> order(count);
    for (size_t i = 0; i < count; ++i) order[i] = static_cast<uint32_t>(i / 10 + random_() % kBlocks);
    return ReadAll(order);
  }
  double Zipf(uint32_t dataset, size_t count) {
    std::vector<uint32_t> order(count);
    for (uint32_t& number : order) number = dataset + zipf_(random_);
    return ReadAll(order);
  }

  SimulatedTier tier;

 private:
  static std::vector<double> Weights() {
    std::vector<double> weights;
    for (uint32_t i = 1; i <= kBlocks; ++i) weights.push_back(1.0 / i);
    return weights;
  }
  double ReadAll(const std::vector<uint32_t>& order) {
    size_t hits = 0;
    for (const uint32_t number : order) hits += tier.Read(number) ? 1 : 0;
    return static_cast<double>(hits) / static_cast<double>(order.size());
  }

  std::mt19937 random_{3};
  const std::vector<double> weights_ = Weights();
  std::discrete_distribution<uint32_t> zipf_{weights_.begin(), weights_.end()};
};

Reader Aware(std::string_view name, size_t capacity, Epochs epochs = Epochs::kRecognised) {
  return {*MakeEpochAware(name, capacity * SimulatedTier::kBlock, epochs), capacity};
}
Reader Plain(std::string_view name, size_t capacity) {
  return {*MakePolicy(name, capacity * SimulatedTier::kBlock), capacity};
}

class EpochAwarePolicyTest : public testing::TestWithParam<std::string_view> {};
INSTANTIATE_TEST_SUITE_P(All, EpochAwarePolicyTest, testing::ValuesIn(kPolicyNames), [](const auto& info) {
  std::string name(info.param);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST_P(EpochAwarePolicyTest, ShuffledEpochsHitTheKeptShare) {
  for (const double share : {0.3, 0.5, 0.8}) {
    Reader reader = Aware(GetParam(), static_cast<size_t>(kBlocks * share));
    for (int i = 0; i < 3; ++i) reader.Epoch(kA);
    for (int i = 0; i < 4; ++i) EXPECT_GE(reader.Epoch(kA), share - 0.02) << share << ", epoch " << i + 4;
  }
}

// That the test above has something to show.
TEST_P(EpochAwarePolicyTest, ShuffledEpochsThrashWithoutIt) {
  Reader reader = Plain(GetParam(), kBlocks / 2);
  for (int i = 0; i < 3; ++i) reader.Epoch(kA);
  EXPECT_LT(reader.Epoch(kA), 0.45);
}

TEST_P(EpochAwarePolicyTest, NothingOfTheKeptShareIsGivenUp) {
  Reader reader = Aware(GetParam(), kBlocks / 2);
  for (int i = 0; i < 3; ++i) reader.Epoch(kA);
  ASSERT_TRUE(reader.tier.policy().Keeps());
  const size_t before = reader.tier.evictions();
  for (int i = 0; i < 5; ++i) reader.Epoch(kA);
  EXPECT_LT(reader.tier.evictions() - before, kBlocks / 2 / 20) << "a twentieth of the tier in five epochs";
  EXPECT_TRUE(reader.tier.policy().Keeps());
}

TEST_P(EpochAwarePolicyTest, ZipfIsNoWorse) {
  for (const size_t capacity : {kBlocks / 10, kBlocks / 3, kBlocks / 2}) {
    Reader plain = Plain(GetParam(), capacity);
    Reader aware = Aware(GetParam(), capacity);
    EXPECT_GE(aware.Zipf(kA, 20 * kBlocks), plain.Zipf(kA, 20 * kBlocks) - 0.01) << capacity;
  }
}

TEST_P(EpochAwarePolicyTest, AWindowThatMovesOnIsFollowed) {
  Reader plain = Plain(GetParam(), kBlocks / 4);
  Reader aware = Aware(GetParam(), kBlocks / 4);
  EXPECT_GE(aware.Window(20 * kBlocks), plain.Window(20 * kBlocks) - 0.01);
}

TEST_P(EpochAwarePolicyTest, ASmallTierIsNotMisledByChance) {
  constexpr size_t kSmall = 20;
  Reader plain = Plain(GetParam(), kSmall);
  Reader aware = Aware(GetParam(), kSmall);
  EXPECT_GE(aware.Zipf(kA, 5 * kBlocks), plain.Zipf(kA, 5 * kBlocks) - 0.01);
}

TEST_P(EpochAwarePolicyTest, EpochsAfterAScanAreRecognised) {
  Reader reader = Aware(GetParam(), kBlocks / 2);
  reader.Epoch(kB);
  for (int i = 0; i < 5; ++i) reader.Epoch(kA);
  EXPECT_GE(reader.Epoch(kA), 0.48);
}

TEST_P(EpochAwarePolicyTest, AnotherDatasetIsKeptFromItsFirstEpochOn) {
  Reader reader = Aware(GetParam(), kBlocks / 2);
  for (int i = 0; i < 5; ++i) reader.Epoch(kA);
  reader.Epoch(kB);
  for (int i = 0; i < 3; ++i) EXPECT_GE(reader.Epoch(kB), 0.48);
}

TEST_P(EpochAwarePolicyTest, TheOldGenerationEndsWithItsLastBlock) {
  Reader reader = Aware(GetParam(), kBlocks / 2);
  for (int i = 0; i < 5; ++i) reader.Epoch(kA);
  reader.Epoch(kB);
  EXPECT_TRUE(reader.tier.policy().Keeps());
  EXPECT_EQ(reader.tier.vain_looks(), 0u) << "for a victim in what is used up";
}

TEST_P(EpochAwarePolicyTest, NewDataComesAgainBeforeTheOldGenerationIsUsedUp) {
  Reader reader = Aware(GetParam(), kBlocks / 2);
  for (int i = 0; i < 4; ++i) reader.Epoch(kA);
  for (const uint32_t other : {kB, 2 * kB}) {
    ASSERT_TRUE(reader.tier.policy().Keeps());
    reader.Epoch(other, kBlocks / 8);
    ASSERT_FALSE(reader.tier.policy().Keeps()) << "what is kept gives way";
    reader.Epoch(kA);
  }
}

TEST_P(EpochAwarePolicyTest, AnOldGenerationThatIsHeldDoesNotGiveWayForEver) {
  constexpr int kLooksMax = 100;
  Reader reader = Aware(GetParam(), kBlocks / 2);
  for (int i = 0; i < 4; ++i) reader.Epoch(kA);
  reader.Epoch(kB, kBlocks / 8);
  Policy& policy = reader.tier.policy();
  ASSERT_FALSE(policy.Keeps());
  const auto is_new = [](const BlockKey& key) { return key.block >= kB; };
  EXPECT_FALSE(policy.Victim(is_new)) << "the old ones go first";
  int looks = 1;
  while (looks < kLooksMax && !policy.Victim(is_new)) ++looks;
  EXPECT_LT(looks, kLooksMax);
  EXPECT_TRUE(policy.Keeps());
}

TEST_P(EpochAwarePolicyTest, EpochsThatEndAreLeft) {
  // W-TinyLFU's figures differ by as much between runs: it hashes differently in every process.
  const double margin = GetParam() == "w-tinylfu" ? 0.03 : 0.02;
  for (const uint32_t next : {kA, kB}) {
    Reader plain = Plain(GetParam(), kBlocks / 3);
    Reader aware = Aware(GetParam(), kBlocks / 3);
    for (int i = 0; i < 5; ++i) aware.Epoch(kA);
    for (Reader* reader : {&plain, &aware}) reader->Zipf(next, 3 * kBlocks);
    EXPECT_GE(aware.Zipf(next, 10 * kBlocks), plain.Zipf(next, 10 * kBlocks) - margin) << "Zipf at " << next;
  }
}

TEST_P(EpochAwarePolicyTest, EpochsAfterZipfAreRecognisedAndTheOldHotSetLeaves) {
  Reader reader = Aware(GetParam(), kBlocks / 2);
  reader.Zipf(kB, 10 * kBlocks);
  for (int i = 0; i < 3; ++i) reader.Epoch(kA);
  EXPECT_GE(reader.Epoch(kA), 0.48);
}

TEST_P(EpochAwarePolicyTest, DataReadOnceInBetweenTakesNoMoreThanItNeeds) {
  Reader reader = Aware(GetParam(), kBlocks / 2);
  for (int i = 0; i < 4; ++i) reader.Epoch(kA);
  reader.Epoch(kB, kBlocks / 10);
  for (int i = 0; i < 2; ++i) EXPECT_GE(reader.Epoch(kA), 0.5 - 0.1 - 0.06) << "the epoch after it";
}

TEST_P(EpochAwarePolicyTest, KeptDataThatNobodyReadsIsReplacedByWhatIsReadAgain) {
  for (const double share : {0.1, 0.25}) {  // of a tenth the policies have next to no hits, by which they would win
    Reader reader = Aware(GetParam(), static_cast<size_t>(kBlocks * share));
    for (int i = 0; i < 4; ++i) reader.Epoch(kA);
    reader.Epoch(kB);  // as it is new, it takes the place of what is kept; and then it is not read again
    for (int i = 0; i < 4; ++i) reader.Epoch(kA);
    EXPECT_GE(reader.Epoch(kA), share - 0.03) << share;
  }
}

TEST_P(EpochAwarePolicyTest, KeptDataThatNobodyReadsIsReplacedThoughEpochsAreDeclared) {
  Reader reader = Aware(GetParam(), kBlocks / 2, Epochs::kDeclared);
  for (const uint32_t dataset : {kA, kA, kB}) reader.Epoch(dataset);
  for (int i = 0; i < 4; ++i) reader.Epoch(kA);
  EXPECT_GE(reader.Epoch(kA), 0.48);
}

TEST_P(EpochAwarePolicyTest, AHotBlockIsLetInWhileTheTierKeeps) {
  Reader reader = Aware(GetParam(), kBlocks / 2);
  for (int i = 0; i < 4; ++i) reader.Epoch(kA);
  ASSERT_TRUE(reader.tier.policy().Keeps());
  EXPECT_FALSE(reader.tier.Read(kB));
  for (uint32_t i = 0; i < 60; ++i) reader.tier.Read(i);
  EXPECT_FALSE(reader.tier.Read(kB));
  for (uint32_t i = 0; i < 60; ++i) reader.tier.Read(i);
  EXPECT_TRUE(reader.tier.Read(kB));
  EXPECT_TRUE(reader.tier.policy().Keeps());
}

TEST_P(EpochAwarePolicyTest, EachHotBlockIsLetInWhereverTheGenerationsOfRefusedOnesMeet) {
  Reader reader = Aware(GetParam(), kBlocks / 2);
  for (int i = 0; i < 4; ++i) reader.Epoch(kA);
  for (uint32_t hot = kB; hot < kB + 50; ++hot) {
    for (int pass = 0; pass < 2; ++pass) {
      EXPECT_FALSE(reader.tier.Read(hot));
      for (uint32_t i = 0; i < 60; ++i) reader.tier.Read(i);
    }
    EXPECT_TRUE(reader.tier.Read(hot)) << hot;
  }
}

TEST_P(EpochAwarePolicyTest, AFewReadsOfTheOldGenerationAreNoInterlude) {
  Reader reader = Aware(GetParam(), kBlocks / 2);
  for (int i = 0; i < 4; ++i) reader.Epoch(kA);
  for (int i = 0; i < 2; ++i) reader.Epoch(kB, kBlocks / 8);
  ASSERT_FALSE(reader.tier.policy().Keeps());
  for (uint32_t i = 0; i < 20; ++i) reader.tier.Read(i);
  EXPECT_FALSE(reader.tier.policy().Keeps());
}

TEST_P(EpochAwarePolicyTest, EachBlockIsInOneGeneration) {
  Reader reader = Aware(GetParam(), kBlocks / 2);
  for (int i = 0; i < 4; ++i) reader.Epoch(kA);
  for (int i = 0; i < 2; ++i) reader.Epoch(kB, kBlocks / 8);
  ASSERT_FALSE(reader.tier.policy().Keeps());
  for (uint32_t i = 0; i < 20; ++i) reader.tier.Read(i);
  EXPECT_EQ(reader.tier.policy().size(), reader.tier.resident().size());
}

TEST_P(EpochAwarePolicyTest, DeclaredEpochsAreKeptFromTheStart) {
  Reader reader = Aware(GetParam(), kBlocks / 2, Epochs::kDeclared);
  EXPECT_EQ(reader.Epoch(kA), 0.0);
  EXPECT_GE(reader.Epoch(kA), 0.495);
  reader.Zipf(kA, 5 * kBlocks);
  EXPECT_TRUE(reader.tier.policy().Keeps()) << "who declares it means it";
}

TEST(EpochAwarePolicy, ReadInTheSameOrderEveryTimeThereAreHitsToo) {
  for (const std::string_view name : {"s3-fifo", "lru"}) {
    for (const double share : {0.5, 0.8}) {
      Reader reader = Aware(name, static_cast<size_t>(kBlocks * share));
      for (int i = 0; i < 3; ++i) reader.InOrder(kA);
      double hits = 0;
      for (int i = 0; i < 4; ++i) hits += reader.InOrder(kA) / 4;
      EXPECT_GE(hits, share - 0.02) << name << " at " << share;
    }
  }
}

TEST(EpochAwarePolicy, ReadInTheSameOrderKeptDataThatNobodyReadsIsReplacedToo) {
  for (const std::string_view name : {"s3-fifo", "lru"}) {  // which have no hits in that order, by which they would win
    Reader reader = Aware(name, kBlocks / 4);
    for (int i = 0; i < 4; ++i) reader.InOrder(kA);
    reader.Epoch(kB);
    for (int i = 0; i < 4; ++i) reader.InOrder(kA);
    EXPECT_GE(reader.InOrder(kA), 0.24) << name;
  }
}

TEST(EpochAwarePolicy, BlocksThatAreHeldStayAndAreNoEndlessLoop) {
  const auto policy = *MakeEpochAware("lru", 100 * SimulatedTier::kBlock, Epochs::kDeclared);
  for (uint32_t i = 0; i < 100; ++i) policy->Insert(Key(i), SimulatedTier::kBlock);
  EXPECT_FALSE(policy->Victim([](const BlockKey&) { return false; }));
  EXPECT_EQ(policy->Victim([](const BlockKey& key) { return key.block == 70; })->block, 70u);
  EXPECT_EQ(policy->size(), 100u);
}

TEST(EpochAwarePolicy, AnUnknownNameIsRefused) {
  EXPECT_TRUE(Fails(MakeEpochAware("s3fifo", 1).status(), StatusCode::kInvalidArgument, "did you mean 's3-fifo'"));
}

}  // namespace
}  // namespace sluice::cache
