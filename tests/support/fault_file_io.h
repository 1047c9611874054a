// A FileIo over a real one that fails on command, an errno instead of the operation, or takes its time.
//
// Threads:  as io/file_io.h.
#pragma once

#include <functional>
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

  // The errno that one fails with; 0: it is done.
  std::function<int(const io::FileRequest&)> refuse = [](const io::FileRequest&) { return 0; };

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
    const int error = fault == faults.end() ? refuse(request) : fault->second;
    if (error == 0) return real_->Start(request);
    loop_.Post([&request, error] { request.Complete(-error); });
  }

 private:
  std::unique_ptr<io::FileIo> real_;
};

}  // namespace sluice
