// Cache: fetching blocks from the source, and keeping them.
#include "cache/fill.h"

#include <malloc.h>

#include <algorithm>

#include "cache/cache.h"

namespace sluice::cache {

void Cache::EnsureFills(const Request& request, uint32_t first_block, uint32_t end_block) {
  Object& object = *request.object;
  const uint32_t blocks_max =
      static_cast<uint32_t>(std::max<uint64_t>(limits_.fetch_bytes_max / object.block_size(), 1));
  uint32_t run = 0;  // missing blocks before `block`
  for (uint32_t block = first_block; block <= end_block; ++block) {
    bool missing = block < end_block && !object.TierOf(block);
    if (missing) {
      if (const auto found = object.fills.find(block); found != object.fills.end()) {
        const std::shared_ptr<Fill> fill = found->second;
        const bool overtake = fill->state == Fill::State::kQueued && request.urgency < fill->urgency;
        const bool failed = fill->state == Fill::State::kFinished && !fill->status.ok();
        if (overtake || failed) Abandon(request.object, fill);
        missing = overtake || failed;
      }
    }
    if (missing) ++run;
    if (run > 0 && (!missing || run == blocks_max)) {
      StartFill(request, missing ? block + 1 - run : block - run, run);
      run = 0;
    }
  }
}

void Cache::StartFill(const Request& request, uint32_t first_block, uint32_t block_count) {
  auto fill = std::make_shared<Fill>(loop_, first_block, block_count, request.urgency);
  fill->held_back = ContentChecks::HoldsBack(*request.object, *request.source);
  for (uint32_t i = 0; i < block_count; ++i) request.object->fills[first_block + i] = fill;
  io::Spawn(RunFill(request, std::move(fill)));
}

void Cache::Abandon(const std::shared_ptr<Object>& object, const std::shared_ptr<Fill>& fill) {
  if (fill->state == Fill::State::kQueued) fill->state = Fill::State::kAbandoned;
  Forget(object, fill);
  fill->changed.Notify();
}

void Cache::Forget(const std::shared_ptr<Object>& object, const std::shared_ptr<Fill>& fill) {
  for (uint32_t i = 0; i < fill->block_count; ++i) {
    const auto found = object->fills.find(fill->first_block + i);
    if (found != object->fills.end() && found->second == fill) object->fills.erase(found);
  }
  store_->Discard(object);
}

io::Task<void> Cache::RunFill(Request request, std::shared_ptr<Fill> fill) {
  const io::Gate::Holder holder = gate_.Enter();
  request.object->opens().fetch_add(1);  // not forgotten while blocks are on their way to it
  ++fills_begun_;
  const Object& object = *request.object;
  const uint64_t offset_bytes = uint64_t{fill->first_block} * object.block_size();
  const uint64_t length_bytes =
      std::min<uint64_t>(uint64_t{fill->block_count} * object.block_size(), object.size() - offset_bytes);
  const Instant start = loop_.clock().Now();
  if (request.urgency == io::Urgency::kPrewarm) co_await AwaitTurn(*fill);
  co_await memory_.Acquire(length_bytes, fill->urgency);
  co_await fetches_.Acquire(1, fill->urgency);
  if (fill->state == Fill::State::kQueued && !gate_.closed()) {
    fill_wait_.Observe(loop_.clock().Now() - start);
    fill_memory_.Set(static_cast<int64_t>(memory_.used()));
    fill->state = Fill::State::kRunning;
    fill->buffer = AlignedBuffer(length_bytes);
    fill->status = co_await Fetch(request, fill);
    if (fill->status.ok()) fill->arrived_bytes = length_bytes;
  } else {
    fill->status = Cancelled("the cache is closing");
  }
  fetches_.Release(1);
  fill->state = fill->state == Fill::State::kAbandoned ? fill->state : Fill::State::kFinished;
  fill->changed.Notify();
  co_await KeepBlocks(request, fill);
  memory_.Release(length_bytes);
  if (fill->urgency == io::Urgency::kPrewarm) {
    pace_.End();
    pace_changed_.Notify();
  }
  fill_memory_.Set(static_cast<int64_t>(memory_.used()));
  store_->Release(request.object);
  if (memory_.used() == 0 && !returning_memory_) ReturnMemory(fills_begun_);
}

io::Task<Status> Cache::Fetch(const Request& request, std::shared_ptr<Fill> fill) {
  const Object& object = *request.object;
  for (;;) {
    CO_RETURN_IF_ERROR(checks_->MayFetch(object));
    std::optional<Digest> digest;
    source::ReadRequest read;
    read.path = object.version.path;
    read.version = object.version.version;
    read.offset_bytes = uint64_t{fill->first_block} * object.block_size();
    read.target = fill->buffer.span();
    read.whole_object = fill->block_count == object.block_count();
    read.digest = &digest;
    read.on_progress = [fill, heard = OnFirstBytes(request)](size_t arrived_bytes) mutable {
      std::exchange(heard, [] {})();
      if (fill->held_back) return;
      fill->arrived_bytes = arrived_bytes;
      fill->changed.Notify();
    };
    const Status status = co_await request.source->Read(std::move(read));
    if (!status.ok() || !fill->held_back) co_return status;
    if (co_await checks_->Judge(request.object, std::move(digest), fill->buffer.span())) co_return status;
  }
}

io::Task<void> Cache::AwaitTurn(const Fill& fill) {
  while (!pace_.MayBegin(loop_.clock().Now()) && fill.state == Fill::State::kQueued && !gate_.closed()) {
    co_await pace_changed_.Wait();
  }
  pace_.Begin();
}

// What to call when the source's first bytes have come.
std::function<void()> Cache::OnFirstBytes(const Request& request) {
  if (request.urgency == io::Urgency::kPrewarm) return [] {};
  const PrewarmPace::Question question = pace_.OnQuestion(loop_.clock().Now());
  if (request.urgency == io::Urgency::kReadAhead) return [] {};  // asked early: how soon it comes says nothing
  return [this, source = request.source.get(), question] { pace_.OnAnswer(source, question, loop_.clock().Now()); };
}

// The allocator keeps the buffers of fetches for the next ones; when there are none for a while, they go.
void Cache::ReturnMemory(uint64_t fills_begun) {
  returning_memory_ = true;
  loop_.After(kRest, [this, fills_begun, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    returning_memory_ = false;
    if (memory_.used() > 0) return;  // the last of those fills comes here again
    fills_begun == fills_begun_ ? (void)::malloc_trim(0) : ReturnMemory(fills_begun_);
  });
}

io::Task<void> Cache::KeepBlocks(const Request& request, const std::shared_ptr<Fill>& fill) {
  const std::shared_ptr<Object> object = request.object;
  // A prewarm is an order, also where the policy would rather keep what it has.
  const auto admission =
      request.urgency == io::Urgency::kPrewarm ? BlockStore::Admission::kAlways : BlockStore::Admission::kPolicy;
  for (uint32_t i = 0; i < fill->block_count && fill->state == Fill::State::kFinished; ++i) {
    const uint32_t block = fill->first_block + i;
    const size_t start = size_t{i} * object->block_size();
    const size_t length = object->BlockLength(block);
    if (start + length > fill->arrived_bytes) break;  // the fetch broke off; whole blocks before that are good
    const auto bytes = fill->buffer.span().subspan(start, length);
    if (!fill->held_back) checks_->OnFetched(*object, block, bytes);
    const bool kept = co_await store_->WriteBlock(object, block, bytes, request.medium, admission);
    if (kept) {
      if (const auto found = object->fills.find(block); found != object->fills.end() && found->second == fill) {
        object->fills.erase(found);
      }
    } else {
      uncached_blocks_.Add();
      fill->refused_bytes += length;
    }
    fill->changed.Notify();
  }
  read_ahead_bytes_ = std::min(read_ahead_bytes_ + fill->buffer.size() / 8, limits_.read_ahead_max_bytes);
  if (fill->refused_bytes > 0 && !gate_.closed()) {
    Retain(object, fill);
  } else {
    Forget(object, fill);
  }
  fill->settled = true;
  fill->changed.Notify();
  checks_->Begin(object, request.source);
}

void Cache::Retain(const std::shared_ptr<Object>& object, std::shared_ptr<Fill> fill) {
  retained_bytes_ += fill->buffer.size();
  retained_.emplace_back(object, std::move(fill));
  while (retained_bytes_ > limits_.fill_memory_bytes / 4) {
    // What readers have been through goes first.
    auto next = std::ranges::find_if(
        retained_, [](const auto& one) { return one.second->read_bytes >= one.second->refused_bytes; });
    if (next == retained_.end()) {
      next = retained_.begin();
      if (next->second->urgency == io::Urgency::kReadAhead) read_ahead_bytes_ /= 2;
    }
    const auto [old_object, old_fill] = std::move(*next);
    retained_.erase(next);
    retained_bytes_ -= old_fill->buffer.size();
    Forget(old_object, old_fill);
  }
}

}  // namespace sluice::cache
