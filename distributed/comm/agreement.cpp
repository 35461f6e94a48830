#include "distributed/comm/agreement.h"

#include <optional>

#include "distributed/comm/control.h"
#include "engine/base/process.h"

namespace gemring {
namespace {

struct Outcome {
  bool failed = false;
  int code = 0;
  std::string where;
  std::string problem;
  std::string advice;
  std::int32_t rank = 0;
  std::string host;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& failed& code& where& problem& advice& rank& host;
  }
};

Outcome failure(const Error& error, RankId rank, std::string host) {
  const ErrorText& text = error.text();
  return {true, static_cast<int>(error.code()), text.where, text.problem, text.advice, rank.value(), std::move(host)};
}

Outcome run(Communicator& group, const std::function<void()>& step) {
  const RankId rank = group.world_rank(group.member());
  try {
    step();
    return {};
  } catch (const AgreedError& error) {
    return failure(error, error.rank(), error.host());
  } catch (const std::exception& error) {
    return failure(as_error(error), rank, host_name());
  }
}

}  // namespace

void agree_on_errors(Communicator& group, const std::function<void()>& step) {
  for (Outcome& outcome : all_gather_control(group, run(group, step))) {
    if (!outcome.failed) continue;
    throw AgreedError(static_cast<ExitCode>(outcome.code),
                      {std::move(outcome.where), std::move(outcome.problem), std::move(outcome.advice)},
                      RankId(outcome.rank), std::move(outcome.host));
  }
}

}  // namespace gemring
