#include "source/manifest.h"

#include <climits>
#include <nlohmann/json.hpp>

#include "source/http_range.h"
#include "source/uri.h"

namespace sluice::source {
namespace {

std::string NameOf(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }
std::string ParentOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash));
}

// Every component can be shown, and a program can open it.
bool IsShowablePath(std::string_view path) {
  if (path.size() >= PATH_MAX) return false;
  for (;;) {
    const size_t slash = path.find('/');
    if (!IsShowable(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

void FileTree::Insert(const std::string& path, File file) {
  Entry entry = file.entry;
  if (!files.emplace(path, std::move(file)).second) return;
  std::string child = path;
  for (;;) {
    const std::string parent = ParentOf(child);
    const auto [directory, fresh_directory] = directories.try_emplace(parent);
    if (fresh_directory) directory_bytes += parent.size();
    const auto [at, fresh] = directory->second.emplace(entry.name, entry);
    if (!fresh && entry.kind == Entry::Kind::kDirectory) at->second = entry;  // a directory hides a file of its name
    if (!fresh_directory || parent.empty()) return;                           // it has its own directories already
    child = parent;
    entry = Entry{};
    entry.name = NameOf(child);
    entry.kind = Entry::Kind::kDirectory;
  }
}

// What lies deeper than the fields of a file is dropped as it comes: it could be millions deep, and whatever walks over
// it would call itself as often.
nlohmann::json ParseJson(std::string_view text) {
  using Event = nlohmann::json::parse_event_t;
  constexpr int kFieldDepth = 3;
  const auto keep = [](int depth, Event event, const nlohmann::json&) {
    return depth < kFieldDepth || (event != Event::object_start && event != Event::array_start);
  };
  return nlohmann::json::parse(text, keep, /*allow_exceptions=*/false);
}

StatusOr<FileTree> ParseManifest(std::string_view text, const std::string& base_url) {
  const auto json = ParseJson(text);
  if (!json.is_object() || !json.contains("files") || !json["files"].is_array()) {
    return InvalidArgument("{}: a manifest is a JSON object with a list \"files\"", base_url);
  }
  if (json["files"].size() > kManifestFilesMax) {
    return InvalidArgument("{}: the manifest names {} files; at most {} are shown", base_url, json["files"].size(),
                           kManifestFilesMax);
  }
  FileTree tree;
  tree.directories[""];
  for (const auto& item : json["files"]) {
    const auto text_of = [&item](const char* key) -> std::string {
      return item.contains(key) && item[key].is_string() ? item[key].get<std::string>() : "";
    };
    const std::string path = item.is_object() ? text_of("path") : "";
    if (path.empty() || !item.contains("size") || !item["size"].is_number_unsigned()) {
      return InvalidArgument("{}: every file needs \"path\" (a string) and \"size\" (bytes); this one lacks one: {}",
                             base_url, item.dump().substr(0, 200));
    }
    if (!IsShowablePath(path)) {
      ++tree.hidden;
      continue;
    }
    FileTree::File file;
    file.entry.name = NameOf(path);
    file.entry.size_bytes = item["size"].get<uint64_t>();
    file.entry.mtime_ns = ParseIsoDate(text_of("mtime")) * 1'000'000'000;
    file.entry.version = Unquote(text_of("etag"));
    if (const std::string sha256 = text_of("sha256"); !sha256.empty()) {
      file.digest = DigestOfHex(Digest::Algorithm::kSha256, sha256);
      if (!file.digest) return InvalidArgument("{}: \"sha256\" of {} is not 64 hexadecimal digits", base_url, path);
    }
    const std::string url = text_of("url");
    file.url = ResolveUrl(base_url, url.empty() ? PercentEncode(path, true) : url);
    if (!file.url.starts_with("http://") && !file.url.starts_with("https://")) {
      return InvalidArgument("{}: \"url\" of {} is neither http nor https", base_url, path);
    }
    tree.Insert(path, std::move(file));
    if (tree.directory_bytes > kDirectoryBytesMax) {
      return InvalidArgument("{}: the manifest's directories have more than {} of paths; its files lie too deep",
                             base_url, FormatBytes(kDirectoryBytesMax));
    }
  }
  return tree;
}

}  // namespace sluice::source
