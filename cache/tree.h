// One published tree, and its hold on the objects whose files it links. For cache/published_trees.h alone.
//
// Threads:     loop-confined.
// Invariants:  while it lives it is among the holders of each of its objects.
#pragma once

#include <functional>
#include <vector>

#include "cache/published_trees.h"

namespace sluice::cache {

class PublishedTrees::Tree final : public FileHolder {
 public:
  Tree(TreeInfo i, BlockStore& store, std::function<void(Tree&)> remove)
      : info(std::move(i)), store_(store), remove_(std::move(remove)) {}
  ~Tree() override { EndHold(); }

  void Hold(std::shared_ptr<Object> object) {
    object->AddHolder(*this);
    objects_.push_back(std::move(object));
  }
  void EndHold() {
    for (const auto& object : objects_) {
      object->RemoveHolder(*this);
      store_.Discard(object);
    }
    objects_.clear();
  }
  // One of its files is wanted elsewhere: if nobody has it mounted, it goes as a whole.
  bool LetGo() override {
    if (info.leased) return false;
    remove_(*this);
    return true;
  }
  void OnLost() override { is_torn = true; }
  const std::vector<std::shared_ptr<Object>>& objects() const { return objects_; }

  TreeInfo info;
  bool is_torn = false;  // some of its files are not, or not known to be, the cache's any more

 private:
  BlockStore& store_;
  const std::function<void(Tree&)> remove_;
  std::vector<std::shared_ptr<Object>> objects_;
};

// The head of NAME.objects; the objects' ids of 16 bytes follow.
struct TreeManifest {
  static constexpr uint64_t kMagic = 0x31657254'63696c53;  // "SlicTre1"
  uint64_t magic = kMagic;
  int64_t listed_ns = 0;
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t objects = 0;
};

}  // namespace sluice::cache
