// Several sources as one tree, each at a path of its own: a part hides what an outer one has of that name, and the
// directories that lead to a part are made up.
//
//   parts   ""         s3://models        "" and below, but for
//           "data/a"   s3://one           "data/a" and below
//           "data/b"   file:///two        "data/b" and below; "data" is made up where s3://models has none
//
// A part's own directory is there also when its source is not: it is asked for what lies in it.
//
// The parts may be replaced while the tree is in use. A part that is marked has its mark in the versions of its files,
// so that no file of one part is ever taken for another's, also where both sources give the same version: whoever has
// one open whose part is not there any more gets ABORTED, as if the object had been replaced.
//
// Threads, Suspends:  as source/source.h.
// Owns:        a share of the parts; calls under way keep theirs.
// Limits:      looks at all parts for each path: meant for a few dozen.
// Errors:      those of the part that a path lies in; NOT_FOUND where there is none. A failing part fails no other.
// Invariants:  each name of a directory is listed once, however its pages are cut; a directory of a part that lists in
//              the order of keys is in that order with the names that were put there, too.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/source.h"

namespace sluice::source {

class JoinedSource final : public Source {
 public:
  struct Part {
    std::string path;  // "" or "a/b"; no two parts have the same
    std::shared_ptr<Source> source;
    std::string mark = "";
  };
  using Parts = std::vector<Part>;
  explicit JoinedSource(Parts parts) : parts_(std::make_shared<const Parts>(std::move(parts))) {}

  void Replace(Parts parts) { parts_ = std::make_shared<const Parts>(std::move(parts)); }
  std::shared_ptr<const Parts> parts() const { return parts_; }

  io::Task<StatusOr<Entry>> Stat(std::string path) override;
  io::Task<StatusOr<Page>> List(std::string directory, std::string continuation) override;
  bool CanListAfter(std::string_view directory) const override;
  io::Task<StatusOr<Page>> ListAfter(std::string directory, std::string key) override;
  io::Task<Status> Read(ReadRequest request) override;
  bool GivesDigests() const override;
  io::Task<StatusOr<std::optional<Digest>>> DigestOf(std::string path, std::string version) override;
  io::Task<StatusOr<std::string>> ReadLink(std::string path) override;

 private:
  struct Place {
    std::shared_ptr<Source> source;  // null: in no part
    std::string path;                // the part's own
    std::string mark;
  };
  Place PlaceOf(std::string_view path) const;
  StatusOr<Place> Find(std::string_view path) const;
  // Of a file in that version; takes the mark off.
  StatusOr<Place> FindVersion(std::string_view path, std::string* version) const;
  // Names in `directory` that are parts or lead to one, in order.
  std::vector<std::string> NamesIn(std::string_view directory) const;

  std::shared_ptr<const Parts> parts_;
};

}  // namespace sluice::source
