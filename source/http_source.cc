#include "source/http_source.h"

#include "source/http_range.h"
#include "source/source_digest.h"
#include "source/uri.h"

namespace sluice::source {
namespace {

constexpr size_t kPageEntries = 1000;

Status Explain(const HttpReply& reply, const std::string& url) {
  const std::string shown = url.substr(0, url.find('?'));
  switch (reply.status) {
    case 401:
      return Unauthenticated("{}: the server asks for credentials (HTTP status 401)", shown);
    case 403:
      return PermissionDenied("{}: the server refuses (HTTP status 403)", shown);
    case 404:
    case 410:
      return NotFound("{}: no such file (HTTP status {})", shown, reply.status);
    case 412:
    case 416:
      return Aborted("{}: the file has been replaced (HTTP status {})", shown, reply.status);
    case 408:
    case 429:
      return Unavailable("{}: HTTP status {}", shown, reply.status);
    default:
      if (reply.status >= 500) return Unavailable("{}: HTTP status {}", shown, reply.status);
      return FailedPrecondition("{}: unexpected HTTP status {}", shown, reply.status);
  }
}

std::string NameOf(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

}  // namespace

io::Task<StatusOr<FileTree>> HttpSource::FetchManifest() {
  HttpRequest request;
  request.url = url_;
  request.follow_redirects = true;
  CO_ASSIGN_OR_RETURN(const HttpReply reply, co_await http_->Perform(std::move(request)));
  if (reply.status != 200) co_return Explain(reply, url_);
  co_return ParseManifest(reply.body, url_);
}

io::Task<StatusOr<FileTree>> HttpSource::FetchSingle() {
  HttpRequest request;
  request.method = "HEAD";
  request.url = url_;
  request.follow_redirects = true;
  CO_ASSIGN_OR_RETURN(const HttpReply reply, co_await http_->Perform(std::move(request)));
  if (reply.status != 200) co_return Explain(reply, url_);
  if (reply.header("content-length").empty()) {
    co_return FailedPrecondition("{}: the server does not tell the file's length", url_);
  }
  FileTree tree;
  FileTree::File file;
  const std::string path = url_.substr(0, url_.find('?'));
  file.entry.name = PercentDecode(NameOf(path));
  if (!IsShowable(file.entry.name)) file.entry.name = "index";
  file.entry.size_bytes = std::strtoull(reply.header("content-length").c_str(), nullptr, 10);
  file.entry.mtime_ns = ParseHttpDate(reply.header("last-modified")) * 1'000'000'000;
  file.entry.version = VersionOf(reply.header("etag"), reply.header("last-modified"));
  file.url = url_;
  const std::string name = file.entry.name;
  tree.Insert(name, std::move(file));
  co_return tree;
}

io::Task<Status> HttpSource::Refresh() {
  auto tree = co_await (manifest_ ? FetchManifest() : FetchSingle());
  if (!tree.ok()) co_return tree.status();
  tree_ = std::make_shared<const FileTree>(std::move(*tree));
  co_return absl::OkStatus();
}

io::Task<StatusOr<Entry>> HttpSource::Stat(std::string path) {
  if (tree_ == nullptr || path.empty() || !manifest_) CO_RETURN_IF_ERROR(co_await Refresh());
  const std::shared_ptr<const FileTree> tree = tree_;
  if (tree->directories.contains(path)) {
    Entry directory;
    directory.kind = Entry::Kind::kDirectory;
    directory.name = NameOf(path);
    co_return directory;
  }
  const auto file = tree->files.find(path);
  if (file == tree->files.end()) co_return NotFound("{} is not among the files of {}", path, url_);
  co_return file->second.entry;
}

io::Task<StatusOr<Page>> HttpSource::List(std::string directory, std::string continuation) {
  if (tree_ == nullptr || (directory.empty() && continuation.empty())) CO_RETURN_IF_ERROR(co_await Refresh());
  const std::shared_ptr<const FileTree> tree = tree_;
  const auto found = tree->directories.find(directory);
  if (found == tree->directories.end()) co_return NotFound("{} is no directory of {}", directory, url_);
  Page page;
  if (directory.empty() && continuation.empty()) page.hidden = tree->hidden;
  for (auto at = found->second.upper_bound(continuation); at != found->second.end(); ++at) {
    if (page.entries.size() == kPageEntries) {
      page.next = page.entries.back().name;
      break;
    }
    page.entries.push_back(at->second);
  }
  co_return page;
}

io::Task<Status> HttpSource::Read(ReadRequest read) {
  if (tree_ == nullptr) CO_RETURN_IF_ERROR(co_await Refresh());
  const auto file = tree_->files.find(read.path);
  if (file == tree_->files.end()) co_return NotFound("{} is not among the files of {}", read.path, url_);
  const ByteRange range{read.offset_bytes, read.target.size()};
  HttpRequest request;
  request.url = file->second.url;
  request.follow_redirects = true;
  request.headers.push_back(RangeHeader(range));
  if (std::string condition = ConditionHeader(read.version); !condition.empty())
    request.headers.push_back(std::move(condition));
  request.target = read.target;
  if (read.digest != nullptr) *read.digest = file->second.digest;
  request.accept = [guard = RangeGuard(range, read.version, read.path),
                    digest = file->second.digest ? nullptr : read.digest](const HttpReply& reply) {
    const Status accepted = guard(reply);
    if (accepted.ok()) KeepBetter(DigestOfHttp(reply), digest);
    return accepted;
  };
  request.on_progress = std::move(read.on_progress);
  const std::string url = request.url;
  CO_ASSIGN_OR_RETURN(const HttpReply reply, co_await http_->Perform(std::move(request)));
  if (reply.status / 100 != 2) co_return Explain(reply, url);
  co_return absl::OkStatus();
}

io::Task<StatusOr<std::optional<Digest>>> HttpSource::DigestOf(std::string path, std::string version) {
  if (tree_ == nullptr) CO_RETURN_IF_ERROR(co_await Refresh());
  const auto file = tree_->files.find(path);
  if (file == tree_->files.end()) co_return NotFound("{} is not among the files of {}", path, url_);
  if (file->second.digest) co_return file->second.digest;
  HttpRequest request;
  request.method = "HEAD";
  request.url = file->second.url;
  request.follow_redirects = true;
  const std::string url = request.url;
  CO_ASSIGN_OR_RETURN(const HttpReply reply, co_await http_->Perform(std::move(request)));
  if (reply.status == 405 || reply.status == 501) co_return std::optional<Digest>();  // it knows no HEAD
  if (reply.status != 200) co_return Explain(reply, url);
  const std::string got = version.empty() ? "" : VersionOf(reply.header("etag"), reply.header("last-modified"));
  if (got != version) co_return Aborted("{} is version {} now", path, got);
  co_return DigestOfHttp(reply);
}

}  // namespace sluice::source
