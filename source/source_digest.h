// What a reply says of the content of the whole object, if it says so in a way that can be compared here.
//
// Several in one reply: what is certain goes before an ETag that looks like an MD5, a longer one before a shorter.
//
// Threads:  pure functions.
#pragma once

#include <optional>

#include "common/digest.h"
#include "source/http_client.h"

namespace sluice::source {

// S3's x-amz-checksum-* of whole objects, else the ETag where it may be an MD5: its form is that of one, and nobody
// says that the object is encrypted with a key of KMS or of the customer.
std::optional<Digest> DigestOfS3(const HttpReply& reply);

// Of two replies to reads of one object the one that says more: `found` replaces `*kept`, unless that is certain and
// `found` is not. Nothing happens when `kept` is null.
void KeepBetter(std::optional<Digest> found, std::optional<Digest>* kept);

// A web server's or a model hub's: X-Linked-ETag, Repr-Digest, Digest, Content-MD5.
std::optional<Digest> DigestOfHttp(const HttpReply& reply);

}  // namespace sluice::source
