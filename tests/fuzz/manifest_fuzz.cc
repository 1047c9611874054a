// A manifest of files, from whoever may write it.
//
// Properties: all that is listed can be shown, and its address is http or https; each file has its directories, and the
// directories have it; a manifest written from what was read gives the same files; what is none is INVALID_ARGUMENT.
#include <nlohmann/json.hpp>

#include "source/manifest.h"
#include "tests/fuzz/fuzz.h"

namespace sluice::source {
namespace {

using fuzz::Expect;

constexpr const char* kBase = "https://host/data/list.json?token=1";

void CheckTree(const FileTree& tree) {
  Expect(tree.directories.contains(""), "there is a root");
  for (const auto& [path, file] : tree.files) {
    Expect(file.url.starts_with("http://") || file.url.starts_with("https://"), "an address is http or https");
    const size_t slash = path.rfind('/');
    const auto directory = tree.directories.find(slash == std::string::npos ? "" : path.substr(0, slash));
    Expect(directory != tree.directories.end(), "a file's directory is there");
    const auto entry = directory->second.find(file.entry.name);
    Expect(entry != directory->second.end(), "a directory has its file");
    Expect(entry->second.kind == Entry::Kind::kDirectory || entry->second.size_bytes == file.entry.size_bytes,
           "a file is the same wherever it is asked for");
  }
  for (const auto& [path, entries] : tree.directories) {
    for (const auto& [name, entry] : entries) {
      Expect(name == entry.name && IsShowable(name), "what is listed can be shown");
      const bool is_directory = tree.directories.contains(JoinPath(path, name));
      Expect(is_directory == (entry.kind == Entry::Kind::kDirectory), "a directory hides a file of its name");
    }
  }
}

std::string Written(const FileTree& tree) {
  nlohmann::json files = nlohmann::json::array();
  for (const auto& [path, file] : tree.files) {
    files.push_back({{"path", path}, {"size", file.entry.size_bytes}, {"url", file.url}, {"etag", file.entry.version}});
  }
  return nlohmann::json{{"files", files}}.dump();
}

}  // namespace
}  // namespace sluice::source

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  using fuzz::Expect;
  const auto tree = source::ParseManifest(fuzz::TextOf(data, size), source::kBase);
  if (!tree.ok()) {
    Expect(tree.status().code() == StatusCode::kInvalidArgument, "what is no manifest is INVALID_ARGUMENT");
    return 0;
  }
  source::CheckTree(*tree);
  const auto again = source::ParseManifest(source::Written(*tree), source::kBase);
  Expect(again.ok() && again->hidden == 0, "what was read can be written");
  Expect(again->files.size() == tree->files.size(), "files stay");
  Expect(again->directories.size() == tree->directories.size(), "directories stay");
  for (const auto& [path, file] : tree->files) {
    const auto found = again->files.find(path);
    Expect(found != again->files.end() && found->second.url == file.url, "a file and its address stay");
  }
  return 0;
}
