// BlockStore: blocks to and from the tiers' files.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "cache/block_store.h"
#include "common/bytes.h"

namespace sluice::cache {

// A file that is part of a published tree has the mode that pods see, which may not let its owner write.
StatusOr<UniqueFd> BlockStore::OpenPublished(const Tier& tier, const std::string& name) {
  struct stat st{};
  if (::fstatat(tier.directory_fd(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 ||
      ::fchmodat(tier.directory_fd(), name.c_str(), st.st_mode | S_IRUSR | S_IWUSR, 0) != 0) {
    return ErrnoStatus(errno, name);
  }
  UniqueFd file(::openat(tier.directory_fd(), name.c_str(), O_RDWR | O_CLOEXEC));
  const int error = errno;
  ::fchmodat(tier.directory_fd(), name.c_str(), st.st_mode & 07777, 0);
  if (!file.valid()) return ErrnoStatus(error, name);
  return file;
}

io::Task<StatusOr<int>> BlockStore::OpenFile(std::shared_ptr<Object> object, uint8_t tier, bool create) {
  if (object->fd(tier) >= 0) co_return object->fd(tier);
  if (open_files_ >= open_files_max_) co_await CloseIdleFiles();
  const std::string name = Tier::FileName(object->id);
  const bool reads_only = !create && object->seal(tier).reads_only();
  const int flags = reads_only ? O_RDONLY : O_RDWR;
  auto opened = co_await io_.Open(by_medium_[tier]->directory_fd(), name, create ? flags | O_CREAT : flags);
  if (opened.status().code() == StatusCode::kPermissionDenied) opened = co_await OpenSealed(object, tier);
  if (opened.status().code() == StatusCode::kPermissionDenied) opened = OpenPublished(*by_medium_[tier], name);
  if (!opened.ok()) co_return opened.status();
  if (object->fd(tier) >= 0) co_return object->fd(tier);  // SUSPENDED: another opened it meanwhile
  if (reads_only && !object->seal(tier).reads_only())
    co_return co_await OpenFile(object, tier, create);  // or sealed it
  DistrustIfChanged(*object, *by_medium_[tier], cache::ModifiedNs(opened->get()));
  Object::Change change(*object, tier);
  const auto size = static_cast<off_t>(object->size());
  // Of its full size at once: a tmpfs gives huge pages to what lies within a file's size when it is written. Not when
  // it has it, or its time would change.
  if (struct stat st{}; create && ::fstat(opened->get(), &st) == 0 && st.st_size != size)
    (void)::ftruncate(opened->get(), size);
  change.Done(cache::ModifiedNs(opened->get()));
  object->set_fd(tier, opened->release());
  ++open_files_;
  if (object->open_position) open_objects_.erase(*object->open_position);
  open_objects_.push_back(object);
  object->open_position = std::prev(open_objects_.end());
  co_return object->fd(tier);
}

io::Task<StatusOr<UniqueFd>> BlockStore::OpenReadOnly(std::shared_ptr<Object> object, uint8_t tier, int more_flags) {
  auto file = co_await io_.Open(by_medium_[tier]->directory_fd(), Tier::FileName(object->id), O_RDONLY | more_flags);
  // That it is sealed, by an earlier process, is known from its first opening on.
  if (Object::Seal& seal = object->seal(tier); file.ok() && by_medium_[tier]->seals() && !seal.reads_only())
    seal.is_set = sealer_->IsSealed(file->get());
  co_return file;
}

io::Task<void> BlockStore::CloseIdleFiles() {
  // A sixteenth at a time; objects with fills or handles stay.
  std::vector<std::shared_ptr<Object>> idle;
  for (const auto& object : open_objects_) {
    if (idle.size() >= open_files_max_ / 16) break;
    if (object->fills.empty() && object->opens() == 0) idle.push_back(object);
  }
  // Who asks for room may be using one of them, and those that are in use are not waited for: their users may be
  // waiting for room, too.
  for (const auto& object : idle) {
    for (const auto& tier : tiers_) {
      if (object->file_uses() == 0) co_await CloseFile(object, tier->index());
    }
  }
}

io::Task<void> BlockStore::CloseFile(std::shared_ptr<Object> object, uint8_t tier) {
  const int fd = object->fd(tier);
  if (fd < 0) co_return;
  object->set_fd(tier, -1);
  --open_files_;
  bool any = false;
  for (const auto& other : tiers_) any |= object->fd(other->index()) >= 0;
  if (!any && object->open_position) {
    open_objects_.erase(*object->open_position);
    object->open_position.reset();
  }
  co_await object->Quiesce(loop_);
  constexpr Duration kPoll = std::chrono::microseconds(100);
  while (object->file_uses() > 0) co_await loop_.Sleep(kPoll);
  co_await io_.Close(UniqueFd(fd));
}

io::Task<bool> BlockStore::ReadBlock(std::shared_ptr<Object> object, uint32_t block, uint32_t offset_bytes,
                                     std::span<std::byte> target) {
  const io::Gate::Holder holder = gate_.Enter();
  const auto medium = object->TierOf(block);
  if (!medium) co_return false;
  Tier& tier = *by_medium_[*medium];
  if (!tier.in_service()) {
    Disown(*object, block);
    co_return false;
  }
  const uint32_t generation = object->generation;
  Object::FileUse use(*object);
  const auto fd = co_await OpenFile(object, tier.index(), /*create=*/false);
  Status status = fd.status();
  if (status.ok()) status = co_await ReadProven(object, {block, offset_bytes, tier.index(), *fd, generation}, target);
  use.End();
  // SUSPENDED: what is in the tier now need not be what was read and proven.
  const bool unchanged = generation == object->generation;
  if (status.ok()) co_return true;
  if (!unchanged) co_return false;
  ReportBad(*object, tier, status);
  co_await Drop(object, block, /*evicted=*/false);
  co_return false;
}

io::Task<Status> BlockStore::WriteTo(std::shared_ptr<Object> object, uint32_t block, std::span<const std::byte> bytes,
                                     Tier& tier) {
  Status status;
  for (bool sealed = true; sealed;) {
    if (!co_await AwaitWritable(object, block, tier)) break;
    const Object::FileUse use(*object);
    object->writing.Begin(block);
    const auto fd = co_await OpenFile(object, tier.index(), /*create=*/true);
    sealed = object->seal(tier.index()).is_set;  // as it turned out
    status = fd.status();
    if (status.ok() && !sealed) status = co_await WriteFile(*object, block, bytes, tier);
    object->writing.End(block);
    if (object->freeing.contains(block)) room_.Notify();
  }
  co_return status;
}

// REQUIRES: the file is open.
io::Task<Status> BlockStore::WriteFile(Object& object, uint32_t block, std::span<const std::byte> bytes, Tier& tier) {
  const int fd = object.fd(tier.index());
  DistrustIfChanged(object, tier, cache::ModifiedNs(fd));
  Object::Change change(object, tier.index());
  CO_RETURN_IF_ERROR(co_await io_.Write(fd, bytes, uint64_t{block} * object.block_size()));
  // A bad block of a file in use: its users go on to see the time that the file had.
  if (object.held()) SetModifiedNs(fd, object.left_ns(tier.index()));
  change.Done(cache::ModifiedNs(fd));
  tier.written_bytes.Add(bytes.size());
  co_return absl::OkStatus();
}

io::Task<bool> BlockStore::WriteBlock(std::shared_ptr<Object> object, uint32_t block, std::span<const std::byte> bytes,
                                      std::optional<uint8_t> wanted, Admission admission) {
  const io::Gate::Holder holder = gate_.Enter();
  // A tier that has no room left (all of it pinned), or fails over the write, leaves it to the next slower one.
  for (Tier* tier = TierFor(*object, wanted); tier != nullptr && !gate_.closed(); tier = Below(*tier, *object)) {
    if (object->TierOf(block)) co_return true;
    if (co_await WriteInto(object, block, bytes, *tier, admission)) co_return true;
  }
  co_return object->TierOf(block).has_value();
}

io::Task<bool> BlockStore::WriteInto(std::shared_ptr<Object> object, uint32_t block, std::span<const std::byte> bytes,
                                     Tier& tier, Admission admission) {
  if (!Admit(*object, block, tier) && admission == Admission::kPolicy) co_return false;
  if (!co_await Reserve(object, tier, Tier::Footprint(object->BlockLength(block)))) co_return false;
  const uint64_t checksum = XXH3_64bits(bytes.data(), bytes.size());
  const Status status = co_await WriteTo(object, block, bytes, tier);
  // SUSPENDED: a second fill of the same block may have come first, and perhaps gone again: then a hole may be on its
  // way to where the bytes are.
  if (!status.ok() || object->TierOf(block) || object->freeing.contains(block)) {
    co_await TakeBack(object, block, tier);
    tier.ReportFailure(status);
    // A quota that was lowered is kept to, also when the policy admits nothing for which Reserve would evict.
    EvictIfAbove(tier, nullptr);
    co_return object->TierOf(block).has_value();
  }
  object->checksum(block) = checksum;
  object->SetPresent(block, tier.index(), /*verified=*/true);
  Enter(*object, block);
  Record(*object, block);
  co_return true;
}

}  // namespace sluice::cache
