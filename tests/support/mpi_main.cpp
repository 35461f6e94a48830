// GoogleTest's main under mpirun: rank 0 prints; what fails on another rank is shown by rank 0 with that rank's number.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "distributed/comm/mpi_session.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

Communicator* world_of_this_run = nullptr;

/// After each test every other rank sends rank 0 its failures, in a group of its own, so that a test which left
/// messages behind does not confuse the report.
class FailureReporter final : public testing::EmptyTestEventListener {
 public:
  explicit FailureReporter(std::unique_ptr<Communicator> group) : group_(std::move(group)) {}

  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    const char* file = result.file_name() == nullptr ? "unknown file" : result.file_name();
    failures_ += fmt::format("{}:{}: {}\n", file, result.line_number(), result.message());
  }

  void OnTestEnd(const testing::TestInfo& info) override {
    const std::string failures = std::exchange(failures_, {});
    const bool failed = !failures.empty();
    if (group_->member() == 0) {
      collect(info, failed);
    } else {
      report(info, failures);
    }
  }

 private:
  void collect(const testing::TestInfo& info, bool failed_here) {
    for (int rank = 1; rank < group_->size(); ++rank) {
      std::uint64_t size = 0;
      finish(receive(*group_, std::span(&size, 1), rank, MessageKind::control), info,
             failed_here ? "rank 0 failed" : "");
      std::string failures(size, '\0');
      finish(receive(*group_, std::span(failures), rank, MessageKind::control), info, "");
      if (size > 0) {
        std::printf("[  FAILED  ] %s.%s on rank %d:\n%s", info.test_suite_name(), info.name(), rank, failures.c_str());
      }
    }
    std::fflush(stdout);
    for (int rank = 1; rank < group_->size(); ++rank) group_->send({}, rank, MessageKind::control).wait();
  }

  void report(const testing::TestInfo& info, const std::string& failures) {
    const std::uint64_t size = failures.size();
    send(*group_, std::span(&size, 1), 0, MessageKind::control).wait();
    finish(send(*group_, std::span<const char>(failures), 0, MessageKind::control), info, failures);
    finish(group_->receive({}, 0, MessageKind::control), info, failures);
  }

  /// Waits; where this rank failed and rank 0 does not come, it prints its own failures and ends the run.
  void finish(Transfer transfer, const testing::TestInfo& info, const std::string& failures) {
    if (failures.empty()) return transfer.wait();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!transfer.done()) {
      if (std::chrono::steady_clock::now() > deadline) {
        std::fprintf(stderr, "[  FAILED  ] %s.%s: rank %d failed and another rank still waits for it:\n%s\n",
                     info.test_suite_name(), info.name(), group_->member(), failures.c_str());
        group_->abort(1);
      }
      const timespec pause{0, 1'000'000};
      nanosleep(&pause, nullptr);
    }
  }

  std::unique_ptr<Communicator> group_;
  std::string failures_;
};

std::unique_ptr<Communicator> everyone(Communicator& world) {
  std::vector<int> members(static_cast<std::size_t>(world.size()));
  std::iota(members.begin(), members.end(), 0);
  return world.group(members);
}

/// The largest exit code of all ranks.
int run_tests(Communicator& world) {
  world_of_this_run = &world;
  testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
  if (world.member() != 0) {
    delete listeners.Release(listeners.default_result_printer());
    delete listeners.Release(listeners.default_xml_generator());  // one file, rank 0's
  }
  auto* reporter = new FailureReporter(everyone(world));  // GoogleTest's listeners belong to it...
  listeners.Append(reporter);
  const int own = RUN_ALL_TESTS();
  delete listeners.Release(reporter);  // ...but this one's communicator must go before MPI does
  int code = own;
  for (const auto& bytes : world.all_gather(std::as_bytes(std::span(&own, 1)))) {
    int other = 0;
    std::copy(bytes.begin(), bytes.end(), std::as_writable_bytes(std::span(&other, 1)).begin());
    code = std::max(code, other);
  }
  if (world.member() == 0 && own == 0 && code != 0) std::printf("[  FAILED  ] on other ranks, see above\n");
  return code;
}

}  // namespace

Communicator& world() {
  return *world_of_this_run;
}

}  // namespace gemring

int main(int argc, char** argv) {
  std::optional<gemring::MpiSession> session;
  if (gemring::started_by_launcher()) session.emplace(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  const auto world = session ? session->world() : gemring::one_rank_communicator();
  return gemring::run_tests(*world);
}
