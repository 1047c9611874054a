#include "fuse/operations.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "fuse/attributes.h"
#include "fuse/directories.h"
#include "fuse/request.h"

namespace sluice::fuse {
namespace {

using cache::Ino;
using cache::LookupResult;
using cache::Node;
using source::Entry;

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

// --- files ---

// What a handle's number says; it must hold for the next process, too.
constexpr uint64_t kCachedHandle = 0;
constexpr uint64_t kPassthroughHandle = 1;

void ReplyOpen(fuse_req_t request, Ino ino, OpenFiles::Handle handle, fuse_file_info file) {
  const bool passthrough = handle.backing_id > 0;
  file.fh = passthrough ? kPassthroughHandle : kCachedHandle;
  file.backing_id = handle.backing_id;
  file.keep_cache = !passthrough && handle.keeps_pages;  // an inode's bytes never change
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
  session.OnRead(ino);
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
