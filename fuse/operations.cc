#include "fuse/operations.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "fuse/attributes.h"
#include "fuse/session.h"

namespace sluice::fuse {
namespace {

using cache::Ino;
using cache::LookupResult;
using cache::Node;
using source::Entry;

Session& Of(fuse_req_t request) { return *static_cast<Session*>(fuse_req_userdata(request)); }

void ReplyError(fuse_req_t request, const Status& status) {
  const int error = ToErrno(status);
  if (error != ENOENT) {
    Of(request).metrics().errors.Add();
    spdlog::warn("volume {}: a request fails with {}: {}", Of(request).dataset().options().name, std::strerror(error),
                 Message(status));
  }
  fuse_reply_err(request, error);
}

// Observes an operation's latency when it goes.
class Timer {
 public:
  explicit Timer(Histogram& histogram) : histogram_(histogram), start_(Clock::System().Now()) {}
  ~Timer() { histogram_.Observe(Clock::System().Now() - start_); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  Histogram& histogram_;
  const Instant start_;
};

// --- lookup, getattr, readlink ---

void ReplyLookup(fuse_req_t request, const LookupResult& result) {
  fuse_entry_param entry{};
  if (!result.node && result.valid_for.count() == 0) {
    fuse_reply_err(request, ENOENT);
    return;
  }
  entry.entry_timeout = Seconds(result.valid_for);
  if (result.node) FillEntry(*result.node, Of(request).options(), result.valid_for, &entry);
  fuse_reply_entry(request, &entry);  // inode 0: a negative entry that the kernel may keep
}

io::Task<void> LookupLater(fuse_req_t request, Ino directory, std::string name) {
  const Timer timer(Of(request).metrics().lookup);
  const auto result = co_await Of(request).dataset().Lookup(directory, std::move(name));
  result.ok() ? ReplyLookup(request, *result) : ReplyError(request, result.status());
}

void Lookup(fuse_req_t request, fuse_ino_t directory, const char* name) {
  Session& session = Of(request);
  if (const auto known = session.dataset().TryLookup(directory, name)) return ReplyLookup(request, *known);
  session.loop().Post(
      [request, directory, name = std::string(name)] { io::Spawn(LookupLater(request, directory, name)); });
}

void GetAttributes(fuse_req_t request, fuse_ino_t ino, fuse_file_info*) {
  const auto node = Of(request).dataset().Get(ino);
  if (!node) return (void)fuse_reply_err(request, ESTALE);
  const struct stat st = StatOf(*node, Of(request).options());
  fuse_reply_attr(request, &st, kAttributesValidSeconds);
}

io::Task<void> ReadLinkLater(fuse_req_t request, Ino ino) {
  const auto target = co_await Of(request).dataset().ReadLink(ino);
  target.ok() ? (void)fuse_reply_readlink(request, target->c_str()) : ReplyError(request, target.status());
}

void ReadLink(fuse_req_t request, fuse_ino_t ino) {
  Of(request).loop().Post([request, ino] { io::Spawn(ReadLinkLater(request, ino)); });
}

void Forget(fuse_req_t request, fuse_ino_t, uint64_t) { fuse_reply_none(request); }
void ForgetMany(fuse_req_t request, size_t, fuse_forget_data*) { fuse_reply_none(request); }

// --- directories ---

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

void OpenDirectory(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
  // What is immutable may stay in the kernel's own listing, and needs no opening: the kernel hears it once.
  const bool immutable = Of(request).dataset().options().consistency == cache::Consistency::kImmutable;
  immutable ? fuse_reply_err(request, ENOSYS) : fuse_reply_open(request, file);
}

void ReadDirectory(fuse_req_t request, fuse_ino_t ino, size_t size, off_t position, fuse_file_info*) {
  ReadDirAny({request, ino, size, position, false});
}
void ReadDirectoryPlus(fuse_req_t request, fuse_ino_t ino, size_t size, off_t position, fuse_file_info*) {
  ReadDirAny({request, ino, size, position, true});
}

// --- files ---

// What a handle's number says; it must hold for the next process, too.
constexpr uint64_t kCachedHandle = 0;
constexpr uint64_t kPassthroughHandle = 1;

void ReplyOpen(fuse_req_t request, Ino ino, OpenFiles::Handle handle, fuse_file_info file) {
  const bool passthrough = handle.backing_id > 0;
  file.fh = passthrough ? kPassthroughHandle : kCachedHandle;
  file.backing_id = handle.backing_id;
  file.keep_cache = !passthrough;  // an inode's bytes never change
  file.noflush = 1;
  // ENOENT: the opener was interrupted, and there will be no release.
  if (fuse_reply_open(request, &file) == -ENOENT) Of(request).files().Release(ino, passthrough);
}

io::Task<void> OpenLater(fuse_req_t request, Ino ino, fuse_file_info file) {
  Session& session = Of(request);
  const Timer timer(session.metrics().open);
  if (session.dataset().must_confirm()) {
    // ESTALE makes the kernel look the name up again and open what it finds.
    const Status status = co_await session.dataset().Confirm(ino);
    if (!status.ok()) co_return ReplyError(request, status);
  }
  const auto handle = co_await session.files().Open(ino);
  handle.ok() ? ReplyOpen(request, ino, *handle, file) : ReplyError(request, handle.status());
}

void Open(fuse_req_t request, fuse_ino_t ino, fuse_file_info* file) {
  Session& session = Of(request);
  if ((file->flags & O_ACCMODE) != O_RDONLY) return (void)fuse_reply_err(request, EROFS);
  if (session.profile().NoOpen()) return (void)fuse_reply_err(request, ENOSYS);
  if (!session.dataset().must_confirm()) {
    if (const auto handle = session.files().TryOpen(ino)) return ReplyOpen(request, ino, *handle, *file);
  }
  session.loop().Post([request, ino, file = *file] { io::Spawn(OpenLater(request, ino, file)); });
}

// Counted down after the answer, for the same reason that an open is counted up before it.
void Release(fuse_req_t request, fuse_ino_t ino, fuse_file_info* file) {
  OpenFiles& files = Of(request).files();
  const bool passthrough = file->fh == kPassthroughHandle;
  fuse_reply_err(request, 0);
  files.Release(ino, passthrough);
}

void ReplyBytes(fuse_req_t request, std::span<const std::byte> bytes) {
  Of(request).metrics().read_bytes.Add(bytes.size());
  fuse_reply_buf(request, reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

io::Task<void> ReadLater(fuse_req_t request, Ino ino, size_t size_bytes, uint64_t offset_bytes) {
  const Timer timer(Of(request).metrics().read);
  const AlignedBuffer buffer(size_bytes);
  const auto length = co_await Of(request).dataset().Read(ino, offset_bytes, buffer.span());
  length.ok() ? ReplyBytes(request, buffer.span().first(*length)) : ReplyError(request, length.status());
}

void Read(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info*) {
  Session& session = Of(request);
  thread_local const AlignedBuffer buffer(Session::kRequestBytesMax);
  const size_t size_bytes = std::min(size, Session::kRequestBytesMax);
  const auto offset_bytes = static_cast<uint64_t>(offset);
  {
    const Instant start = Clock::System().Now();
    const auto length = session.dataset().TryRead(ino, offset_bytes, buffer.span().first(size_bytes));
    if (length) {
      ReplyBytes(request, buffer.span().first(*length));
      session.metrics().read.Observe(Clock::System().Now() - start);
      return;
    }
  }
  session.loop().Post([=] { io::Spawn(ReadLater(request, ino, size_bytes, offset_bytes)); });
}

// --- the rest ---

void StatFs(fuse_req_t request, fuse_ino_t) {
  struct statvfs fs{};
  const cache::Dataset& dataset = Of(request).dataset();
  fs.f_bsize = dataset.options().block_size_bytes;
  fs.f_frsize = 4096;
  fs.f_blocks = (dataset.catalog().totals().bytes + fs.f_frsize - 1) / fs.f_frsize;  // of the files known so far
  fs.f_files = dataset.catalog().node_count();
  fs.f_namemax = 255;
  fuse_reply_statfs(request, &fs);
}

// An answer of an extended attribute call: its length when `size` is 0, else its bytes.
void ReplyAttribute(fuse_req_t request, const std::string& value, size_t size) {
  if (size == 0) {
    fuse_reply_xattr(request, value.size());
  } else if (size < value.size()) {
    fuse_reply_err(request, ERANGE);
  } else {
    fuse_reply_buf(request, value.data(), value.size());
  }
}

// The kernel asks for each attribute of each file anew. So `ls -l`, which looks for labels and access control lists, is
// told that there are none of that kind here, which it does not ask twice; and names are not listed (no listxattr),
// which the kernel does not ask twice.
void GetExtendedAttribute(fuse_req_t request, fuse_ino_t ino, const char* name, size_t size) {
  if (!std::string_view(name).starts_with("user.")) return (void)fuse_reply_err(request, EOPNOTSUPP);
  const auto value = ExtendedAttribute(Of(request), ino, name);
  value ? ReplyAttribute(request, *value, size) : (void)fuse_reply_err(request, ENODATA);
}

void Init(void* user_data, fuse_conn_info* connection) {
  auto* const session = static_cast<Session*>(user_data);
  connection->max_readahead = Session::kRequestBytesMax;  // the plugin raises the mount's own read-ahead to it
  connection->max_background = Session::kBackgroundMax;
  connection->congestion_threshold = Session::kBackgroundMax * 3 / 4;
  fuse_unset_feature_flag(connection, FUSE_CAP_WRITEBACK_CACHE);
  fuse_unset_feature_flag(connection, FUSE_CAP_AUTO_INVAL_DATA);  // an inode's bytes never change
  fuse_set_feature_flag(connection, FUSE_CAP_PARALLEL_DIROPS);
  fuse_set_feature_flag(connection, FUSE_CAP_CACHE_SYMLINKS);
  fuse_set_feature_flag(connection, FUSE_CAP_READDIRPLUS);
  // "auto" costs a look-up per file once the listing is cached: 20 times slower for `ls -l` of 10,000 files.
  fuse_unset_feature_flag(connection, FUSE_CAP_READDIRPLUS_AUTO);
  if (!fuse_set_feature_flag(connection, FUSE_CAP_PASSTHROUGH)) {
    session->files().Forbid("this kernel (before 6.9) has no FUSE passthrough");
  }
  connection->max_backing_stack_depth = 0;  // libfuse adds one: overlayfs can still be stacked on the volume
  // Requests in flight on a ring cannot be handed to the next process (docs/architecture.md, "Recovery").
  if (!session->options().ring) fuse_unset_feature_flag(connection, FUSE_CAP_OVER_IO_URING);
}

}  // namespace

const fuse_lowlevel_ops& Operations() {
  static const fuse_lowlevel_ops operations = [] {
    fuse_lowlevel_ops o{};
    o.init = Init;
    o.lookup = Lookup;
    o.forget = Forget;
    o.forget_multi = ForgetMany;
    o.getattr = GetAttributes;
    o.readlink = ReadLink;
    o.opendir = OpenDirectory;
    o.readdir = ReadDirectory;
    o.readdirplus = ReadDirectoryPlus;
    o.open = Open;
    o.read = Read;
    o.release = Release;
    o.statfs = StatFs;
    o.getxattr = GetExtendedAttribute;
    return o;
  }();
  return operations;
}

}  // namespace sluice::fuse
