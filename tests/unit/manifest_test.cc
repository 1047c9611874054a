#include "source/manifest.h"

#include "tests/support/matchers.h"

namespace sluice::source {
namespace {

constexpr const char* kBase = "https://host/data/list.json";

StatusOr<FileTree> Parse(const std::string& files) { return ParseManifest("{\"files\": [" + files + "]}", kBase); }

TEST(Manifest, FilesHaveDirectories) {
  ASSERT_OK_AND_ASSIGN(const FileTree tree, Parse(R"({"path": "a/b.bin", "size": 12, "etag": "\"e\"",
                                                      "mtime": "2026-01-02T03:04:05Z"}, {"path": "..", "size": 1})"));
  const FileTree::File& file = tree.files.at("a/b.bin");
  EXPECT_EQ(file.url, "https://host/data/a/b.bin");
  EXPECT_EQ(file.entry.version, "e");
  EXPECT_EQ(file.entry.mtime_ns, 1767323045LL * 1'000'000'000);
  EXPECT_EQ(tree.directories.at("").at("a").kind, Entry::Kind::kDirectory);
  EXPECT_EQ(tree.directories.at("a").at("b.bin").size_bytes, 12u);
  EXPECT_EQ(tree.hidden, 1u);
}

TEST(Manifest, ADirectoryHidesAFileOfItsName) {
  for (const char* files : {R"({"path": "a", "size": 1}, {"path": "a/b", "size": 2})",
                            R"({"path": "a/b", "size": 2}, {"path": "a", "size": 1})"}) {
    ASSERT_OK_AND_ASSIGN(const FileTree tree, Parse(files));
    EXPECT_EQ(tree.directories.at("").at("a").kind, Entry::Kind::kDirectory) << files;
    EXPECT_EQ(tree.directories.at("a").size(), 1u) << files;
  }
}

TEST(Manifest, AFileMayHaveADigest) {
  const std::string hex(64, 'c');
  ASSERT_OK_AND_ASSIGN(
      const FileTree tree,
      Parse(fmt::format(R"({{"path": "a", "size": 1, "sha256": "{}"}}, {{"path": "b", "size": 1}})", hex)));
  EXPECT_EQ(tree.files.at("a").digest, DigestOfHex(Digest::Algorithm::kSha256, hex));
  EXPECT_FALSE(tree.files.at("b").digest);
}

TEST(Manifest, MistakesAreNamed) {
  EXPECT_TRUE(Fails(Parse(R"({"path": "a", "size": 1, "sha256": "cafe"})").status(), StatusCode::kInvalidArgument,
                    "\"sha256\""));
  EXPECT_TRUE(Fails(ParseManifest("[]", kBase).status(), StatusCode::kInvalidArgument, "\"files\""));
  EXPECT_TRUE(Fails(Parse(R"({"path": "a", "size": -1})").status(), StatusCode::kInvalidArgument, "\"size\""));
  EXPECT_TRUE(Fails(Parse(R"({"path": "a", "size": 1, "url": "file:///etc/passwd"})").status(),
                    StatusCode::kInvalidArgument, "neither http nor https"));
}

TEST(Manifest, ThePathThatComesTwiceIsTheFirst) {
  ASSERT_OK_AND_ASSIGN(const FileTree tree, Parse(R"({"path": "a", "size": 1}, {"path": "a", "size": 2})"));
  EXPECT_EQ(tree.files.at("a").entry.size_bytes, 1u);
  EXPECT_EQ(tree.directories.at("").at("a").size_bytes, 1u);
}

TEST(Manifest, NestedForEverIsAMistake) {
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  EXPECT_TRUE(Fails(Parse(deep).status(), StatusCode::kInvalidArgument, "\"path\""));
  EXPECT_TRUE(Parse(R"({"path": "a", "size": 1, "more": )" + deep + "}").ok())
      << "what is not asked for is passed over";
}

TEST(Manifest, DirectoriesTakeNoMoreRoomThanThereIs) {
  std::string path;
  while (path.size() < 4000) path += "a/";
  ASSERT_OK_AND_ASSIGN(const FileTree tree, Parse(R"({"path": ")" + path + R"(b", "size": 1})"));
  EXPECT_EQ(tree.directories.size(), 2001u);
  ASSERT_OK_AND_ASSIGN(const FileTree hidden, Parse(R"({"path": ")" + path + path + R"(b", "size": 1})"));
  EXPECT_EQ(hidden.hidden, 1u) << "no program can open it by its path";
  std::string files;
  for (int i = 0; i < 100; ++i) files += fmt::format(R"({{"path": "{}/{}b", "size": 1}}, )", i, path);
  EXPECT_TRUE(
      Fails(Parse(files + R"({"path": "c", "size": 1})").status(), StatusCode::kInvalidArgument, "directories"));
}

}  // namespace
}  // namespace sluice::source
