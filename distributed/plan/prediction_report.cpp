#include "distributed/plan/prediction_report.h"

#include <fmt/format.h>

namespace gemring {

std::string seconds_text(double seconds) {
  if (seconds == 0) return "0";
  if (seconds < 0.1) return fmt::format("{:.2f} ms", seconds * 1e3);
  return seconds < 100 ? fmt::format("{:.3f} s", seconds) : fmt::format("{:.1f} s", seconds);
}

std::string limit_of(const PhaseSeconds& phase, const std::string& else_limit) {
  if (phase.seconds == 0) return "-";
  return phase.exposed > 0.5 * phase.seconds ? "links" : else_limit;
}

std::string describe_prediction(const PlannedRun& run) {
  const Prediction& made = run.prediction;
  std::string text =
      "predicted seconds of work (the rest of a phase a rank waits)\n"
      "rank  host             threads   speed filter pass     prefill  per new token\n";
  for (std::size_t rank = 0; rank < made.ranks.size(); ++rank) {
    const PlacedRank& place = run.machines.ranks[rank];
    text += fmt::format("{:<5} {:<16} {:>7} {:>7.2f} {:>11} {:>11} {:>14}\n", rank, run.machines.hosts[place.host].name,
                        place.threads, place.speed, seconds_text(made.ranks[rank].filter),
                        seconds_text(made.ranks[rank].prefill), seconds_text(made.ranks[rank].decode_per_token));
  }
  text += "predicted phases         seconds  of it messages  limit\n";
  const auto line = [&](const char* name, const PhaseSeconds& phase, const char* limit) {
    text += fmt::format("  {:<18} {:>11} {:>15}  {}\n", name, seconds_text(phase.seconds), seconds_text(phase.exposed),
                        limit_of(phase, limit));
  };
  line("filter pass", made.filter, "compute");
  line("select", made.select, "compute");
  line("prefill", made.prefill, "compute");
  line("per new token", made.decode_per_token, "memory bandwidth");
  text += fmt::format("  {:<18} {:>11}\n  {:<18} {:>11}\n", "first token", seconds_text(made.first_token()),
                      fmt::format("{} tokens", run.inputs.max_new_tokens), seconds_text(run.seconds()));
  return text;
}

}  // namespace gemring
