// Measures how a checkpoint filters: what every head says of prompts whose answers are known, window by window.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/selection/calibration.h"
#include "launch/calibrate/calibration_prompts.h"
#include "launch/options/options.h"
#include "launch/prompts/model.h"
#include "launch/start/job.h"

namespace gemring {

/// Tokens of a text's beginning that a windowed pass sees from everywhere (StreamingLLM, arXiv 2309.17453).
inline constexpr std::int32_t kCalibratedSinks = 4;

/// Tokens of the text that costs are compared for.
inline constexpr std::int32_t kCostTokens = 16384;

struct CalibrationAim {
  std::vector<std::int32_t> windows;  // of the layers below the filter layer, to be compared; 0: they see all keys
  double target = 0.99;     // recall of the answers' tokens among the best sixteenth of a prompt, or 128 tokens
  std::int32_t margin = 0;  // so many layers later than the first that would do
  std::optional<std::int32_t> layers = {};  // measured, from the first on; unset: all
};

/// Of one window.
struct WindowCalibration {
  std::int32_t window = 0;
  Calibration found;  // its profiles have that window
};

/// On rank 0; elsewhere `reached` only.
struct CalibrationOutcome {
  std::vector<WindowCalibration> windows;  // in the order of the aim
  std::size_t chosen = 0;                  // of these: the cheapest that reaches the target, else the best
  bool reached = false;
  double flop_per_second = 0;  // of the passes; 0: none was made, all were there already

  const Calibration& best() const { return windows.at(chosen).found; }
};

/// FLOP that a filter pass of this profile takes for so many tokens: what "cheapest" means. Layers count most, then the
/// window, then the heads.
double filter_pass_flop(const ModelConfig& config, const FilterProfile& profile, std::int32_t tokens);

/// The prompts that the options ask for, by seed. On rank 0. Throws UsageError, ConfigError (longer than the model's
/// positions).
std::vector<CalibrationPrompt> calibration_prompts(const Options& options, const OpenModel& model,
                                                   const Tokenizer& tokenizer);

/// Collective: all ranks filter, with all layers, whose weights are mapped meanwhile. `prompts`: rank 0's, at least
/// two. One pass for each prompt and window; progress with an estimate. Throws AgreedError (not enough memory).
CalibrationOutcome calibrate_model(const Job& job, const Options& options, const OpenModel& model,
                                   const std::vector<CalibrationPrompt>& prompts, const CalibrationAim& aim);

/// The profile of an outcome with what people want to know of it. `prompts`: "24 prompts of 2,048 tokens".
FilterProfile finished_profile(const CalibrationOutcome& outcome, const OpenModel& model, const CalibrationAim& aim,
                               const std::string& prompts);

/// Tokens of the quick form's prompts: 2,048, or what the model's positions leave; 0 where that is too little to tell
/// anything of long texts.
std::int32_t quick_calibration_tokens(const ModelConfig& config);

/// The quick form, for a model that nobody has measured: 16 prompts of 2,048 tokens from the bundled book, a window of
/// 1,024, seven tenths of the layers,
/// a layer of margin. Collective; the result is on every rank, and in the cache of rank 0's user. `tokenizer`: rank
/// 0's. Requires: quick_calibration_tokens() is not 0.
FilterProfile calibrate_on_the_spot(const Job& job, const Options& options, const OpenModel& model,
                                    const Tokenizer* tokenizer);

}  // namespace gemring
