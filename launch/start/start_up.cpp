#include "launch/start/start_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "distributed/comm/agreement.h"
#include "distributed/comm/control.h"
#include "engine/base/error.h"
#include "engine/base/process.h"
#include "engine/kernels/blas_info.h"
#include "engine/kernels/probe.h"
#include "launch/options/environment.h"
#include "launch/options/option_words.h"
#include "launch/options/options_message.h"
#include "launch/start/pinning.h"
#include "launch/start/version.h"

namespace gemring {
namespace {

struct ComputeFacts {  // of one rank
  int isa = 0;
  std::string blas_core;
  std::string host;
  int core_source = 0;
  std::vector<int> cores;
  double quota = 0;
  std::string quota_group;
  int most_threads = 0;
  std::string most_threads_from;
  bool prefers_bf16 = false;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& isa& blas_core& host& core_source& cores& quota& quota_group& most_threads& most_threads_from&
        prefers_bf16;
  }
};

struct CommandLineMessage {
  int kind = 0;
  std::string text;
  OptionsMessage options;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& kind& text& options;
  }
};

std::string joined(const std::vector<std::string>& arguments) {
  std::string text;
  for (const std::string& argument : arguments) text += (text.empty() ? "" : " ") + argument;
  return text;
}

/// A long command line (a prompt in it) is shown from a little before the place where the two part.
std::string around(const std::string& text, std::size_t difference) {
  constexpr std::size_t kBefore = 40, kShown = 120;
  const std::size_t begin = text.size() <= kShown || difference < kBefore ? 0 : difference - kBefore;
  const std::size_t shown = std::min(kShown, text.size() - std::min(begin, text.size()));
  return fmt::format("{}{}{}", begin > 0 ? "..." : "", text.substr(std::min(begin, text.size()), shown),
                     begin + shown < text.size() ? "..." : "");
}

void log_placements(const std::vector<Placement>& placements, const std::vector<std::string>& hosts) {
  std::set<std::string> warnings;
  for (std::size_t i = 0; i < placements.size(); ++i) {
    log_info("rank {} on {}: {}", i, hosts[i], placements[i].reason);
    if (!placements[i].warning.empty()) warnings.insert(fmt::format("{}: {}", hosts[i], placements[i].warning));
  }
  for (const std::string& warning : warnings) log_warn("{}", warning);
}

void log_kernels(Isa isa, Compute compute, const std::vector<ComputeFacts>& ranks) {
  log_info(
      "kernels {}; products of many tokens in {}, with weights in blocks in {}, of one token in {}; OpenBLAS core type "
      "{}",
      name(isa), name(compute.many), name(compute.many_blocks), name(compute.few), ranks[0].blas_core);
  for (std::size_t i = 1; i < ranks.size(); ++i) {
    if (ranks[i].blas_core == ranks[0].blas_core) continue;
    log_warn(
        "OpenBLAS picked core type {} on rank {} ({}) and {} on rank 0: results may differ in the last bits; "
        "export OPENBLAS_CORETYPE to all ranks to make them alike",
        ranks[i].blas_core, i, ranks[i].host, ranks[0].blas_core);
  }
}

}  // namespace

void require_equal(const std::vector<std::string>& values, const std::vector<std::string>& hosts,
                   const std::string& what, const std::string& advice) {
  const std::string& first = values.at(0);
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (values[i] == first) continue;
    const auto parting = static_cast<std::size_t>(
        std::mismatch(first.begin(), first.end(), values[i].begin(), values[i].end()).first - first.begin());
    throw AgreedError(ExitCode::peer,
                      {fmt::format("rank {} on {}", i, hosts.at(i)),
                       fmt::format("its {} is '{}', rank 0's on {} is '{}'", what, around(values[i], parting),
                                   hosts.at(0), around(first, parting)),
                       advice},
                      RankId(i), hosts.at(i));
  }
}

Job join_job(Communicator& world, const std::vector<std::string>& arguments, std::vector<std::string> environment) {
  const std::vector<std::string> mine = {host_name(), program_version(),
                                         joined(without_secrets(option_table(), arguments))};
  std::vector<std::string> hosts, versions, command_lines;
  for (std::vector<std::string>& rank : all_gather_control(world, mine)) {
    hosts.push_back(std::move(rank.at(0)));
    versions.push_back(std::move(rank.at(1)));
    command_lines.push_back(std::move(rank.at(2)));
  }
  require_equal(versions, hosts, "version of gemring", "install the same version on every machine");
  require_equal(command_lines, hosts, "command line", "start every rank with the same command line");
  return {world, std::move(environment), std::move(hosts)};
}

ParsedCommandLine agree_on_options(const Job& job, const std::vector<std::string>& arguments) {
  ParsedCommandLine line;
  CommandLineMessage message;
  agreed_on_first(job, [&] {
    line = parse_command_line(arguments);
    message = {static_cast<int>(line.kind), line.text, to_message(option_table(), line.options)};
  });
  broadcast_control(job.world, message, 0);
  if (!job.first()) {
    line.kind = static_cast<ParsedCommandLine::Kind>(message.kind);
    line.text = message.text;
    line.options = from_message(option_table(), message.options);
  }
  if (line.kind != ParsedCommandLine::Kind::run) return line;
  configure_log(line.options.output.log, job.rank(), job.host());
  if (!job.first()) return line;
  for (const std::string& name : unknown_variables(job.environment, option_variables())) {
    log_warn("{} is set and is no option of gemring: it changes nothing", name);
  }
  for (const std::string& warning : line.warnings) log_warn("{}", warning);
  for (const std::string& note : line.notes) log_info("{}", note);
  return line;
}

Isa choose_isa(const std::vector<Isa>& detected, const std::vector<std::string>& hosts, const std::string& wanted) {
  const auto weakest = std::min_element(detected.begin(), detected.end());
  if (wanted.empty()) return *weakest;
  const std::optional<Isa> isa = parse_isa(wanted);
  if (!isa) {
    throw UsageError(
        {"GEMRING_ISA", fmt::format("'{}' is no instruction set", wanted), fmt::format("use {}", isa_names())});
  }
  if (*isa <= *weakest) return *isa;
  const auto rank = static_cast<std::size_t>(weakest - detected.begin());
  throw ConfigError(
      {"GEMRING_ISA",
       fmt::format("asks for {}, and rank {} on {} has {} at most", wanted, rank, hosts.at(rank), name(*weakest)),
       "unset GEMRING_ISA: the best set that all ranks have is taken"});
}

bool prefers_bf16(const RunOptions& options) {
  const bool has_it = detected_isa() == Isa::avx512bf16 || (detected_isa() > Isa::avx512bf16 && !options.isa.empty());
  return has_it && bf16_is_faster();
}

void use_kernels(const std::vector<Isa>& detected, const std::vector<std::string>& hosts, const RunOptions& options,
                 bool bf16_is_faster) {
  const Isa isa = choose_isa(detected, hosts, options.isa);
  const Compute compute = choose_compute(options.compute, isa, bf16_is_faster);
  set_active_isa(isa);
  set_active_compute(compute);
}

Placement prepare_compute(const Job& job, const RunOptions& options) {
  make_blas_single_threaded();
  RankCores mine;
  agreed(job, [&] { mine = look_at_cores(job.environment); });
  const std::vector<ComputeFacts> ranks = all_gather_control(
      job.world, ComputeFacts{static_cast<int>(detected_isa()), blas_core_name(), mine.host,
                              static_cast<int>(mine.source), mine.cores, mine.quota, mine.quota_group,
                              mine.most_threads, mine.most_threads_from, prefers_bf16(options)});
  std::vector<Isa> detected;
  std::vector<RankCores> cores;
  bool all_prefer_bf16 = true;
  for (const ComputeFacts& rank : ranks) {
    detected.push_back(static_cast<Isa>(rank.isa));
    all_prefer_bf16 = all_prefer_bf16 && rank.prefers_bf16;
    cores.push_back({rank.host, static_cast<CoreSource>(rank.core_source), rank.cores, rank.quota, rank.quota_group,
                     rank.most_threads, rank.most_threads_from});
  }
  agreed(job, [&] { use_kernels(detected, job.hosts, options, all_prefer_bf16); });
  const std::vector<Placement> placements = place(cores, {options.threads, options.omp_threads});
  const Placement& own = placements[static_cast<std::size_t>(job.world.member())];
  apply(own);
  if (job.first()) {
    log_kernels(active_isa(), active_compute(), ranks);
    log_placements(placements, job.hosts);
  }
  return own;
}

}  // namespace gemring
