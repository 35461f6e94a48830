// The options of `gemring launch` that are its own; the others are those of `gemring generate`.
#pragma once

#include <string>
#include <vector>

#include "launch/options/option_builder.h"
#include "launch/options/options.h"

namespace gemring {

void add_launch(Builder& add, CLI::App& app, Options& options);

/// Takes the first "--" away, which may part launch's own options from those of the request.
void without_separator(std::vector<std::string>& arguments);

/// Throws UsageError: see check_job_options(); a job without a prompt, since it has no standard input.
void check_launch(const Options& options);

}  // namespace gemring
