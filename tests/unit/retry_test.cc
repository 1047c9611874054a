#include "source/retry.h"

#include "common/bytes.h"
#include "tests/support/fake_source.h"
#include "tests/support/matchers.h"

namespace sluice::source {
namespace {

using namespace std::chrono_literals;

// Gives `pieces` bytes per try and breaks off, until all has come.
class BreakingSource : public Source {
 public:
  explicit BreakingSource(std::string text) : text_(std::move(text)) {}
  io::Task<StatusOr<Entry>> Stat(std::string) override { co_return NotFound("no"); }
  io::Task<StatusOr<Page>> List(std::string, std::string) override { co_return NotFound("no"); }
  io::Task<Status> Read(ReadRequest request) override {
    ++tries;
    offsets.push_back(request.offset_bytes);
    const size_t count = std::min<size_t>(1000, request.target.size());
    std::memcpy(request.target.data(), text_.data() + request.offset_bytes, count);
    request.on_progress(count);
    co_return count == request.target.size() ? absl::OkStatus() : Unavailable("reset");
  }
  int tries = 0;
  std::vector<uint64_t> offsets;

 private:
  const std::string text_;
};

class RetryTest : public testing::Test {
 protected:
  io::Loop loop{false};
  Registry registry;
  SourceMetrics metrics{registry};
  RetryOptions options{.deadline = 200ms, .backoff_first = 1ms, .backoff_max = 4ms};
};

TEST_F(RetryTest, GoesOnWhereAReadBrokeOff) {
  std::string text(4500, 'x');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 / 7);
  auto breaking = std::make_unique<BreakingSource>(text);
  BreakingSource& raw = *breaking;
  RetryingSource source(std::move(breaking), options, loop, metrics);
  std::string got(text.size(), '\0');
  std::vector<size_t> progress;
  ReadRequest request;
  request.target = std::as_writable_bytes(std::span(got));
  request.on_progress = [&](size_t count) { progress.push_back(count); };
  ASSERT_OK(loop.Block(source.Read(std::move(request))));
  EXPECT_EQ(got, text);
  EXPECT_THAT(raw.offsets, testing::ElementsAre(0, 1000, 2000, 3000, 4000));
  EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));
  EXPECT_EQ(metrics.read_bytes.value(), text.size());
  EXPECT_EQ(metrics.retries.value(), 4u);
}

TEST_F(RetryTest, GivesUpAtTheDeadlineWithTheSourcesError) {
  auto fake = std::make_unique<FakeSource>(loop);
  fake->files["f"] = "text";
  fake->read_failures.assign(1000, Unavailable("down"));
  FakeSource& raw = *fake;
  RetryingSource source(std::move(fake), options, loop, metrics);
  std::string got(4, '\0');
  ReadRequest request;
  request.path = "f";
  request.target = std::as_writable_bytes(std::span(got));
  const Instant start = Clock::System().Now();
  EXPECT_TRUE(Fails(loop.Block(source.Read(std::move(request))), StatusCode::kUnavailable, "down"));
  EXPECT_LT(Clock::System().Now() - start, 5s);
  EXPECT_GT(raw.reads, 5u);
}

TEST_F(RetryTest, AnAnswerIsNotTriedAgain) {
  auto fake = std::make_unique<FakeSource>(loop);
  FakeSource& raw = *fake;
  RetryingSource source(std::move(fake), options, loop, metrics);
  EXPECT_EQ(loop.Block(source.Stat("none")).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(raw.stats, 1u);
}

}  // namespace
}  // namespace sluice::source
