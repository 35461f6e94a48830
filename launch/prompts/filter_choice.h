// Which filter profile a command works with.
#pragma once

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
  std::string source;   // "--filter-layer", a file, a paper, "rule of thumb"
  std::string warning;  // what a user should know of it; may be empty
};

/// In this order: --filter-layer (GemFilter as published, all else aside), --filter-profile, the file that lies with
/// the model, the user's cache (profile_cache.h), the table of known models, the rule of thumb, which warns. Checked
/// against the model; a profile that was found with other weights of the same shape (another quantisation, a
/// fine-tune), or that is below what was wanted of it, warns. Reads files. Throws UsageError, ConfigError and ModelFileError.
FilterChoice choose_filter(const FilterOptions& options, const OpenModel& model,
                           const std::vector<std::string>& environment);

/// Rank 0's choice, on every rank; said in its log. With Method::full: layer 0, which nobody uses.
FilterProfile agree_on_filter(const Job& job, const Options& options, const OpenModel& model);

}  // namespace gemring
