#include "csi/controller_plugin.h"

#include <spdlog/spdlog.h>

#include "csi/cluster_controller.h"
#include "csi/csi_server.h"
#include "csi/identity_service.h"

namespace sluice::csi {

Status ServeController(const std::string& endpoint, const sigset_t& signals) {
  ASSIGN_OR_RETURN(const std::string socket, ClaimCsiSocket(endpoint));
  IdentityService identity([] { return true; });
  ClusterController controller;
  ASSIGN_OR_RETURN(const auto server, CsiServer::Start(socket, {&identity, &controller}));
  spdlog::info("sluice-csi {} serves {} as the controller", SLUICE_VERSION, socket);
  AwaitSignal(signals);
  return absl::OkStatus();
}

}  // namespace sluice::csi
