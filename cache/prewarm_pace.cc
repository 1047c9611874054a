#include "cache/prewarm_pace.h"

#include <algorithm>
#include <limits>

namespace sluice::cache {
namespace {

constexpr double kUsualStep = 1.05;  // by which one answer moves the usual wait, up or down

}  // namespace

size_t PrewarmPace::Limit(Instant now) const { return IsAlone(now) ? std::numeric_limits<size_t>::max() : limit_; }

PrewarmPace::Question PrewarmPace::OnQuestion(Instant now) {
  if (IsAlone(now)) {
    limit_ = kLeast;
    answers_ = late_ = 0;
  }
  last_question_ = now;
  return {now, under_way_};
}

void PrewarmPace::OnAnswer(const void* source, const Question& question, Instant now) {
  const double waited_ns = std::max(static_cast<double>((now - question.asked).count()), 1.0);
  if (question.beside <= kLeast) {
    if (usual_ns_.size() >= kSourcesMax && !usual_ns_.contains(source)) usual_ns_.clear();
    const auto [usual, is_first] = usual_ns_.try_emplace(source, waited_ns);
    if (!is_first) usual->second *= waited_ns > usual->second ? kUsualStep : 1 / kUsualStep;
  }
  const auto usual = usual_ns_.find(source);
  if (usual == usual_ns_.end()) return;  // so far it has only answered beside many fetches
  ++answers_;
  if (waited_ns > usual->second * kLate) ++late_;
  if (answers_ < kAnswersPerStep) return;
  if (late_ * 2 > answers_) {
    limit_ = std::max(limit_ / 2, kLeast);
  } else if (under_way_ >= limit_) {
    ++limit_;
  }
  answers_ = late_ = 0;
}

}  // namespace sluice::cache
