#include "fuse/page_push.h"

#include <cerrno>

#include "fuse/fuse_api.h"
#include "io/call.h"
#include "io/thread.h"

namespace sluice::fuse {
namespace {

uint64_t PageBytes(uint64_t size_bytes) { return (size_bytes + 4095) / 4096 * 4096; }

}  // namespace

void PagePush::Add(fuse_session* session, const std::vector<cache::Node>& nodes) {
  const std::lock_guard lock(mutex_);
  if (stop_ || bytes_max_ == 0) return;
  for (const cache::Node& node : nodes) {
    const uint64_t size_bytes = node.entry.size_bytes;
    if (node.entry.kind != source::Entry::Kind::kFile || size_bytes == 0) continue;
    const uint64_t page_bytes = PageBytes(size_bytes);
    if (size_bytes > cache::Catalog::kSmallFileBytesMax || taken_bytes_ + page_bytes > bytes_max_) continue;
    if (queue_.size() >= kQueuedMax || !files_.try_emplace(node.ino, State::kWaiting).second) continue;
    queue_.push_back({node.ino, size_bytes});
    taken_bytes_ += page_bytes;
  }
  if (queue_.empty()) return;
  waiting_ = true;
  if (!thread_.joinable()) thread_ = std::thread([this, session] { Run(session); });
  changed_.notify_one();
}

void PagePush::SetBytesMax(uint64_t bytes_max) {
  const std::lock_guard lock(mutex_);
  bytes_max_ = bytes_max;
}

void PagePush::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void PagePush::OnRead(cache::Ino ino) {
  if (!waiting_) return;
  const std::lock_guard lock(mutex_);
  const auto file = files_.find(ino);
  if (file != files_.end()) file->second = State::kRead;
}

void PagePush::Run(fuse_session* session) {
  io::BeginThread("page-push", io::Turns::kLong);
  while (const auto file = Next()) Settle(*file, Push(session, *file));
}

std::optional<PagePush::File> PagePush::Next() {
  constexpr auto kPause = std::chrono::milliseconds(2);
  std::unique_lock lock(mutex_);
  for (;;) {
    waiting_ = !queue_.empty();
    changed_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    if (stop_) return std::nullopt;
    const File file = queue_.front();
    queue_.pop_front();
    State& state = files_.at(file.ino);
    if (state == State::kRead) {
      GiveBack(file);
      continue;
    }
    state = State::kTaken;
    if (file.tries > 0) changed_.wait_for(lock, kPause, [this] { return stop_; });
    return file;
  }
}

void PagePush::Settle(File file, Outcome outcome) {
  if (outcome == Outcome::kDone) return;
  const std::lock_guard lock(mutex_);
  if (outcome == Outcome::kNotYet && ++file.tries < kTriesMax) {
    State& state = files_.at(file.ino);
    if (state == State::kTaken) state = State::kWaiting;
    queue_.push_back(file);
    return;
  }
  GiveBack(file);
  files_.erase(file.ino);
}

void PagePush::GiveBack(const File& file) { taken_bytes_ -= PageBytes(file.size_bytes); }

PagePush::Outcome PagePush::Push(fuse_session* session, const File& file) {
  if (dataset_.throttled()) return Outcome::kLeft;
  const auto object = dataset_.ObjectOf(file.ino);
  if (!object.ok() || (*object)->cached_blocks() < (*object)->block_count()) return Outcome::kLeft;
  thread_local const AlignedBuffer buffer(cache::Catalog::kSmallFileBytesMax);
  const auto target = buffer.span().first(file.size_bytes);
  if (!dataset_.TryRead(file.ino, 0, target)) {
    const auto read = io::CallOn(loop_, dataset_.Read(file.ino, 0, target));  // from its tier, proven on the way
    if (!read.ok() || *read != file.size_bytes) return Outcome::kLeft;
  }
  fuse_bufvec bytes{};
  bytes.count = 1;
  bytes.buf[0].size = file.size_bytes;
  bytes.buf[0].mem = target.data();
  bytes.buf[0].fd = -1;
  const int result = fuse_lowlevel_notify_store(session, file.ino, 0, &bytes, FUSE_BUF_NO_SPLICE);
  if (result == -ENOENT) return Outcome::kNotYet;
  if (result != 0) return Outcome::kLeft;
  pushed_bytes_.Add(file.size_bytes);
  return Outcome::kDone;
}

}  // namespace sluice::fuse
