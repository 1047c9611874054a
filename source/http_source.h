// Files from a web server: one file, or those that a manifest names.
//
// `https://HOST/PATH` is a directory with that one file. `https://HOST/LIST.json#manifest` is a manifest:
//   {"files": [{"path": "a/b.bin", "size": 1234, "url": "…", "etag": "…", "mtime": "2026-01-31T12:00:00Z",
//               "sha256": "…"}, …]}
// `path` and `size` (bytes) are required; `url` is relative to the manifest and defaults to the path; reads of a file
// with an `etag` are conditional on it; `sha256` goes before what the server says of the content. docs/semantics.md has
// the rules for paths that cannot be shown.
//
// Threads, Suspends, Errors:  as source/source.h. The manifest is fetched by the first call, and again by every List
// and Stat of the root, so that the volume's consistency decides how often.
#pragma once

#include <memory>

#include "source/http_client.h"
#include "source/manifest.h"
#include "source/source.h"

namespace sluice::source {

class HttpSource : public Source {
 public:
  HttpSource(std::string url, bool manifest, std::shared_ptr<HttpClient> http)
      : url_(std::move(url)), manifest_(manifest), http_(std::move(http)) {}

  io::Task<StatusOr<Entry>> Stat(std::string path) override;
  io::Task<StatusOr<Page>> List(std::string directory, std::string continuation) override;
  io::Task<Status> Read(ReadRequest request) override;
  bool GivesDigests() const override { return true; }
  io::Task<StatusOr<std::optional<Digest>>> DigestOf(std::string path, std::string version) override;

 private:
  io::Task<Status> Refresh();
  io::Task<StatusOr<FileTree>> FetchManifest();
  io::Task<StatusOr<FileTree>> FetchSingle();

  const std::string url_;
  const bool manifest_;
  std::shared_ptr<HttpClient> http_;
  std::shared_ptr<const FileTree> tree_;  // null until the first fetch
};

}  // namespace sluice::source
