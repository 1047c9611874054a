#include "source/s3_source.h"

#include "source/http_range.h"
#include "source/s3_listing.h"
#include "source/source_digest.h"

namespace sluice::source {
namespace {

constexpr const char* kContinuation = "continuation-token";

std::vector<std::string> Headers(const SigningRequest& request, const Credentials& credentials,
                                 const std::string& region, WallTime now) {
  if (!credentials.anonymous()) return Sign(request, credentials, region, now);
  std::vector<std::string> headers;
  for (const auto& [name, value] : request.headers) headers.push_back(fmt::format("{}: {}", name, value));
  return headers;
}

// It may be for the credentials: an expired token is a 400, and replies to HEAD do not say why.
bool IsRefused(const HttpReply& reply) { return reply.status / 100 == 4; }

}  // namespace

StatusOr<std::unique_ptr<S3Source>> S3Source::Create(S3Options options, std::shared_ptr<HttpClient> http,
                                                     const Clock& clock, Counter* clock_corrections) {
  if (options.bucket.empty()) return InvalidArgument("the S3 source names no bucket; write s3://BUCKET/PREFIX");
  if (options.endpoint.empty()) options.endpoint = fmt::format("https://s3.{}.amazonaws.com", options.region);
  auto endpoint = ParseUri(options.endpoint);
  if (!endpoint.ok() || !endpoint->scheme.starts_with("http") || endpoint->authority.empty()) {
    return InvalidArgument("endpoint '{}' is not the URL of a server; write https://HOST[:PORT]", options.endpoint);
  }
  return std::unique_ptr<S3Source>(
      new S3Source(std::move(options), std::move(*endpoint), std::move(http), clock, clock_corrections));
}

S3Address AddressOf(const S3Options& options, const Uri& endpoint) {
  S3Address address{endpoint.authority, endpoint.path};
  const std::string_view own_port = endpoint.scheme == "https" ? ":443" : ":80";
  if (address.host.ends_with(own_port)) address.host.resize(address.host.size() - own_port.size());
  while (address.path.ends_with('/')) address.path.pop_back();
  const bool certified = endpoint.scheme != "https" || options.bucket.find('.') == std::string::npos;
  if (options.path_style.value_or(!address.host.ends_with(".amazonaws.com") || !certified)) {
    address.path += "/" + PercentEncode(options.bucket, false);
  } else {
    address.host = fmt::format("{}.{}", options.bucket, address.host);
  }
  return address;
}

S3Source::S3Source(S3Options options, Uri endpoint, std::shared_ptr<HttpClient> http, const Clock& clock,
                   Counter* clock_corrections)
    : options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      address_(AddressOf(options_, endpoint_)),
      http_(std::move(http)),
      time_(clock, fmt::format("s3://{} at {}", options_.bucket, address_.host), clock_corrections) {}

std::string S3Source::Key(std::string_view path) const {
  return path.empty() ? options_.prefix : JoinPath(options_.prefix, path);
}

std::string S3Source::KeysBelow(std::string_view path) const {
  const std::string key = Key(path);
  return key.empty() ? "" : key + "/";
}

io::Task<StatusOr<HttpReply>> S3Source::Send(HttpRequest request, std::string key, Query query, bool checksums) {
  const std::string path = fmt::format("{}/{}", address_.path, PercentEncode(key, true));
  const std::string encoded_query = EncodeQuery(query);
  request.url = fmt::format("{}://{}{}{}{}", endpoint_.scheme, address_.host, path, encoded_query.empty() ? "" : "?",
                            encoded_query);
  SigningRequest to_sign{request.method, address_.host, path, std::move(query)};
  if (checksums) to_sign.headers["x-amz-checksum-mode"] = "ENABLED";
  for (bool again = false;; again = true) {
    const CredentialStore::Snapshot credentials = options_.credentials->Get();
    const WallTime now = time_.Now();
    HttpRequest signed_request = request;
    for (std::string& header : Headers(to_sign, *credentials, options_.region, now))
      signed_request.headers.push_back(std::move(header));
    CO_ASSIGN_OR_RETURN(HttpReply reply, co_await http_->Perform(std::move(signed_request)));
    const bool is_late = !credentials->anonymous() && time_.Learn(reply, now);
    const bool is_stale = IsRefused(reply) && credentials != options_.credentials->Get();
    if (again || (!is_late && !is_stale)) co_return reply;
  }
}

Status S3Source::Explain(const HttpReply& reply, std::string_view what) const {
  const S3Error error = ParseS3Error(reply.body);
  const std::string reason = error.code.empty() ? fmt::format("HTTP status {}", reply.status)
                                                : fmt::format("{}: {}", error.code, error.message);
  const std::string where = fmt::format("s3://{}/{} at {}", options_.bucket, what, address_.host);
  if (error.code == "NoSuchBucket") {
    return NotFound("{}: the bucket does not exist ({}); check the volume's source and endpoint", where, reason);
  }
  if (RefusesCredentials(error) || reply.status == 401) {
    return Unauthenticated("{}: the credentials are not accepted ({}); check the volume's Secret", where, reason);
  }
  if (error.code == "RequestTimeTooSkewed") {
    return FailedPrecondition("{}: {}; set this node's clock", where, reason);
  }
  switch (reply.status) {
    case 403:
      return PermissionDenied("{}: {}; the credentials need s3:GetObject and s3:ListBucket", where, reason);
    case 404:
      return NotFound("{}: {}", where, reason);
    case 412:
      return Aborted("{}: the object has been replaced ({})", where, reason);
    case 416:
      return Aborted("{}: the object is shorter than it was ({})", where, reason);
    case 301:
    case 307:
    case 400:
      return FailedPrecondition("{}: {}; check region '{}', endpoint and pathStyle", where, reason, options_.region);
    case 501:
      return FailedPrecondition("{}: {}; the server lacks what was asked for", where, reason);
    case 408:
    case 429:
      return Unavailable("{}: {}", where, reason);
    default:
      if (reply.status >= 500) return Unavailable("{}: {}", where, reason);
      return FailedPrecondition("{}: {}", where, reason);
  }
}

io::Task<StatusOr<Entry>> S3Source::Head(std::string path) {
  const std::string key = Key(path);
  HttpRequest request;
  request.method = "HEAD";
  CO_ASSIGN_OR_RETURN(const HttpReply reply, co_await Send(std::move(request), key, {}));
  if (reply.status != 200) co_return Explain(reply, key);
  Entry entry;
  entry.name = path.substr(path.rfind('/') + 1);
  entry.size_bytes = std::strtoull(reply.header("content-length").c_str(), nullptr, 10);
  entry.mtime_ns = ParseHttpDate(reply.header("last-modified")) * 1'000'000'000;
  entry.version = VersionOf(reply.header("etag"), reply.header("last-modified"));
  co_return entry;
}

io::Task<StatusOr<Entry>> S3Source::Stat(std::string path) {
  // A directory exists when a key begins with it, that of its marker "path/" too. It hides a file of the same name.
  const std::string below = KeysBelow(path);
  const StatusOr<Page> page = co_await ListPrefix(below, Begin(), 1);
  if (page.ok() && (below.empty() || !page->entries.empty() || page->hidden > 0 || page->marked)) {
    Entry directory;
    directory.kind = Entry::Kind::kDirectory;
    directory.name = path.substr(path.rfind('/') + 1);
    co_return directory;
  }
  if (path.empty()) {
    if (!page.ok()) co_return page.status();
    co_return NotFound("no object of bucket {} lies below '{}'", options_.bucket, below);
  }
  if (!page.ok() && page.status().code() != StatusCode::kPermissionDenied) co_return page.status();
  co_return co_await Head(std::move(path));
}

io::Task<StatusOr<Page>> S3Source::ListPrefix(std::string prefix, Begin begin, int entries_max) {
  Query query = {{"list-type", "2"},
                 {"delimiter", "/"},
                 {"encoding-type", "url"},
                 {"prefix", prefix},
                 {"max-keys", std::to_string(entries_max)}};
  if (!begin.second.empty()) query.insert(begin);
  CO_ASSIGN_OR_RETURN(const HttpReply reply, co_await Send(HttpRequest(), "", std::move(query)));
  if (reply.status != 200) co_return Explain(reply, prefix);
  auto page = ParseListing(reply.body, prefix);
  if (page.ok() && begin.first == kContinuation && page->next == begin.second) {
    co_return DataLoss("s3://{}/{}: the listing goes in circles", options_.bucket, prefix);
  }
  co_return page;
}

io::Task<StatusOr<Page>> S3Source::List(std::string directory, std::string continuation) {
  Begin begin;
  if (!continuation.empty()) begin = {kContinuation, std::move(continuation)};
  co_return co_await ListPrefix(KeysBelow(directory), std::move(begin), kPageEntriesMax);
}

io::Task<StatusOr<Page>> S3Source::ListAfter(std::string directory, std::string key) {
  std::string prefix = KeysBelow(directory);
  Begin begin{"start-after", prefix + key};
  co_return co_await ListPrefix(std::move(prefix), std::move(begin), kPageEntriesMax);
}

io::Task<Status> S3Source::Read(ReadRequest read) {
  const std::string key = Key(read.path);
  const ByteRange range{read.offset_bytes, read.target.size()};
  HttpRequest request;
  // A reply to a range has no checksums of the whole object.
  if (!read.whole_object) request.headers.push_back(RangeHeader(range));
  if (std::string condition = ConditionHeader(read.version); !condition.empty())
    request.headers.push_back(std::move(condition));
  request.target = read.target;
  request.accept = [guard = RangeGuard(range, read.version, fmt::format("s3://{}/{}", options_.bucket, key)),
                    digest = read.digest](const HttpReply& reply) {
    const Status accepted = guard(reply);
    if (accepted.ok()) KeepBetter(DigestOfS3(reply), digest);
    return accepted;
  };
  request.on_progress = std::move(read.on_progress);
  CO_ASSIGN_OR_RETURN(const HttpReply reply, co_await Send(std::move(request), key, {}, read.whole_object));
  if (reply.status / 100 != 2) co_return Explain(reply, key);
  co_return absl::OkStatus();
}

io::Task<StatusOr<std::optional<Digest>>> S3Source::DigestOf(std::string path, std::string version) {
  const std::string key = Key(path);
  HttpRequest request;
  request.method = "HEAD";
  CO_ASSIGN_OR_RETURN(const HttpReply reply, co_await Send(std::move(request), key, {}, /*checksums=*/true));
  if (reply.status != 200) co_return Explain(reply, key);
  const std::string got = VersionOf(reply.header("etag"), reply.header("last-modified"));
  if (got != version) co_return Aborted("s3://{}/{} is version {} now", options_.bucket, key, got);
  co_return DigestOfS3(reply);
}

}  // namespace sluice::source
