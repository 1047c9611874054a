#include "cache/key_stride.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "fmt/format.h"

namespace sluice::cache {
namespace {

std::vector<std::string> Numbered(const std::string& format, size_t from, size_t count) {
  std::vector<std::string> keys;
  for (size_t i = from; i < from + count; ++i) keys.push_back(fmt::format(fmt::runtime(format), i));
  return keys;
}

TEST(KeyStride, CountsNumbersOn) {
  const auto stride = KeyStride::Of(Numbered("img_{:07}.jpg", 0, 1000));
  ASSERT_TRUE(stride);
  EXPECT_EQ(stride->Ahead("img_0000999.jpg", 1)->substr(0, 11), "img_0001998");
  EXPECT_EQ(stride->Ahead("img_0000999.jpg", 10)->substr(0, 11), "img_0010989");
  EXPECT_EQ(stride->Ahead("img_9999000", 2), std::nullopt) << "there is no number that large";
  EXPECT_EQ(stride->Ahead("jmg_0000999", 1), std::nullopt);
}

TEST(KeyStride, CountsHashesOn) {
  const auto stride = KeyStride::Of({"000a3f", "00f1c2", "01b2d4", "02ce58", "037a96", "03ff00"});
  ASSERT_TRUE(stride);
  EXPECT_EQ(stride->Ahead("03ff00", 1)->substr(0, 2), "07");
  EXPECT_EQ(stride->Ahead("03ff00", 4)->substr(0, 2), "13");
}

TEST(KeyStride, TellsNothingFromNothing) {
  EXPECT_FALSE(KeyStride::Of({}));
  EXPECT_FALSE(KeyStride::Of({"a"}));
  EXPECT_FALSE(KeyStride::Of({"a-", "a."})) << "they differ in no digit";
}

TEST(KeyStride, GuessesPartKeysWhereComponentsDo) {
  std::mt19937 random(7);
  const std::string bytes = std::string("/-. 09azAZ~_") + "\xC3\xA9\xF0\x9F\x98\x80";
  size_t guesses = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> keys;
    for (int i = 0; i < 5; ++i) {
      std::string key;
      for (size_t n = random() % 4; n > 0; --n) key += bytes[random() % bytes.size()];
      key.insert(0, "00");
      key += bytes[4 + random() % 4];
      keys.push_back(key);
    }
    std::sort(keys.begin(), keys.end());
    const auto stride = KeyStride::Of(keys);
    if (!stride) continue;
    const auto guess = stride->Ahead(keys.back(), 1 + random() % 4);
    if (!guess) continue;
    ++guesses;
    ASSERT_GT(*guess, keys.back());
    const auto own = std::mismatch(guess->begin(), guess->end(), keys.back().begin(), keys.back().end()).first;
    ASSERT_TRUE(std::all_of(own, guess->end(), [](char c) { return c >= '0' && c <= '~'; })) << *guess;
  }
  EXPECT_GT(guesses, 100u);
}

}  // namespace
}  // namespace sluice::cache
