// Which filter profile a command works with.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/selection/filter_profile.h"
#include "launch/options/options.h"
#include "launch/prompts/model.h"
#include "launch/start/job.h"

namespace gemring {

struct FilterChoice {
  FilterProfile profile;
  std::string source;    // "--filter-layer", a file, a paper, "rule of thumb"
  std::string warning;   // what a user should know of it; may be empty
  bool by_rule = false;  // nobody has measured this model
};

/// In this order: --filter-layer (GemFilter as published, all else aside), --filter-profile, the file that lies with
/// the model, the user's cache (profile_cache.h), the table of known models, the rule of thumb, which warns. Checked
/// against the model. --selection paper takes only the heads of a profile that was not named, and looks at all keys. A
/// profile that was found with other weights of the same shape (another quantisation, a
/// fine-tune), or that is below what was wanted of it, warns. Reads files. Throws UsageError, ConfigError and
/// ModelFileError.
FilterChoice choose_filter(const FilterOptions& options, const OpenModel& model,
                           const std::vector<std::string>& environment);

/// Measures a model that nobody has measured. Collective.
using MeasureFilter = std::function<FilterProfile()>;

/// Rank 0's choice, on every rank; said in its log. In place of the rule of thumb comes what `measure` finds, unless it
/// is empty. With Method::full: layer 0, which nobody uses.
FilterProfile agree_on_filter(const Job& job, const Options& options, const OpenModel& model,
                              const MeasureFilter& measure = {});

/// Positions of the prompt that a filter pass of this profile can take: a windowed one never looks further than the
/// model knows.
std::int32_t filter_positions(const ModelConfig& config, const FilterProfile& profile);

}  // namespace gemring
