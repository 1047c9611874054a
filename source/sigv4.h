// AWS Signature Version 4 for GET and HEAD requests without a body.
//
// curl's own signer is not used: it fails on keys and prefixes with some characters, in different ways in the versions
// of Debian 12 and 13 (third_party_notes/libcurl.md). Algorithm: "Signature Calculations for the Authorization
// Header", Amazon S3 API Reference.
//
// Threads:  pure functions.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"

namespace sluice::source {

struct Credentials {
  std::string access_key_id;  // empty: requests go unsigned
  std::string secret_access_key;
  std::string session_token;

  bool anonymous() const { return access_key_id.empty(); }
};

struct SigningRequest {
  std::string method;
  std::string host;                                 // with the port when it is not the scheme's own
  std::string encoded_path;                         // percent-encoded, begins with '/'
  std::map<std::string, std::string> query;         // not encoded; sorted by the map
  std::map<std::string, std::string> headers = {};  // x-amz-…, by their names in lower case
};

// The canonical query string: sorted, percent-encoded.
std::string EncodeQuery(const std::map<std::string, std::string>& query);

// The request's headers and those that sign it at `now`: x-amz-date, x-amz-content-sha256, x-amz-security-token,
// Authorization.
std::vector<std::string> Sign(const SigningRequest& request, const Credentials& credentials, std::string_view region,
                              WallTime now);

// SHA-256, 32 bytes.
std::string Sha256(std::string_view data);

}  // namespace sluice::source
