// A FileIo over a real one that fails on command, an errno instead of the operation, or takes its time.
//
// Threads:  as io/file_io.h.
#pragma once

#include <map>
#include <optional>
#include <utility>

#include "io/file_io.h"

namespace sluice {

class FaultFileIo : public io::FileIo {
 public:
  FaultFileIo(io::Loop& loop, std::unique_ptr<io::FileIo> real) : FileIo(loop), real_(std::move(real)) {}

  // Every operation of this kind fails with the errno, until it is erased.
  std::map<io::FileRequest::Kind, int> faults;

  // The next operation of this kind waits until LetGo.
  std::optional<io::FileRequest::Kind> hold_next;
  io::FileRequest* held = nullptr;
  void LetGo() { real_->Start(*std::exchange(held, nullptr)); }

  std::string_view name() const override { return real_->name(); }
  void Start(io::FileRequest& request) override {
    if (hold_next == request.kind) {
      hold_next.reset();
      held = &request;
      return;
    }
    const auto fault = faults.find(request.kind);
    if (fault == faults.end()) return real_->Start(request);
    loop_.Post([&request, error = fault->second] { request.Complete(-error); });
  }

 private:
  std::unique_ptr<io::FileIo> real_;
};

}  // namespace sluice
