// What a calibration found, for people: recall by layer as a table and as a picture.
#pragma once

#include <string>

#include "engine/selection/calibration.h"

namespace gemring {

/// One line a layer: recall of all its heads summed, and of its best one. `*` where all heads reach the target.
std::string recall_table(const Calibration& found, double target);

/// What was chosen, how sure that is, and what the runner-up would cost.
std::string verdict(const Calibration& found, double target);

/// The table as an SVG: recall over layers, all heads and the best one, and the target.
std::string recall_picture(const Calibration& found, double target, const std::string& title);

}  // namespace gemring
