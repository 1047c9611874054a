// The replies of an S3 server: listings and errors, from a server that may be hostile.
//
// Properties: every entry can be shown; what is hidden is counted; a listing that is cut short has a token; a listing
// written from what was read gives the same names, kinds and sizes in the same order; an error is no longer than its
// text; what is no listing is an error.
#include <pugixml.hpp>

#include "source/s3_listing.h"
#include "source/uri.h"
#include "tests/fuzz/fuzz.h"

namespace sluice::source {
namespace {

using fuzz::Expect;

std::string Written(const Page& page, std::string_view prefix) {
  std::string xml = "<ListBucketResult><EncodingType>url</EncodingType>";
  for (const Entry& entry : page.entries) {
    const std::string key = PercentEncode(std::string(prefix) + KeyOf(entry), true);
    if (entry.kind == Entry::Kind::kDirectory) {
      xml += fmt::format("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", key);
    } else {
      xml += fmt::format("<Contents><Key>{}</Key><Size>{}</Size></Contents>", key, entry.size_bytes);
    }
  }
  return xml + "</ListBucketResult>";
}

void CheckListing(std::string_view xml, std::string_view prefix) {
  const auto page = ParseListing(xml, prefix);
  if (!page.ok()) return Expect(page.status().code() == StatusCode::kDataLoss, "nonsense is DATA_LOSS");
  for (const Entry& entry : page->entries) {
    Expect(IsShowable(entry.name), "an entry can be shown");
    Expect(entry.kind != Entry::Kind::kSymlink, "there are no links in a bucket");
  }
  Expect(page->hidden == page->hidden_keys.size(), "what is hidden is counted");
  pugi::xml_document document;
  document.load_buffer(xml.data(), xml.size());
  const bool is_cut = document.child("ListBucketResult").child("IsTruncated").text().as_bool();
  Expect(is_cut == !page->next.empty(), "there is a token if the listing goes on");

  const auto again = ParseListing(Written(*page, prefix), prefix);
  Expect(again.ok() && again->entries.size() == page->entries.size(), "what was read can be written");
  for (size_t i = 0; i < page->entries.size(); ++i) {
    Expect(KeyOf(again->entries[i]) == KeyOf(page->entries[i]), "names and kinds stay, in their order");
  }
  Expect(again->hidden == 0 && again->next.empty(), "nothing else is read");
}

}  // namespace
}  // namespace sluice::source

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  const std::string_view xml = fuzz::TextOf(data, size);
  source::CheckListing(xml, "");
  source::CheckListing(xml, "p/");
  const source::S3Error error = source::ParseS3Error(xml);
  fuzz::Expect(error.code.size() + error.message.size() <= size, "an error is no longer than its text");
  fuzz::Expect(!error.code.empty() || !source::RefusesCredentials(error), "without a code nothing is said");
  return 0;
}
