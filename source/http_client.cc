#include "source/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>

#include "io/thread.h"

namespace sluice::source {
namespace {

// One request under way. The loop's coroutine owns it; the engine's thread uses it until it posts `done`.
struct Transfer {
  HttpRequest request;
  HttpReply reply;
  Status status;
  size_t received_bytes = 0;             // into request.target
  std::atomic<size_t> arrived_bytes{0};  // the same, for the loop
  std::atomic<bool> progress_posted{false};
  bool accepted = false;
  bool finished = false;  // loop only

  io::Loop* loop = nullptr;
  std::coroutine_handle<> waiter;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  char error[CURL_ERROR_SIZE] = {};
};

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

// The URL for messages: a query may hold a token.
std::string Shown(const Transfer& transfer) { return transfer.request.url.substr(0, transfer.request.url.find('?')); }

size_t OnHeader(char* data, size_t, size_t length, void* context) {
  TakeHeaderLine({data, length}, &static_cast<Transfer*>(context)->reply);
  return length;
}

void PostProgress(Transfer& transfer) {
  transfer.arrived_bytes.store(transfer.received_bytes, std::memory_order_release);
  if (!transfer.request.on_progress || transfer.progress_posted.exchange(true)) return;
  transfer.loop->Post([&transfer] {
    // The coroutine is resumed by a later post, so the transfer is alive here.
    transfer.progress_posted.store(false);
    transfer.request.on_progress(transfer.arrived_bytes.load(std::memory_order_acquire));
  });
}

size_t OnBody(char* data, size_t, size_t length, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  transfer.reply.status = static_cast<int>(status);
  const bool to_target = !transfer.request.target.empty() && status / 100 == 2;
  if (!to_target) {
    if (transfer.reply.body.size() + length > HttpClient::kBodyBytesMax) {
      transfer.status = DataLoss("{}: the reply is longer than {} bytes", Shown(transfer), HttpClient::kBodyBytesMax);
      return 0;
    }
    transfer.reply.body.append(data, length);
    return length;
  }
  if (!transfer.accepted && transfer.request.accept) {
    transfer.status = transfer.request.accept(transfer.reply);
    if (!transfer.status.ok()) return 0;
  }
  transfer.accepted = true;
  if (transfer.received_bytes + length > transfer.request.target.size()) {
    transfer.status =
        DataLoss("{}: more than the {} bytes asked for came back", Shown(transfer), transfer.request.target.size());
    return 0;
  }
  std::memcpy(transfer.request.target.data() + transfer.received_bytes, data, length);
  transfer.received_bytes += length;
  PostProgress(transfer);
  return length;
}

Status StatusOfCurl(CURLcode code, const Transfer& transfer) {
  const char* detail = transfer.error[0] != '\0' ? transfer.error : curl_easy_strerror(code);
  switch (code) {
    case CURLE_OK:
      return absl::OkStatus();
    case CURLE_OPERATION_TIMEDOUT:
      return DeadlineExceeded("{}: {}", Shown(transfer), detail);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return InvalidArgument("{}: {}", Shown(transfer), detail);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return PermissionDenied("{}: the server's certificate is not trusted: {}", Shown(transfer), detail);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
      return Unavailable("{}: {}; check the address, and that this node may connect to it", Shown(transfer), detail);
    default:
      return Unavailable("{}: {}", Shown(transfer), detail);
  }
}

}  // namespace

const std::string& HttpReply::header(const std::string& name) const {
  static const std::string empty;
  const auto found = headers.find(name);
  return found == headers.end() ? empty : found->second;
}

void TakeHeaderLine(std::string_view line, HttpReply* reply) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    reply->headers.clear();
  } else if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    while (value.ends_with(' ')) value.remove_suffix(1);
    std::string name = Lower(line.substr(0, colon));
    if (name == "x-linked-etag") reply->linked_etag = value;
    reply->headers[std::move(name)] = value;
  }
}

// The thread that runs curl.
class HttpClient::Engine {
 public:
  explicit Engine(std::string ca_file) : ca_file_(std::move(ca_file)) {
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    (void)initialised;
    multi_ = curl_multi_init();
    curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, kConnectionsPerHost);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kConnectionsPerHost);
    thread_ = std::thread([this] { Run(); });
  }

  ~Engine() {
    stop_ = true;
    curl_multi_wakeup(multi_);
    thread_.join();
    for (CURL* easy : idle_) curl_easy_cleanup(easy);
    curl_multi_cleanup(multi_);
  }

  void Start(Transfer& transfer) {
    {
      const std::lock_guard lock(mutex_);
      queued_.push_back(&transfer);
    }
    curl_multi_wakeup(multi_);
  }

 private:
  void Run() {
    io::BeginThread("http", io::Turns::kLong);
    while (!stop_) {
      Admit();
      int running = 0;
      curl_multi_perform(multi_, &running);
      int left = 0;
      while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
        if (message->msg == CURLMSG_DONE) Finish(message->easy_handle, message->data.result);
      }
      curl_multi_poll(multi_, nullptr, 0, 60'000, nullptr);
    }
    for (CURL* easy : std::set<CURL*>(active_)) Finish(easy, CURLE_ABORTED_BY_CALLBACK);
  }

  void Admit() {
    std::vector<Transfer*> fresh;
    {
      const std::lock_guard lock(mutex_);
      fresh.swap(queued_);
    }
    for (Transfer* transfer : fresh) {
      Prepare(*transfer);
      active_.insert(transfer->easy);
      curl_multi_add_handle(multi_, transfer->easy);
    }
  }

  void Prepare(Transfer& transfer) {
    CURL* easy = idle_.empty() ? curl_easy_init() : idle_.back();
    if (!idle_.empty()) idle_.pop_back();
    curl_easy_reset(easy);
    const HttpRequest& request = transfer.request;
    transfer.easy = easy;
    for (const auto& header : request.headers) transfer.headers = curl_slist_append(transfer.headers, header.c_str());
    const auto set = [easy](CURLoption option, auto value) { curl_easy_setopt(easy, option, value); };
    set(CURLOPT_PRIVATE, &transfer);
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_NOBODY, request.method == "HEAD" ? 1L : 0L);
    set(CURLOPT_HTTPHEADER, transfer.headers);
    set(CURLOPT_HEADERFUNCTION, OnHeader);
    set(CURLOPT_HEADERDATA, &transfer);
    set(CURLOPT_WRITEFUNCTION, OnBody);
    set(CURLOPT_WRITEDATA, &transfer);
    set(CURLOPT_ERRORBUFFER, transfer.error);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, request.follow_redirects ? 1L : 0L);
    set(CURLOPT_MAXREDIRS, 5L);
    // Many requests over one HTTP/2 connection share one congestion window; separate connections do not.
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_TCP_NODELAY, 1L);
    // 128 KiB and up measured best for large bodies (third_party_notes/libcurl.md).
    set(CURLOPT_BUFFERSIZE, 256L * 1024);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(kConnectTimeout / std::chrono::milliseconds(1)));
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(kStallTimeout / std::chrono::seconds(1)));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(kRequestTimeout / std::chrono::milliseconds(1)));
    if (!ca_file_.empty()) set(CURLOPT_CAINFO, ca_file_.c_str());
  }

  void Finish(CURL* easy, CURLcode code) {
    Transfer* transfer = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    transfer->reply.status = static_cast<int>(status);
    if (transfer->status.ok()) transfer->status = StatusOfCurl(code, *transfer);
    const size_t wanted = transfer->request.target.size();
    if (transfer->status.ok() && wanted > 0 && status / 100 == 2 && transfer->received_bytes != wanted) {
      transfer->status =
          Unavailable("{}: {} of {} bytes came back", Shown(*transfer), transfer->received_bytes, wanted);
    }
    curl_multi_remove_handle(multi_, easy);
    curl_slist_free_all(transfer->headers);
    active_.erase(easy);
    idle_.push_back(easy);
    io::Loop* loop = transfer->loop;
    loop->Post([waiter = transfer->waiter] { waiter.resume(); });
  }

  const std::string ca_file_;
  CURLM* multi_ = nullptr;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<Transfer*> queued_;
  std::set<CURL*> active_;
  std::vector<CURL*> idle_;
  std::thread thread_;
};

HttpClient::HttpClient(io::Loop& loop, std::string ca_file)
    : loop_(loop), engine_(std::make_unique<Engine>(std::move(ca_file))) {}

HttpClient::~HttpClient() = default;

io::Task<StatusOr<HttpReply>> HttpClient::Perform(HttpRequest request) {
  struct Awaiter {
    Engine& engine;
    Transfer& transfer;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      transfer.waiter = handle;
      engine.Start(transfer);
    }
    void await_resume() {}
  };
  Transfer transfer;
  transfer.request = std::move(request);
  transfer.loop = &loop_;
  Awaiter awaiter{*engine_, transfer};
  co_await awaiter;
  if (!transfer.status.ok()) co_return transfer.status;
  co_return std::move(transfer.reply);
}

}  // namespace sluice::source
