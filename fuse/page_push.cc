#include "fuse/page_push.h"

#include <pthread.h>

#include "fuse/fuse_api.h"
#include "io/call.h"

namespace sluice::fuse {

void PagePush::Add(fuse_session* session, const std::vector<cache::Node>& nodes) {
  const std::lock_guard lock(mutex_);
  if (stop_) return;
  for (const cache::Node& node : nodes) {
    const uint64_t size_bytes = node.entry.size_bytes;
    if (node.entry.kind != source::Entry::Kind::kFile || size_bytes == 0) continue;
    const uint64_t page_bytes = (size_bytes + 4095) / 4096 * 4096;
    if (size_bytes > cache::Catalog::kSmallFileBytesMax || taken_bytes_ + page_bytes > bytes_max_) continue;
    if (queue_.size() >= kQueuedMax || !seen_.insert(node.ino).second) continue;
    queue_.emplace_back(node.ino, size_bytes);
    taken_bytes_ += page_bytes;
  }
  if (queue_.empty()) return;
  if (!thread_.joinable()) thread_ = std::thread([this, session] { Run(session); });
  changed_.notify_one();
}

void PagePush::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void PagePush::Run(fuse_session* session) {
  pthread_setname_np(pthread_self(), "page-push");
  for (;;) {
    std::pair<cache::Ino, uint64_t> file;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stop_ || !queue_.empty(); });
      if (stop_) return;
      file = queue_.front();
      queue_.pop_front();
    }
    Push(session, file.first, file.second);
  }
}

void PagePush::Push(fuse_session* session, cache::Ino ino, uint64_t size_bytes) {
  if (dataset_.throttled()) return;
  const auto object = dataset_.ObjectOf(ino);
  if (!object.ok() || (*object)->cached_blocks() < (*object)->block_count()) return;
  thread_local const AlignedBuffer buffer(cache::Catalog::kSmallFileBytesMax);
  const auto target = buffer.span().first(size_bytes);
  if (!dataset_.TryRead(ino, 0, target)) {
    const auto read = io::CallOn(loop_, dataset_.Read(ino, 0, target));  // from its tier, proven on the way
    if (!read.ok() || *read != size_bytes) return;
  }
  fuse_bufvec bytes{};
  bytes.count = 1;
  bytes.buf[0].size = size_bytes;
  bytes.buf[0].mem = target.data();
  bytes.buf[0].fd = -1;
  if (fuse_lowlevel_notify_store(session, ino, 0, &bytes, FUSE_BUF_NO_SPLICE) == 0) pushed_bytes_.Add(size_bytes);
}

}  // namespace sluice::fuse
