#include "csi/node_admin_service.h"

#include <algorithm>

#include "csi/call.h"

namespace sluice::csi {

grpc::Status NodeAdminService::Upgrade(grpc::ServerContext*, const node::v1::UpgradeRequest* request,
                                       node::v1::UpgradeResponse* reply) {
  return Call("Upgrade", request->program(), [&]() -> Status {
    ASSIGN_OR_RETURN(Pool* const pool, pools_.Find(request->pool().empty() ? "default" : request->pool()));
    const Duration asked = std::chrono::milliseconds(request->deadline_ms());
    const Duration deadline = asked == Duration::zero() ? kUpgradeDeadline : std::min(asked, kUpgradeDeadlineMax);
    ASSIGN_OR_RETURN(const Upgraded upgraded, pool->Upgrade(request->program(), deadline));
    reply->set_old_version(upgraded.old_version);
    reply->set_new_version(upgraded.new_version);
    reply->set_volumes(upgraded.volumes);
    reply->set_pause_ms(static_cast<uint32_t>(upgraded.pause / std::chrono::milliseconds(1)));
    return absl::OkStatus();
  });
}

}  // namespace sluice::csi
