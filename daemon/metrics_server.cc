#include "daemon/metrics_server.h"

#include <httplib.h>

#include <charconv>
#include <thread>

namespace sluice::daemon {

struct MetricsServer::Server {
  httplib::Server http;
  std::thread thread;
};

MetricsServer::MetricsServer() : server_(std::make_unique<Server>()) {}

StatusOr<uint16_t> MetricsServer::PortOf(const std::string& address) {
  const size_t colon = address.rfind(':');
  int port = -1;
  if (colon != std::string::npos) std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  if (port < 0 || port > 65535) {
    return InvalidArgument("metrics.listen '{}' is not HOST:PORT, such as 127.0.0.1:9810", address);
  }
  return static_cast<uint16_t>(port);
}

StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Listen(const std::string& address, const Registry& metrics) {
  ASSIGN_OR_RETURN(const uint16_t port, PortOf(address));
  const size_t colon = address.rfind(':');
  std::unique_ptr<MetricsServer> server(new MetricsServer);
  httplib::Server& http = server->server_->http;
  http.new_task_queue = [] { return new httplib::ThreadPool(2); };
  http.Get("/metrics", [&metrics](const httplib::Request&, httplib::Response& response) {
    response.set_content(metrics.Text(), "text/plain; version=0.0.4");
  });
  http.Get("/healthz",
           [](const httplib::Request&, httplib::Response& response) { response.set_content("ok\n", "text/plain"); });
  const std::string host = address.substr(0, colon);
  if (!http.bind_to_port(host.c_str(), port))
    return Unavailable("metrics.listen {} cannot be bound; is the port taken?", address);
  server->server_->thread = std::thread([&http] { http.listen_after_bind(); });
  return server;
}

MetricsServer::~MetricsServer() {
  server_->http.stop();
  if (server_->thread.joinable()) server_->thread.join();
}

}  // namespace sluice::daemon
