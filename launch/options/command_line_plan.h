// The options of `gemring plan` and `gemring simulate`.
#pragma once

#include "launch/options/option_builder.h"
#include "launch/options/options.h"

namespace gemring {

/// Options of the plan itself; those that all commands share are command_line.cpp's.
void add_plan_options(Builder& add, Options& options);
void add_simulate_options(Builder& add, Options& options);

}  // namespace gemring
