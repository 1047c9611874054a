#include "source/open_source.h"

#include "common/suggest.h"
#include "source/file_source.h"
#include "source/http_client.h"
#include "source/http_source.h"
#include "source/s3_source.h"
#include "source/uri.h"

namespace sluice::source {
namespace {

StatusOr<std::unique_ptr<Source>> OpenS3(const SourceOptions& options, const Uri& uri, const SourceContext& context) {
  S3Options s3;
  s3.bucket = uri.authority;
  s3.prefix = uri.path;
  while (s3.prefix.starts_with('/')) s3.prefix.erase(0, 1);
  while (s3.prefix.ends_with('/')) s3.prefix.pop_back();
  s3.endpoint = options.endpoint;
  if (!options.region.empty()) s3.region = options.region;
  s3.path_style = options.path_style;
  s3.credentials = options.credentials;
  return S3Source::Create(std::move(s3), context.http, context.loop.clock(), &context.metrics.clock_corrections);
}

StatusOr<std::unique_ptr<Source>> OpenHttp(const SourceOptions& options, const Uri& uri, const SourceContext& context) {
  if (uri.authority.empty()) return InvalidArgument("'{}' names no host", options.uri);
  if (!uri.fragment.empty() && uri.fragment != "manifest") {
    return InvalidArgument("'#{}' is not known; a list of files is marked with '#manifest'", uri.fragment);
  }
  const std::string url = options.uri.substr(0, options.uri.find('#'));
  return std::make_unique<HttpSource>(url, uri.fragment == "manifest", context.http);
}

StatusOr<std::unique_ptr<Source>> OpenKind(const SourceOptions& options, const SourceContext& context) {
  ASSIGN_OR_RETURN(const Uri uri, ParseUri(options.uri));
  if (uri.scheme == "s3") return OpenS3(options, uri, context);
  if (uri.scheme == "http" || uri.scheme == "https") return OpenHttp(options, uri, context);
  if (uri.scheme == "file") {
    if (!uri.authority.empty() || uri.path.empty()) {
      return InvalidArgument("'{}' is not a directory; write file:///DIRECTORY with three slashes", options.uri);
    }
    return FileSource::Open(uri.path, context.io, context.pool);
  }
  constexpr std::string_view kSchemes[] = {"s3", "https", "http", "file"};
  return InvalidArgument("no source of kind '{}'{}", uri.scheme, DidYouMean(uri.scheme, kSchemes));
}

}  // namespace

StatusOr<std::unique_ptr<Source>> OpenSource(const SourceOptions& options, const SourceContext& context) {
  ASSIGN_OR_RETURN(std::unique_ptr<Source> source, OpenKind(options, context));
  return std::make_unique<RetryingSource>(std::move(source), options.retry, context.loop, context.metrics);
}

}  // namespace sluice::source
