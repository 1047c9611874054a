// Where data comes from: the one interface that the cache sees of object stores, web servers and directories.
//
// A source shows a tree of directories, files and symbolic links. It caches nothing. To add a kind of source,
// implement this class in a file pair of its own and name its scheme in source/open_source.cc.
//
// Threads:   on one loop.
// Suspends:  every call.
// Errors:    NOT_FOUND         no such path, bucket or host name
//            PERMISSION_DENIED, UNAUTHENTICATED   the source refused; the message has its reason
//            ABORTED           the object is no longer the version that was asked for
//            UNAVAILABLE, DEADLINE_EXCEEDED       it may work later; RetryingSource (source/retry.h) tries again
//            DATA_LOSS         the source broke its own protocol (a wrong length or range)
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/digest.h"
#include "common/status.h"
#include "io/task.h"

namespace sluice::source {

struct Entry {
  enum class Kind : uint8_t { kFile, kDirectory, kSymlink };

  std::string name;  // one component of a path: not empty, no '/', not "." or "..", at most 255 bytes
  Kind kind = Kind::kFile;
  bool executable = false;
  uint64_t size_bytes = 0;
  int64_t mtime_ns = 0;  // since 1970; 0 when the source does not say
  // Changes when the bytes change: an ETag, or size and time. Empty for directories.
  std::string version;
};

// A part of a directory's listing.
struct Page {
  std::vector<Entry> entries;
  std::string next;                      // continuation for the next page; empty at the end
  uint64_t hidden = 0;                   // names of this page that cannot be shown as a path component
  std::vector<std::string> hidden_keys;  // those, of a source that CanListAfter
  bool marked = false;  // the directory has an object of its own, so that it exists when nothing lies below it
};

struct ReadRequest {
  std::string path;
  std::string version;  // the read fails with ABORTED when the object is another one
  uint64_t offset_bytes = 0;
  std::span<std::byte> target;  // all of it is filled, or the read fails
  bool whole_object = false;    // that is all of the object
  // Not null: is set to what the reply says of the whole object's content, if it does; also when the read fails. The
  // caller's until Read returns.
  std::optional<Digest>* digest = nullptr;
  // Called on the loop as bytes arrive, in order, with the count so far. Those bytes are final and of `version`.
  std::function<void(size_t arrived_bytes)> on_progress;
};

class Source {
 public:
  virtual ~Source() = default;

  // What stands at `path` ("" is the root; no leading or trailing '/'). Its name is the last component.
  virtual io::Task<StatusOr<Entry>> Stat(std::string path) = 0;

  // A page of `directory`. `continuation` is empty for the first page, and the last page's `next` for others.
  // A name may come twice, as a file and as a directory: the directory counts.
  virtual io::Task<StatusOr<Page>> List(std::string directory, std::string continuation) = 0;

  // A source may list a directory in the byte order of its entries' keys (KeyOf), and begin anywhere: ListAfter
  // brings the first page of the keys greater than `key`. Whoever trusts in that order checks it.
  virtual bool CanListAfter(std::string_view) const { return false; }
  virtual io::Task<StatusOr<Page>> ListAfter(std::string directory, std::string key) {
    co_return FailedPrecondition("'{}' cannot be listed from '{}' on", directory, key);
  }

  virtual io::Task<Status> Read(ReadRequest request) = 0;

  // Whether the source may say what an object's content is; who wants to compare waits for all of it.
  virtual bool GivesDigests() const { return false; }
  // What it says of that version's; nullopt: nothing.
  virtual io::Task<StatusOr<std::optional<Digest>>> DigestOf(std::string, std::string) {
    co_return std::optional<Digest>();
  }

  virtual io::Task<StatusOr<std::string>> ReadLink(std::string path) {
    co_return FailedPrecondition("{} is no symbolic link", path);
  }
};

// Whether a component can be shown in a directory: see docs/semantics.md.
inline bool IsShowable(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.size() <= 255 &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

// What an object store calls an entry below its directory: the order of names differs, because '/' counts.
inline std::string KeyOf(const Entry& entry) {
  return entry.kind == Entry::Kind::kDirectory ? entry.name + "/" : entry.name;
}

// "a/b" + "c"; no '/' in front when `directory` is the root.
inline std::string JoinPath(std::string_view directory, std::string_view name) {
  if (directory.empty()) return std::string(name);
  return fmt::format("{}/{}", directory, name);
}

// The other way round: "b/c" of "a/b/c" below "a", "" of the directory itself; nullopt when `path` is not below it.
inline std::optional<std::string_view> PathBelow(std::string_view path, std::string_view directory) {
  if (directory.empty()) return path;
  if (!path.starts_with(directory)) return std::nullopt;
  path.remove_prefix(directory.size());
  if (path.empty()) return path;
  if (path.front() != '/') return std::nullopt;
  return path.substr(1);
}

}  // namespace sluice::source
