// A manifest: the files that a web server has, as a list (source/http_source.h). Input from whoever wrote it.
//
// Threads:  pure functions over values.
// Limits:   kManifestFilesMax files, and kDirectoryBytesMax of directories' paths: a directory has its path as its key,
// so
//           that few deep files would take much memory. What lies deeper than a file's own fields is not kept.
// Errors:   INVALID_ARGUMENT that says what is wrong.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/bytes.h"
#include "common/status.h"
#include "source/source.h"

namespace sluice::source {

struct FileTree {
  struct File {
    Entry entry;
    std::string url;
    std::optional<Digest> digest = {};  // of its content
  };

  std::map<std::string, File> files;                                // by path
  std::map<std::string, std::map<std::string, Entry>> directories;  // by path, then name
  uint64_t hidden = 0;                                              // files whose path cannot be shown

  uint64_t directory_bytes = 0;  // of the directories' paths

  // Nothing happens when the path is there. REQUIRES: each component of `path` is showable, the last one is the file's
  // name.
  void Insert(const std::string& path, File file);
};

inline constexpr size_t kManifestFilesMax = 1'000'000;
inline constexpr uint64_t kDirectoryBytesMax = 64 * kMiB;

// `base_url` is the manifest's own. docs/volume-parameters.md has an example.
StatusOr<FileTree> ParseManifest(std::string_view json, const std::string& base_url);

}  // namespace sluice::source
