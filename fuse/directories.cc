#include "fuse/directories.h"

#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "fuse/attributes.h"
#include "fuse/request.h"

namespace sluice::fuse {
namespace {

using cache::Ino;
using cache::Node;
using source::Entry;

// Positions: "." leads to 1, ".." to 2, a child to its inode number + 1 (at least 3).
constexpr off_t kAfterDot = 1;
constexpr off_t kAfterDotDot = 2;

struct ReadDirRequest {
  fuse_req_t request;
  Ino directory;
  size_t size_bytes;
  off_t position;
  bool plus;

  Ino after() const { return position > kAfterDotDot ? static_cast<Ino>(position) - 1 : 0; }
};

// A reply to a ReadDirRequest, entry by entry.
class EntryList {
 public:
  explicit EntryList(const ReadDirRequest& r)
      : r_(r), buffer_(std::make_unique_for_overwrite<char[]>(r.size_bytes)), options_(Of(r.request).options()) {}

  // False when there is no room for it.
  bool Add(const char* name, const Node& node, off_t next) {
    const size_t room = r_.size_bytes - used_;
    size_t needed;
    if (r_.plus) {
      fuse_entry_param entry{};
      FillEntry(node, options_, Of(r_.request).dataset().valid_for(), &entry);
      if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'))) entry.ino = 0;
      needed = fuse_add_direntry_plus(r_.request, buffer_.get() + used_, room, name, &entry, next);
    } else {
      const struct stat st = StatOf(node, options_);
      needed = fuse_add_direntry(r_.request, buffer_.get() + used_, room, name, &st, next);
    }
    if (needed > room) return false;
    used_ += needed;
    return true;
  }
  void Reply() { fuse_reply_buf(r_.request, buffer_.get(), used_); }

 private:
  const ReadDirRequest& r_;
  const std::unique_ptr<char[]> buffer_;
  const SessionOptions& options_;
  size_t used_ = 0;
};

void ReplyChildren(const ReadDirRequest& r, std::vector<Node> children) {
  EntryList list(r);
  Node self;
  self.ino = r.directory;
  self.entry.kind = Entry::Kind::kDirectory;
  bool room = true;
  if (r.position < kAfterDot) room = list.Add(".", self, kAfterDot);
  if (r.position < kAfterDotDot && room) room = list.Add("..", self, kAfterDotDot);
  size_t shown = 0;
  for (; shown < children.size() && room; ++shown) {
    const Node& child = children[shown];
    room = list.Add(child.entry.name.c_str(), child, static_cast<off_t>(child.ino) + 1);
  }
  Session& session = Of(r.request);
  list.Reply();
  if (!r.plus) return;
  children.resize(room ? shown : shown - 1);
  session.OnListed(children);
}

size_t ChildrenWanted(const ReadDirRequest& r) {
  constexpr size_t kEntryBytesMin = 32;       // a dirent with a name of up to 8 bytes
  constexpr size_t kPlusEntryBytesMin = 160;  // with attributes
  return r.size_bytes / (r.plus ? kPlusEntryBytesMin : kEntryBytesMin) + 1;
}

io::Task<void> ReadDirLater(ReadDirRequest r) {
  const Timer timer(Of(r.request).metrics().readdir);
  cache::Dataset& dataset = Of(r.request).dataset();
  const Status status = co_await dataset.List(r.directory, r.after());
  if (!status.ok()) {
    ReplyError(r.request, status);
    co_return;
  }
  ReplyChildren(r, dataset.catalog().Children(r.directory, r.after(), ChildrenWanted(r)));
}

void ReadDirAny(ReadDirRequest r) {
  Session& session = Of(r.request);
  r.size_bytes = std::min(r.size_bytes, Session::kRequestBytesMax);
  if (auto children = session.dataset().TryChildren(r.directory, r.after(), ChildrenWanted(r))) {
    ReplyChildren(r, *std::move(children));
  } else {
    session.loop().Post([r] { io::Spawn(ReadDirLater(r)); });
  }
  // After the request itself, which somebody waits for.
  if (r.position == 0) session.dataset().OnReader(r.directory);
}

}  // namespace

void OpenDirectory(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
  // What is immutable may stay in the kernel's own listing, and needs no opening: the kernel hears it once.
  const bool immutable = Of(request).dataset().consistency() == cache::Consistency::kImmutable;
  immutable ? fuse_reply_err(request, ENOSYS) : fuse_reply_open(request, file);
}

void ReadDirectory(fuse_req_t request, fuse_ino_t ino, size_t size, off_t position, fuse_file_info*) {
  ReadDirAny({request, ino, size, position, false});
}
void ReadDirectoryPlus(fuse_req_t request, fuse_ino_t ino, size_t size, off_t position, fuse_file_info*) {
  ReadDirAny({request, ino, size, position, true});
}

}  // namespace sluice::fuse
