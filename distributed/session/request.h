// A request, its result, and the report of the run that it was in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "distributed/session/cancel.h"
#include "distributed/session/stored_reading.h"
#include "engine/base/error.h"
#include "engine/base/types.h"
#include "engine/generation/sampler.h"
#include "engine/generation/stop_rules.h"
#include "engine/selection/fitted_selection.h"
#include "engine/selection/selection.h"

namespace gemring {

/// Of scores and logits that are no numbers.
inline constexpr const char* kOverflowAdvice =
    "the model overflows on this prompt, or its weights are damaged: try --compute f32 --message-type f32, and report "
    "it if that helps";

/// Called on rank 0 from time to time: phase, tokens (or layers x tokens) done and in all.
using ProgressCallback = std::function<void(std::string_view phase, double done, double total)>;

/// Wall time of one phase on one rank ("filter", "select", "prefill", "decode"), all requests together.
struct PhaseReport {
  RankId rank;
  std::string name;
  double seconds = 0;
  double wait_seconds = 0;  // of these, waiting for other ranks
  std::uint64_t bytes_sent = 0;
  double transfer_seconds = 0;  // with messages of data under way, in or out
  double exposed_seconds = 0;   // of these, waiting for them

  double compute_seconds() const { return seconds - wait_seconds; }
  /// Of the time that messages take, the share in which the rank computed; 1 where there were none.
  double hidden_share() const {
    return transfer_seconds > 0 ? std::clamp(1 - exposed_seconds / transfer_seconds, 0.0, 1.0) : 1;
  }
};

struct RankReport {
  RankId rank;
  std::string host;
  std::int32_t threads = 0;
  std::uint64_t peak_rss_bytes = 0;
};

/// Phases and ranks of all, in order of rank.
struct JobReport {
  std::vector<PhaseReport> phases;
  std::vector<RankReport> ranks;
};

/// Complete on rank 0; other ranks have `phases` and `ranks` only.
struct GenerationResult {
  std::int32_t prompt_tokens = 0;
  std::vector<TokenId> generated_ids;  // the end token included where one came
  StopReason stop_reason = StopReason::none;
  std::optional<Error> error;          // why it failed (StopReason::failed); what was generated before stays
  std::vector<OriginalPosition> kept;  // all positions where no filter pass ran
  std::int32_t read_tokens = 0;        // of the prompt's by the model that answers: the kept ones, in its vocabulary
  std::int32_t reused_tokens = 0;      // of the prompt's, which the filter had read before
  std::vector<float> scores;           // before pooling, one per prompt token; empty where no filter pass ran
  std::vector<PhaseReport> phases;
  std::vector<RankReport> ranks;
  double time_to_first_token_seconds = 0;  // from the moment it was taken up; 0 where none came
  double filter_seconds = 0;               // of these, until its tokens were selected; 0 where no filter pass ran
  double seconds = 0;                      // until its end
  double prefill_tokens_per_second = 0;    // prompt tokens over time to first token
  double decode_tokens_per_second = 0;     // tokens after the first over their time; 0 where there are none
  std::vector<float> logits;               // of the last positions, where they were asked for
};

struct GenerationRequest {
  std::vector<TokenId> prompt;  // rank 0's counts; elsewhere empty
  ResolvedSelection selection;  // Method::gemfilter only
  /// Where the model that answers has another vocabulary than the one that filters: what it reads of the kept tokens of
  /// `prompt`, which are the filter's then, while selection.keep counts what is read. Called on rank 0, by the thread
  /// that computes. Empty: it reads the kept tokens.
  Rereading reading = {};
  SamplingOptions sampling;
  StopRules stop;
  std::size_t known_tokens = 0;         // ids from here on are never sampled; 0: the whole vocabulary
  std::vector<TokenId> unknown_tokens;  // nor are these: ids below without a token

  /// Of a text that was read before, elsewhere: the ranks take it where they have less of the prompt. Or nullptr.
  std::shared_ptr<ReadingSource> stored = nullptr;
  /// Where what the ranks keep of the prompt behind its filter pass goes as well. Or nullptr.
  std::shared_ptr<ReadingSink> store = nullptr;
  /// It ends behind its filter pass, with kept tokens and scores and no answer; at once where it has none: all is kept.
  bool only_filters = false;

  /// Refused by its source: it takes its turn among the results, with this error, and nothing of it runs.
  std::optional<Error> refused = std::nullopt;
  std::shared_ptr<CancelHandle> cancel = nullptr;  // where somebody may cancel it

  // All on rank 0, any may be empty. stop.ends_text is called by the coordinator's thread; these are called by one
  // thread of the run (delivery.h), in the order in which things happened (progress first, and its latest state only),
  // and may take as long as they like: no rank waits for them. What one throws ends the run.
  std::function<void(TokenId)> on_token = {};         // as each token comes
  std::function<void(GenerationResult)> on_end = {};  // its own figures; phases and ranks are of the whole run
  ProgressCallback on_progress = {};

  /// Whether a filter pass goes before the prefill, with Method::gemfilter.
  bool is_filtered() const { return reading || !selection.keeps_everything(static_cast<std::int32_t>(prompt.size())); }
};

}  // namespace gemring
