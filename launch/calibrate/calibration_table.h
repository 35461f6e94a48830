// What a calibration found, for people: recall by layer as a table and as a picture.
#pragma once

#include <string>

#include "engine/model/config.h"
#include "engine/selection/calibration.h"
#include "launch/calibrate/calibration_run.h"

namespace gemring {

/// One line a layer: recall of all its heads summed, and of its best one. `*` where all heads reach the target.
std::string recall_table(const Calibration& found, double target);

/// What was chosen, how sure that is, and what the others would cost: the other kind of profile, and other windows.
std::string verdict(const CalibrationOutcome& outcome, const ModelConfig& config, double target);

/// The table as an SVG: recall over layers, all heads and the best one, and the target.
std::string recall_picture(const Calibration& found, double target, const std::string& title);

}  // namespace gemring
