// The report of `gemring generate --json`, a message of proto/inference.proto, and what people read of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "distributed/session/session.h"
#include "engine/text/tokenizer/tokenizer.h"
#include "launch/options/option_words.h"

namespace gemring {
namespace proto {
class OptionSetting;
class Phase;
class Rank;
}  // namespace proto

/// "stop", "length", "cancelled" or "error".
const char* finish_reason(StopReason reason);

/// What a report says beside the result's own figures.
struct ReportHead {
  std::string model;                        // its name
  std::uint64_t seed = 0;                   // of the random numbers
  bool interrupted = false;                 // the result is of what came so far
  std::vector<std::string> stop = {};       // texts that end the answer, and are no part of it
  std::vector<OptionSetting> options = {};  // what was asked for, without secrets
  std::string filter_model = {};            // of another model that filters: its name
  const Tokenizer* of_prompt = nullptr;     // of the prompt's tokens, where they are not the answer's
};

/// The report of a request as JSON with the proto's field names, default values printed. `tokenizer` may be nullptr:
/// texts are empty then.
std::string generation_report(const GenerationResult& result, const std::vector<TokenId>& prompt,
                              const Tokenizer* tokenizer, const ReportHead& head);

/// What was asked for, as all reports have it.
void to_proto(const OptionSetting& setting, proto::OptionSetting& out);

/// A rank, and a phase of one, as all reports have them.
void to_proto(const RankReport& rank, proto::Rank& out);
void to_proto(const PhaseReport& phase, proto::Phase& out);

/// What people read on stderr or stdout: one line per phase and rank. Hidden: of the time that messages take, the share
/// in which the rank computed.
std::string phase_table(const std::vector<PhaseReport>& phases, const std::vector<RankReport>& ranks);

/// A table to the log, each line a message of its own.
void log_lines(const std::string& table);

}  // namespace gemring
