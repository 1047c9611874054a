#include "cache/directory_pages.h"

#include <random>
#include <set>

#include "tests/support/key_source.h"
#include "tests/support/matchers.h"

namespace sluice::cache {
namespace {

using namespace std::chrono_literals;
using Keys = std::vector<std::string>;

struct Listed {
  Status status;
  Keys keys;
  size_t hidden = 0;
  bool may_cut = true;
};

class DirectoryPagesTest : public testing::Test {
 protected:
  io::Task<Listed> ListTask(source::Source& source, bool cut) {
    Listed listed;
    const auto pages = std::make_shared<DirectoryPages>(source, "d", loop, gate, budget);
    for (;;) {
      auto page = co_await pages->Next(cut);
      listed.may_cut = !pages->refused();
      listed.status = page.status();
      if (!page.ok() || !*page) break;
      pages_waiting_max = std::max(pages_waiting_max, budget.pages);
      for (const auto& entry : (*page)->entries) listed.keys.push_back(source::KeyOf(entry));
      listed.hidden += (*page)->hidden;
    }
    while (gate.count() > 0) co_await loop.Sleep(1ms);
    co_return listed;
  }
  Listed List(KeySource& source, bool cut = true) {
    Listed listed = loop.Block(ListTask(source, cut));
    EXPECT_EQ(budget.requests + source.running, 0u);
    return listed;
  }
  // What one request after the other brings.
  static Listed Expected(const KeySource& source) {
    Listed listed;
    for (const std::string& key : source.keys) {
      if (key.starts_with("..")) {
        ++listed.hidden;
      } else {
        listed.keys.push_back(key);
      }
    }
    return listed;
  }
  void ExpectExact(KeySource& source) {
    const Listed listed = List(source);
    const Listed expected = Expected(source);
    EXPECT_TRUE(listed.status.ok()) << listed.status;
    EXPECT_EQ(listed.keys, expected.keys);
    EXPECT_EQ(listed.hidden, expected.hidden);
    EXPECT_EQ(budget.pages, 0u);
  }
  static Keys Numbered(size_t count) {
    Keys keys;
    for (size_t i = 0; i < count; ++i) keys.push_back(fmt::format("img_{:06}.jpg", i));
    return keys;
  }

  io::Loop loop;
  io::Gate gate{loop};
  ListingBudget budget;
  size_t pages_waiting_max = 0;
};

TEST_F(DirectoryPagesTest, NumbersAreFetchedSeveralAtATime) {
  KeySource source(loop, 1);
  source.keys = Numbered(2000);
  ExpectExact(source);
  EXPECT_EQ(source.running_max, DirectoryPages::kRequestsMax);
  // How many ranges are cut in vain hangs on which answer comes first, and so on the machine.
  EXPECT_LE(source.requests, 200u * 2) << "cuts cost few requests where keys are even";
  EXPECT_LE(pages_waiting_max, DirectoryPages::kPagesMax);
}

TEST_F(DirectoryPagesTest, OneAtATimeWhenToldSo) {
  KeySource source(loop, 1);
  source.keys = Numbered(500);
  EXPECT_EQ(List(source, /*cut=*/false).keys, source.keys);
  EXPECT_EQ(source.running_max, 1u);
  EXPECT_EQ(source.requests, 50u);
}

TEST_F(DirectoryPagesTest, OthersTakeThePlaceToo) {
  KeySource source(loop, 1);
  source.keys = Numbered(500);
  budget.requests = DirectoryPages::kRequestsMax - 1;
  const Listed listed = loop.Block(ListTask(source, true));
  EXPECT_EQ(listed.keys, source.keys);
  EXPECT_EQ(source.running_max, 1u) << "the front needs no place";
  budget = {.requests = 0, .pages = DirectoryPages::kPagesMax};
  source.running_max = 0;
  EXPECT_EQ(loop.Block(ListTask(source, true)).keys, source.keys);
  EXPECT_EQ(source.running_max, 1u);
}

// Any keys, pages of any size, answers in any order: the listing is what it would be one after the other.
TEST_F(DirectoryPagesTest, AnyKeysAreListedOnce) {
  size_t cut = 0;
  for (uint32_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    KeySource source(loop, seed);
    source.page_keys_max = 1 + random() % 12;
    source.page_sizes_vary = random() % 2 == 0;
    const std::vector<std::string> parts = {"0", "1", "2", "9", "a",    "b", "f", "-",
                                            ".", "_", "A", "é", "日本", "~", " "};
    const size_t used = 2 + random() % (parts.size() - 2);
    const size_t length = 1 + random() % 6;
    std::set<std::string> keys;
    for (size_t i = random() % 400; i > 0; --i) {
      std::string key = random() % 20 == 0 ? ".." : random() % 3 == 0 ? "common-" : "";
      for (size_t n = 1 + random() % length; n > 0; --n) key += parts[random() % used];
      if (random() % 4 == 0) key += '/';
      keys.insert(key);
    }
    source.keys.assign(keys.begin(), keys.end());
    ExpectExact(source);
    if (source.running_max > 1) ++cut;
  }
  EXPECT_GT(cut, 40u) << "most of these listings are cut";
}

TEST_F(DirectoryPagesTest, WrongGuessesCostNoMoreThanWhatMayRunBesideTheFront) {
  KeySource source(loop, 3);
  // After the first page all keys are far away.
  for (int i = 0; i < 10; ++i) source.keys.push_back(fmt::format("{:06}", i));
  for (int i = 0; i < 400; ++i) source.keys.push_back(fmt::format("9{:05}", i));
  ExpectExact(source);
  EXPECT_LE(source.requests, 41u * DirectoryPages::kRequestsMax);
}

TEST_F(DirectoryPagesTest, AServerThatIgnoresWhereToBeginIsFoundOut) {
  KeySource source(loop, 1);
  source.keys = Numbered(300);
  source.ignores_after = true;
  const Listed listed = List(source);
  EXPECT_TRUE(Fails(listed.status, StatusCode::kFailedPrecondition, "out of order"));
  EXPECT_FALSE(listed.may_cut);
}

TEST_F(DirectoryPagesTest, AServerThatRefusesWhereToBeginIsNotAsked) {
  KeySource source(loop, 1);
  source.keys = Numbered(300);
  source.refuses_after = true;
  const Listed listed = List(source);
  EXPECT_TRUE(Fails(listed.status, StatusCode::kFailedPrecondition, "no start-after"));
  EXPECT_FALSE(listed.may_cut);
}

// Some servers go through directories: "a/" comes before "a-b". Whatever the keys, none is lost without a word.
TEST_F(DirectoryPagesTest, AServerThatOrdersByComponentLosesNothing) {
  const auto by_component = [](const std::string& a, const std::string& b) {
    const auto lowest = [](std::string text) {
      std::replace(text.begin(), text.end(), '/', '\x01');
      return text;
    };
    return lowest(a) < lowest(b);
  };
  size_t refused = 0;
  for (uint32_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    KeySource source(loop, seed);
    source.Before = by_component;
    source.page_keys_max = 2 + random() % 8;
    const std::string bytes = "012.-ab";
    std::set<std::string, decltype(by_component)> keys(by_component);
    for (size_t i = 100 + random() % 300; i > 0; --i) {
      std::string key;
      for (size_t n = 1 + random() % 4; n > 0; --n) key += bytes[random() % bytes.size()];
      if (key.starts_with("..")) continue;
      if (random() % 4 == 0) key += '/';
      keys.insert(key);
    }
    source.keys.assign(keys.begin(), keys.end());
    Listed listed = List(source);
    if (!listed.status.ok()) {
      EXPECT_FALSE(listed.may_cut);
      ++refused;
      continue;
    }
    std::sort(listed.keys.begin(), listed.keys.end());
    Keys all = source.keys;
    std::sort(all.begin(), all.end());
    ASSERT_EQ(listed.keys, all);
  }
  EXPECT_GT(refused, 0u);
}

TEST_F(DirectoryPagesTest, AServerWithoutAnyOrderIsFoundOut) {
  for (uint32_t seed = 1; seed <= 50; ++seed) {
    KeySource source(loop, seed);
    source.keys = Numbered(300);
    std::shuffle(source.keys.begin(), source.keys.end(), std::mt19937(seed));
    const Listed listed = List(source);
    EXPECT_FALSE(listed.may_cut);
    if (listed.status.ok()) {
      EXPECT_EQ(listed.keys.size(), 300u) << "found out before the first cut";
    }
  }
}

TEST_F(DirectoryPagesTest, AnErrorEndsTheListing) {
  KeySource source(loop, 1);
  source.keys = Numbered(1000);
  source.failure = Unavailable("down");
  source.failing_from = 20;
  const Listed listed = List(source);
  EXPECT_TRUE(Fails(listed.status, StatusCode::kUnavailable, "down"));
  EXPECT_TRUE(listed.may_cut);
  EXPECT_EQ(listed.keys, Keys(source.keys.begin(), source.keys.begin() + static_cast<ptrdiff_t>(listed.keys.size())))
      << "what came before it is in order";
}

}  // namespace
}  // namespace sluice::cache
