#include "source/manifest.h"

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

// Every component can be shown.
bool IsShowablePath(std::string_view path) {
  for (;;) {
    const size_t slash = path.find('/');
    if (!IsShowable(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

void FileTree::Insert(const std::string& path, File file) {
  std::string child = path;
  Entry entry = file.entry;
  files[path] = std::move(file);
  for (;;) {
    const std::string parent = ParentOf(child);
    auto& siblings = directories[parent];
    const auto [at, fresh] = siblings.emplace(entry.name, entry);
    if (!fresh && entry.kind == Entry::Kind::kDirectory) at->second = entry;  // a directory hides a file of its name
    if (child.find('/') == std::string::npos) return;
    child = parent;
    entry = Entry{};
    entry.name = NameOf(child);
    entry.kind = Entry::Kind::kDirectory;
  }
}

StatusOr<FileTree> ParseManifest(std::string_view text, const std::string& base_url) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
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
    const std::string url = text_of("url");
    file.url = ResolveUrl(base_url, url.empty() ? PercentEncode(path, true) : url);
    if (!file.url.starts_with("http://") && !file.url.starts_with("https://")) {
      return InvalidArgument("{}: \"url\" of {} is neither http nor https", base_url, path);
    }
    tree.Insert(path, std::move(file));
  }
  return tree;
}

}  // namespace sluice::source
