#include "source/joined_source.h"

#include <random>
#include <set>

#include "cache/directory_pages.h"
#include "tests/support/fake_source.h"
#include "tests/support/key_source.h"
#include "tests/support/matchers.h"

namespace sluice::source {
namespace {

using Names = std::vector<std::string>;

class JoinedSourceTest : public testing::Test {
 protected:
  // A source of these files at `path`.
  FakeSource& Add(const std::string& path, const std::map<std::string, std::string>& files) {
    const auto source = std::make_shared<FakeSource>(loop);
    source->files = files;
    parts.push_back({path, source});
    return *source;
  }
  // Page after page, as it comes.
  StatusOr<Names> List(const std::string& directory) {
    JoinedSource joined(parts);
    Names names;
    std::string next;
    do {
      ASSIGN_OR_RETURN(const Page page, loop.Block(joined.List(directory, next)));
      for (const Entry& entry : page.entries) names.push_back(KeyOf(entry));
      next = page.next;
    } while (!next.empty());
    return names;
  }
  StatusOr<Entry> Stat(const std::string& path) { return loop.Block(JoinedSource(parts).Stat(path)); }
  StatusOr<std::string> Read(const std::string& path) {
    JoinedSource joined(parts);
    ASSIGN_OR_RETURN(const Entry entry, loop.Block(joined.Stat(path)));
    std::string text(entry.size_bytes, '\0');
    ReadRequest request;
    request.path = path;
    request.version = entry.version;
    request.target = std::as_writable_bytes(std::span(text));
    RETURN_IF_ERROR(loop.Block(joined.Read(std::move(request))));
    return text;
  }

  io::Loop loop;
  std::vector<JoinedSource::Part> parts;
};

TEST_F(JoinedSourceTest, TheLongestPathDecides) {
  Add("", {{"a", "outer"}, {"in/x", "hidden"}, {"inner", "a name that only begins so"}});
  Add("in", {{"x", "inner"}, {"deep/x", "hidden"}});
  Add("in/deep", {{"x", "deepest"}});
  EXPECT_EQ(*Read("a"), "outer");
  EXPECT_EQ(*Read("in/x"), "inner");
  EXPECT_EQ(*Read("in/deep/x"), "deepest");
  EXPECT_EQ(*Read("inner"), "a name that only begins so");
  EXPECT_EQ(*List(""), (Names{"a", "in/", "inner"}));
  EXPECT_EQ(*List("in"), (Names{"deep/", "x"}));
}

TEST_F(JoinedSourceTest, DirectoriesBetweenAreMadeUp) {
  Add("a/b/one", {{"x", "1"}});
  Add("a/two", {{"y", "2"}});
  EXPECT_EQ(*List(""), (Names{"a/"}));
  EXPECT_EQ(*List("a"), (Names{"b/", "two/"}));
  EXPECT_EQ(*List("a/b"), (Names{"one/"}));
  EXPECT_EQ(*List("a/b/one"), (Names{"x"}));
  ASSERT_OK_AND_ASSIGN(const Entry between, Stat("a/b"));
  EXPECT_EQ(between.kind, Entry::Kind::kDirectory);
  EXPECT_EQ(between.name, "b");
  EXPECT_TRUE(Fails(Stat("a/three").status(), StatusCode::kNotFound, "none of the volume's mounts"));
  EXPECT_TRUE(Fails(List("elsewhere").status(), StatusCode::kNotFound, "none of the volume's mounts"));
}

TEST_F(JoinedSourceTest, AFileThatStandsInTheWayIsHidden) {
  Add("", {{"a", "a file"}, {"z", "another"}});
  Add("a/b", {{"x", "1"}});
  EXPECT_EQ(*List(""), (Names{"a/", "z"}));
  EXPECT_EQ(*List("a"), (Names{"b/"}));
  EXPECT_EQ(Stat("a")->kind, Entry::Kind::kDirectory);
}

TEST_F(JoinedSourceTest, ShadowedNamesAreHiddenOnEveryPage) {
  std::map<std::string, std::string> files;
  for (const char* name : {"a", "b", "c", "d", "e/x", "f", "g", "h"}) files[name] = name;
  Add("", files).entries_per_page = 2;
  Add("e", {{"y", "1"}});
  Add("h", {{"y", "1"}});
  Add("i", {{"y", "1"}});
  EXPECT_EQ(*List(""), (Names{"a", "b", "c", "d", "e/", "f", "g", "h/", "i/"}));
}

TEST_F(JoinedSourceTest, APartThatFailsFailsNoOther) {
  Add("", {{"x", "1"}}).list_failures = {Unavailable("it is down"), Unavailable("it is down")};
  Add("up", {{"y", "2"}});
  EXPECT_TRUE(Fails(List("").status(), StatusCode::kUnavailable, "it is down"));
  EXPECT_EQ(*List("up"), (Names{"y"}));
  EXPECT_EQ(Stat("up")->kind, Entry::Kind::kDirectory);
  EXPECT_EQ(*Read("up/y"), "2");
}

TEST_F(JoinedSourceTest, OnlyWhatHasAnOrderIsListedFromTheMiddle) {
  parts = {{"", std::make_shared<KeySource>(loop, 1)}, {"made/up", std::make_shared<FakeSource>(loop)}};
  const JoinedSource joined(parts);
  EXPECT_TRUE(joined.CanListAfter(""));
  EXPECT_TRUE(joined.CanListAfter("elsewhere"));
  EXPECT_FALSE(joined.CanListAfter("made/up"));
  parts.erase(parts.begin());
  EXPECT_FALSE(JoinedSource(parts).CanListAfter("made"));
}

// Any keys under any names, in pages of any size, cut into ranges that come in any order.
TEST_F(JoinedSourceTest, WhatHasAMarkIsNeverTakenForAnother) {
  Add("", {{"a", "text"}});
  Add("in", {{"a", "text"}});
  parts[1].mark = "1:";
  JoinedSource joined(parts);
  const std::string version = FakeSource::VersionOf("text");
  EXPECT_EQ(loop.Block(joined.Stat("a"))->version, version);
  EXPECT_EQ(loop.Block(joined.Stat("in/a"))->version, "1:" + version);
  ASSERT_OK_AND_ASSIGN(const Page page, loop.Block(joined.List("in", "")));
  EXPECT_EQ(page.entries.at(0).version, "1:" + version);
  EXPECT_EQ(loop.Block(joined.Stat("in"))->version, "");
  EXPECT_EQ(*Read("in/a"), "text");

  std::string text(4, '?');
  const auto read = [&](const std::string& of) {
    ReadRequest request;
    request.path = "in/a";
    request.version = of;
    request.target = std::as_writable_bytes(std::span(text));
    return loop.Block(joined.Read(std::move(request)));
  };
  ASSERT_OK(read("1:" + version));
  auto others = parts;
  others[1].mark = "2:";
  joined.Replace(others);
  EXPECT_TRUE(Fails(read("1:" + version), StatusCode::kAborted, "not there any more"));
  ASSERT_OK(read("2:" + version));
  others.pop_back();
  joined.Replace(others);
  EXPECT_EQ(loop.Block(joined.Stat("in")).status().code(), StatusCode::kNotFound);
}

TEST_F(JoinedSourceTest, AnyNamesAreListedOnce) {
  for (uint32_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto name = [&random] { return fmt::format("{:02}{}", random() % 60, random() % 3 == 0 ? "-x" : ""); };
    const auto outer = std::make_shared<KeySource>(loop, seed);
    outer->page_keys_max = 1 + random() % 8;
    outer->page_sizes_vary = random() % 2 == 0;
    std::set<std::string> keys;
    for (size_t i = random() % 100; i > 0; --i) keys.insert(name() + (random() % 3 == 0 ? "/" : ""));
    outer->keys.assign(keys.begin(), keys.end());
    parts = {{"", outer}};
    for (size_t i = 1 + random() % 6; i > 0; --i) {
      const std::string own = name();
      parts.push_back({random() % 2 == 0 ? own : own + "/deeper", std::make_shared<FakeSource>(loop)});
      std::erase_if(keys, [&](const std::string& key) { return key == own || key == own + "/"; });
      keys.insert(own + "/");
    }
    JoinedSource joined(parts);
    io::Gate gate(loop);
    cache::ListingBudget budget;
    const auto list = [&]() -> io::Task<Names> {
      const auto pages = std::make_shared<cache::DirectoryPages>(joined, "", loop, gate, budget);
      Names listed;
      for (;;) {
        const auto page = co_await pages->Next(/*cut=*/true);
        EXPECT_TRUE(page.ok()) << page.status();
        EXPECT_FALSE(pages->refused());
        if (!page.ok() || !*page) break;
        for (const Entry& entry : (*page)->entries) listed.push_back(KeyOf(entry));
      }
      while (gate.count() > 0) co_await loop.Sleep(std::chrono::milliseconds(1));
      co_return listed;
    };
    EXPECT_EQ(loop.Block(list()), Names(keys.begin(), keys.end()));
  }
}

}  // namespace
}  // namespace sluice::source
