// Whether an object's bytes are those that its source says: what a source tells of an object's whole content (a
// checksum of S3, the SHA-256 of a model hub or of a manifest, an ETag that is an MD5) is compared with what came.
//
//   small   one block of up to kHeldBackBytesMax, in one fetch: compared before anybody gets a byte of it (Judge)
//   larger  when its last block has come, and before the kernel reads its file by itself: read once, in order, behind
//           the readers (Prove). Once proven it stays so: blocks that come again later are compared with their own
//           checksums of then.
//
// What is not right is dropped, logged and counted, and whoever needs it fetches it again. The same wrong bytes twice
// are not the way's fault: where the source only seemed to name an MD5, its ETag is none; else reading the object is an
// error for kRefusal, as it is after kFetchesMax fetches. Then it may be tried once more.
//
// Threads:   on the loop; bytes are hashed on threads of its own, which the first digest begins.
// Suspends:  Judge, Prove, AwaitProof.
// Owns:      its threads; a share of the objects whose bytes were wrong.
// Limits:    Prove: one object and one of its blocks at a time, on a thread with a tenth of the usual share;
//            kSuspectsMax objects are remembered whose bytes were wrong, and kOddEtagsMax ETags that are no MD5 tell of
//            all of a source's that they need be none.
// Errors:    none. A source that cannot be asked leaves its object as it is.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "cache/block_store.h"
#include "common/metrics.h"
#include "io/blocking_pool.h"
#include "source/source.h"

namespace sluice::cache {

class ContentChecks {
 public:
  static constexpr uint64_t kHeldBackBytesMax = 1 * kMiB;
  static constexpr uint32_t kFetchesMax = 3;
  static constexpr Duration kRefusal = std::chrono::minutes(1);
  static constexpr size_t kSuspectsMax = 1024;
  static constexpr uint32_t kOddEtagsMax = 3;
  // An open waits so long for a proof under way; then its file is read through the daemon.
  static constexpr Duration kOpenWait = std::chrono::milliseconds(500);
  static constexpr size_t kThreads = 2;  // for small objects

  ContentChecks(BlockStore& store, io::Loop& loop, Registry& metrics);

  // Whether nobody gets the object's bytes before they are judged.
  static bool HoldsBack(const Object& object, const source::Source& source);
  // DATA_LOSS while it is known that what comes is not what the source says.
  Status MayFetch(const Object& object) const;

  // Whether `bytes`, all of the object from one fetch, are what the source said of them; if it said nothing, they are.
  io::Task<bool> Judge(std::shared_ptr<Object> object, std::optional<Digest> digest, std::span<const std::byte> bytes);
  // A block that is about to be kept has come; another one than when the object was proven ends that.
  void OnFetched(Object& object, uint32_t block, std::span<const std::byte> bytes);
  // Begins to prove the object, if it is cached as a whole and that has not been done yet.
  void Begin(const std::shared_ptr<Object>& object, const std::shared_ptr<source::Source>& source);
  // The same, and waits for the end of it, or until `waiter` closes. False: it was not what the source says, and is to
  // be fetched again.
  io::Task<bool> Prove(std::shared_ptr<Object> object, const std::shared_ptr<source::Source>& source,
                       const io::Gate& waiter);
  // The same, for at most kOpenWait. Whether the object's file may be read as it is.
  io::Task<bool> AwaitProof(std::shared_ptr<Object> object, const std::shared_ptr<source::Source>& source);

  io::Task<void> Close() { return gate_.Close(); }

 private:
  struct Suspect {
    std::shared_ptr<Object> object;  // held: it is not forgotten
    std::string expected;
    std::string actual;  // of the last fetch
    uint32_t fetches = 0;
    Instant refused_until{};
  };

  static bool NeedsProof(const Object& object, const source::Source& source);
  bool IsOdd(const Digest& digest, const Object& object) const;
  io::Task<void> Run(std::shared_ptr<Object> object, std::shared_ptr<source::Source> source);
  io::Task<Proof> Compare(std::shared_ptr<Object> object, std::shared_ptr<source::Source> source);
  // What the cached bytes come to; nullopt when one of them is not there any more.
  io::Task<std::optional<std::string>> HashCached(std::shared_ptr<Object> object, Digest::Algorithm algorithm);
  // Whether the object may be used.
  bool Decide(const std::shared_ptr<Object>& object, const Digest& digest, const std::string& actual);
  Suspect& SuspectOf(const std::shared_ptr<Object>& object);
  void Acquit(const Object& object);

  BlockStore& store_;
  io::Loop& loop_;
  io::Gate gate_;
  io::Semaphore turn_;
  io::Event progressed_;  // a proof has, or has ended
  std::optional<io::BlockingPool> threads_;
  std::optional<io::BlockingPool> thread_behind_;
  absl::flat_hash_map<ObjectId, Suspect> suspects_;
  absl::flat_hash_map<std::string, uint32_t> odd_etags_;  // by dataset: objects whose ETag is no MD5

  Counter& proven_bytes_;
  Counter& bad_objects_;
  Counter& odd_etags_total_;
};

}  // namespace sluice::cache
