// The options --requests and --parallel.
#pragma once

#include "launch/options/option_builder.h"
#include "launch/options/options.h"

namespace gemring {

void add_requests(Builder& add, RequestsOptions& requests);
void add_parallel(Builder& add, RequestsOptions& requests);  // of `gemring plan`

/// Throws UsageError: a number out of range, --parallel without --requests.
void check_requests(const Options& options);

}  // namespace gemring
