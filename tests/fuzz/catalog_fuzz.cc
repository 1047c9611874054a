// A catalog's two files, which are mapped into memory as they are: damaged by whatever a disk does, or half written.
//
// Two bytes tell the length of `nodes` (little endian), which comes next; what remains is `names`. Properties: a
// catalog that opens is a tree whose children come in order and are found by their names; it takes new names, keeps
// them when it is opened again, and forgets what is removed; one for another mount opens whatever stands in its files.
#include <fstream>

#include "cache/catalog.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/temp_dir.h"

namespace sluice::cache {
namespace {

using fuzz::Expect;
using Kind = source::Entry::Kind;

void CheckTree(const Catalog& catalog) {
  Catalog::Totals totals;
  for (Ino ino = kRootIno; ino <= catalog.node_count(); ++ino) {
    const auto node = catalog.Get(ino);
    Expect(node && node->ino == ino && node->parent < ino, "a node's directory comes before it");
    Expect(node->entry.kind <= Kind::kSymlink, "it is something that there is");
    Expect(catalog.Path(ino).ends_with(node->entry.name), "its path ends with its name");
    const auto named = catalog.Find(node->parent, node->entry.name);
    const bool is_live = ino == kRootIno || (named && named->ino == ino);
    Ino last = 0;
    for (const Node& child : catalog.Children(ino, 0, 1000)) {
      Expect(child.ino > last && child.parent == ino, "children are in order");
      Expect(source::IsShowable(child.entry.name), "a child can be shown");
      const auto found = catalog.Find(ino, child.entry.name);
      Expect(found && found->ino == child.ino, "a child is found by its name");
      last = child.ino;
      totals.files += is_live && child.entry.kind == Kind::kFile ? 1 : 0;
    }
    Expect(catalog.Subdirectories(ino, 0, 1000).size() <= catalog.Children(ino, 0, 1000).size(),
           "some are directories");
    (void)catalog.HandlesOf(ino);
    (void)catalog.listed_ns(ino);
  }
  (void)catalog.hidden_total();
  Expect(catalog.totals().files == totals.files, "files are counted");
  Expect(!catalog.Get(0) && !catalog.Get(catalog.node_count() + 1), "there are no others");
}

void CheckChanges(std::unique_ptr<Catalog> catalog, const std::string& directory) {
  source::Entry entry;
  entry.name = "fresh";
  entry.version = "v";
  entry.size_bytes = 5;
  const auto fresh = catalog->Put(kRootIno, entry, 7);
  Expect(fresh.ok() && fresh->entry.name == "fresh", "there is room for a name");
  const auto count = catalog->node_count();
  catalog = *Catalog::Open(directory, Catalog::Keep::kAll);
  Expect(catalog->node_count() == count, "it is kept");
  const auto found = catalog->Find(kRootIno, "fresh");
  Expect(found && found->ino == fresh->ino && found->entry.version == "v", "the name is found again");
  catalog->AddHandle(found->ino, false);
  catalog->RemoveUnconfirmed(kRootIno, 8);
  Expect(!catalog->Find(kRootIno, "fresh"), "what is gone is not found");
  Expect(catalog->RemoveHandle(found->ino, false).cached == 0, "its handle can be closed");
  CheckTree(*catalog);
}

}  // namespace
}  // namespace sluice::cache

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  using cache::Catalog;
  if (size < 2) return -1;
  static const TempDir directory("/dev/shm");
  const std::string_view bytes = fuzz::TextOf(data + 2, size - 2);
  const size_t nodes = std::min<size_t>(data[0] + 256 * data[1], bytes.size());
  const auto write = [&] {
    std::ofstream(directory / "nodes", std::ios::trunc) << bytes.substr(0, nodes);
    std::ofstream(directory / "names", std::ios::trunc) << bytes.substr(nodes);
  };
  write();
  if (auto kept = Catalog::Open(directory.path(), Catalog::Keep::kAll); kept.ok()) {
    cache::CheckTree(**kept);
    cache::CheckChanges(*std::move(kept), directory.path());
  } else {
    fuzz::Expect(kept.status().code() == StatusCode::kDataLoss, "what is damaged is DATA_LOSS");
  }
  write();
  const auto names = Catalog::Open(directory.path(), Catalog::Keep::kNames);
  fuzz::Expect(names.ok(), "names that cannot be read are forgotten");
  cache::CheckTree(**names);
  return 0;
}
