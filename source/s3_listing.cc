#include "source/s3_listing.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <pugixml.hpp>

#include "source/http_range.h"
#include "source/uri.h"

namespace sluice::source {
namespace {

// A listing's date in the form of an HTTP header, so that HEAD, GET and listings give the same version.
std::string HttpDate(int64_t seconds) {
  if (seconds == 0) return "";
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(seconds));
}

// What `key` is called below `prefix`; empty when it is not below it or is the prefix itself.
std::string NameBelow(std::string_view key, std::string_view prefix) {
  return key.starts_with(prefix) ? std::string(key.substr(prefix.size())) : std::string();
}

}  // namespace

StatusOr<Page> ParseListing(std::string_view xml, std::string_view prefix) {
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size())) return DataLoss("the server's listing is not XML");
  const pugi::xml_node root = document.child("ListBucketResult");
  if (!root) {
    return DataLoss("the server's listing has no ListBucketResult but '{}'; check endpoint and pathStyle",
                    document.document_element().name());
  }
  const bool encoded = root.child("EncodingType").text().as_string() == std::string_view("url");
  // In a URL-encoded listing some servers write a blank as '+'.
  const auto decode = [encoded](const char* text) {
    std::string value = text;
    if (!encoded) return value;
    for (char& c : value) c = c == '+' ? ' ' : c;
    return PercentDecode(value);
  };

  Page page;
  for (const pugi::xml_node node : root.children("Contents")) {
    const std::string key = decode(node.child_value("Key"));
    if (key == prefix) {
      page.marked = true;
      continue;
    }
    Entry entry;
    entry.name = NameBelow(key, prefix);
    if (!IsShowable(entry.name)) {
      page.hidden_keys.push_back(std::move(entry.name));
      continue;
    }
    entry.size_bytes = node.child("Size").text().as_ullong();
    entry.mtime_ns = ParseIsoDate(node.child_value("LastModified")) * 1'000'000'000;
    entry.version = VersionOf(node.child_value("ETag"), HttpDate(entry.mtime_ns / 1'000'000'000));
    page.entries.push_back(std::move(entry));
  }
  const size_t files = page.entries.size();
  for (const pugi::xml_node node : root.children("CommonPrefixes")) {
    Entry entry;
    entry.kind = Entry::Kind::kDirectory;
    entry.name = NameBelow(decode(node.child_value("Prefix")), prefix);
    if (entry.name.ends_with('/')) entry.name.pop_back();
    if (!IsShowable(entry.name)) {
      page.hidden_keys.push_back(KeyOf(entry));
      continue;
    }
    page.entries.push_back(std::move(entry));
  }
  page.hidden = page.hidden_keys.size();
  if (files > 0 && files < page.entries.size()) {
    std::sort(page.entries.begin(), page.entries.end(),
              [](const Entry& a, const Entry& b) { return KeyOf(a) < KeyOf(b); });
  }
  if (root.child("IsTruncated").text().as_bool()) {
    page.next = root.child_value("NextContinuationToken");
    if (page.next.empty()) return DataLoss("the server's listing is cut short without a continuation token");
  }
  return page;
}

S3Error ParseS3Error(std::string_view xml) {
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size())) return {};
  const pugi::xml_node error = document.child("Error");
  return {error.child_value("Code"), error.child_value("Message")};
}

bool RefusesCredentials(const S3Error& error) {
  // The names of AWS, MinIO, Ceph.
  constexpr std::string_view kCodes[] = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken",
                                         "InvalidToken",       "InvalidTokenId",        "TokenRefreshRequired",
                                         "InvalidSecurity"};
  return std::find(std::begin(kCodes), std::end(kCodes), error.code) != std::end(kCodes);
}

}  // namespace sluice::source
