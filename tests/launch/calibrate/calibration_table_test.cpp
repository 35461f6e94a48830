#include "launch/calibrate/calibration_table.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

Calibration example() {
  Calibration found;
  found.layers = {{0.25, 0.5, 3}, {1, 0.75, 0}};
  found.best = {gemfilter_profile(LayerIndex(1)), 1, 0.995};
  found.runner_up = {gemfilter_profile(LayerIndex(0)), 0.5, 0.25};
  found.reached = true;
  return found;
}

TEST(CalibrationTable, HasALineForEachLayerAndMarksThoseThatReachTheTarget) {
  EXPECT_EQ(recall_table(example(), 0.99),
            "layer   all heads   best head\n"
            "    0       0.250       0.500 (0/3)\n"
            "    1       1.000 *     0.750 (1/0)\n");
}

TEST(CalibrationTable, TheVerdictSaysWhetherTheTargetWasReached) {
  Calibration found = example();
  EXPECT_TRUE(verdict(found, 0.99).starts_with("chosen     layer 1: 1 layers below it read the whole text"));
  found.reached = false;
  EXPECT_NE(verdict(found, 0.99).find("nothing keeps 0.990"), std::string::npos);
}

TEST(CalibrationTable, ThePictureIsAnSvgWithBothLines) {
  const std::string svg = recall_picture(example(), 0.99, "a <model> & more");
  EXPECT_TRUE(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
  EXPECT_NE(svg.find("a &lt;model> &amp; more"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

}  // namespace
}  // namespace gemring
