#include "launch/cluster/plan_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "distributed/plan/prediction_report.h"
#include "launch/output/proto_json.h"
#include "proto/cluster.pb.h"
#include "proto/plan.pb.h"

namespace gemring {
namespace {

/// Of the member that is `rank`; 0 where it is none.
double share_of(const std::vector<RankId>& group, const Shares& shares, RankId rank) {
  const auto found = std::find(group.begin(), group.end(), rank);
  if (found == group.end()) return 0;
  if (shares.empty()) return 1.0 / static_cast<double>(group.size());
  return shares[static_cast<std::size_t>(found - group.begin())] /
         static_cast<double>(std::accumulate(shares.begin(), shares.end(), std::int64_t{0}));
}

void write_rank(const PlannedRun& run, const RankCost& cost, bool has_seconds, proto::PlannedRank& to) {
  const RankId rank = cost.rank;
  to.set_rank(rank.value());
  to.set_threads(run.threads);
  to.set_filters(run.plan.filters(rank));
  to.set_stage(-1);
  to.set_filter_share(share_of(run.plan.filter_group, run.plan.filter_shares, rank));
  if (const auto stage = run.plan.stage_of(rank)) {
    const StagePlan& of = run.plan.stages[*stage];
    to.set_stage(static_cast<std::int32_t>(*stage));
    to.set_first_layer(of.first_layer.value());
    to.set_layers(of.layers());
    to.set_stage_share(share_of(of.ranks, of.shares, rank));
  }
  to.set_weights_bytes(static_cast<double>(cost.weights_bytes));
  to.set_peak_bytes(static_cast<double>(cost.total_bytes));
  to.set_filter_bytes_sent(cost.bytes_sent_filter);
  to.set_prefill_bytes_sent(cost.bytes_sent_prefill);
  to.set_decode_bytes_sent(cost.bytes_sent_decode_per_token);
  if (!has_seconds) return;
  const PlacedRank& place = run.machines.ranks[rank.index()];
  to.set_host(run.machines.hosts[place.host].name);
  to.set_threads(place.threads);
  const RankSeconds& seconds = run.prediction.ranks[rank.index()];
  to.set_filter_seconds(seconds.filter);
  to.set_prefill_seconds(seconds.prefill);
  to.set_decode_seconds(seconds.decode_per_token);
}

void write_run(const PlannedRun& run, bool has_seconds, proto::PlanReport& to) {
  to.set_shape(describe_shape(run));
  to.set_ranks_total(run.plan.ranks);
  to.set_ranks_per_host(run.ranks_per_host);
  to.set_threads_per_rank(run.threads);
  to.set_method(run.plan.method == Method::full ? "full" : "gemfilter");
  to.set_tokens(run.inputs.prompt_tokens);
  to.set_keep(run.inputs.pass_tokens(run.plan.method));
  to.set_new_tokens(run.inputs.max_new_tokens);
  to.set_fits(run.fits);
  for (const RankCost& cost : run.costs) write_rank(run, cost, has_seconds, *to.add_ranks());
  if (!has_seconds) return;
  const auto add = [&](const char* name, const PhaseSeconds& phase, const char* limit) {
    proto::PlannedPhase& made = *to.add_phases();
    made.set_name(name);
    made.set_seconds(phase.seconds);
    made.set_message_seconds(phase.exposed);
    made.set_limit(limit_of(phase, limit));
  };
  add("filter", run.prediction.filter, "compute");
  add("select", run.prediction.select, "compute");
  add("prefill", run.prediction.prefill, "compute");
  add("decode", run.prediction.decode_per_token, "memory bandwidth");
  to.set_first_token_seconds(run.prediction.first_token());
  to.set_total_seconds(run.seconds());
}

void write_group(const GroupSpec& group, proto::Group& to) {
  if (group.symbol == GroupSpec::Symbol::first) to.set_symbol("first");
  if (group.symbol == GroupSpec::Symbol::rest) to.set_symbol("rest");
  if (group.symbol == GroupSpec::Symbol::all) to.set_symbol("all");
  for (const RankId rank : group.ranks) to.add_ranks(rank.value());
  for (const std::int32_t share : group.shares) to.add_shares(share);
}

double bytes_sent(const PlannedRun& run) {
  double sum = 0;
  for (const RankCost& cost : run.costs) {
    sum += cost.bytes_sent_filter + cost.bytes_sent_prefill +
           (run.inputs.max_new_tokens - 1) * cost.bytes_sent_decode_per_token;
  }
  return sum;
}

std::size_t hosts_of(const PlannedRun& run) {
  std::set<std::size_t> hosts;
  for (const PlacedRank& rank : run.machines.ranks) hosts.insert(rank.host);
  return hosts.size();
}

}  // namespace

std::string plan_json(const PlannedRun& run, bool has_seconds, const std::optional<PlannedRun>& recommended) {
  proto::PlanReport report;
  write_run(run, has_seconds, report);
  if (recommended) {
    write_run(*recommended, true, *report.mutable_recommended());
    report.mutable_recommended()->set_cluster(groups_json(recommended->spec));
  }
  return json_line(report);
}

std::string groups_json(const ClusterSpec& spec) {
  proto::Cluster cluster;
  if (spec.filter) write_group(*spec.filter, *cluster.mutable_filter());
  for (const StageSpec& stage : spec.stages) {
    proto::StageGroup& made = *cluster.add_stages();
    write_group(stage.group, *made.mutable_group());
    made.set_cut(stage.cut);
    made.set_layers(stage.layers);
  }
  cluster.set_chunk_length(spec.chunk_length);
  return short_json(cluster);
}

void compare_with_first(std::vector<SimulatedRun>& runs) {
  if (runs.empty()) return;
  const PlannedRun& first = runs.front().run;
  for (SimulatedRun& each : runs) {
    const double times = static_cast<double>(each.run.plan.ranks) / first.plan.ranks;
    const double tokens = static_cast<double>(each.run.inputs.prompt_tokens) / first.inputs.prompt_tokens;
    const double faster = first.seconds() / each.run.seconds();
    each.speed_up = faster * tokens;
    each.efficiency = each.scaling == "weak" ? faster : each.speed_up / times;
  }
}

std::string limit_of_run(const PlannedRun& run) {
  if (!run.fits) return "memory";
  const Prediction& made = run.prediction;
  const double decoded = run.inputs.max_new_tokens - 1;
  std::map<std::string, double> seconds;
  for (const PhaseSeconds& phase : {made.filter, made.select, made.prefill}) {
    seconds["compute"] += phase.seconds - phase.exposed;
    seconds["links"] += phase.exposed;
  }
  seconds["memory bandwidth"] += decoded * (made.decode_per_token.seconds - made.decode_per_token.exposed);
  seconds["links"] += decoded * made.decode_per_token.exposed;
  return std::max_element(seconds.begin(), seconds.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

std::string simulation_table(const std::vector<SimulatedRun>& runs) {
  if (runs.empty()) return "";
  std::string text = fmt::format(
      "{} scaling\n"
      "{:>5} {:>5} {:>7} {:>9} {:>11} {:>11} {:>11} {:>11} {:>11} {:>8} {:>10} {:>9} {:>9}  {:<17}{}\n",
      runs.front().scaling, "ranks", "hosts", "threads", "tokens", "filter pass", "prefill", "a new token",
      "first token", "whole", "speed-up", "efficiency", "MB sent", "MB/rank", "limit", "plan");
  for (const SimulatedRun& each : runs) {
    const Prediction& made = each.run.prediction;
    text += fmt::format(
        "{:>5} {:>5} {:>7} {:>9} {:>11} {:>11} {:>11} {:>11} {:>11} {:>8.2f} {:>10.3f} {:>9.1f} {:>9.0f}  {:<17}{}\n",
        each.run.plan.ranks, hosts_of(each.run), each.run.threads, each.run.inputs.prompt_tokens,
        seconds_text(made.filter.seconds), seconds_text(made.prefill.seconds),
        seconds_text(made.decode_per_token.seconds), seconds_text(made.first_token()), seconds_text(each.run.seconds()),
        each.speed_up, each.efficiency, bytes_sent(each.run) * 1e-6, static_cast<double>(each.run.peak_bytes()) * 1e-6,
        limit_of_run(each.run), describe_shape(each.run));
  }
  return text;
}

std::string simulation_lines(const std::vector<SimulatedRun>& runs) {
  std::string lines;
  for (const SimulatedRun& each : runs) {
    proto::SimulatedPoint point;
    const Prediction& made = each.run.prediction;
    point.set_scaling(each.scaling);
    point.set_ranks(each.run.plan.ranks);
    point.set_hosts(static_cast<std::int32_t>(hosts_of(each.run)));
    point.set_threads_per_rank(each.run.threads);
    point.set_tokens(each.run.inputs.prompt_tokens);
    point.set_keep(each.run.inputs.pass_tokens(each.run.plan.method));
    point.set_shape(describe_shape(each.run));
    point.set_filter_seconds(made.filter.seconds);
    point.set_prefill_seconds(made.prefill.seconds);
    point.set_decode_seconds(made.decode_per_token.seconds);
    point.set_first_token_seconds(made.first_token());
    point.set_total_seconds(each.run.seconds());
    point.set_speed_up(each.speed_up);
    point.set_efficiency(each.efficiency);
    point.set_peak_bytes(static_cast<double>(each.run.peak_bytes()));
    point.set_bytes_sent(bytes_sent(each.run));
    point.set_limit(limit_of_run(each.run));
    point.set_fits(each.run.fits);
    lines += json_line(point);
  }
  return lines;
}

}  // namespace gemring
