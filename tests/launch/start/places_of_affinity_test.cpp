#include "launch/start/places_of_affinity.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

const std::vector<int> kTwo = {0, 1};

TEST(PlacesOfAffinity, AProcessorThatTheMachineDoesNotHaveMakesPlacesOfAll) {
  EXPECT_EQ(places_of_affinity("7", kTwo), "{7}");
  EXPECT_EQ(places_of_affinity("0 7", kTwo), "{0},{7}");
  EXPECT_EQ(places_of_affinity("1,0 4-8:2, 3-4", kTwo), "{1},{0},{4},{6},{8},{3},{4}");
}

TEST(PlacesOfAffinity, WhatIsUsableStaysAsItIs) {
  EXPECT_EQ(places_of_affinity("0 1", kTwo), std::nullopt);
  EXPECT_EQ(places_of_affinity("0-1:1", kTwo), std::nullopt);
  EXPECT_EQ(places_of_affinity("", kTwo), std::nullopt);
}

TEST(PlacesOfAffinity, WhatTheLibraryRefusesToReadIsLeftToIt) {
  for (const char* text : {"x", "0:1", "7-", "7-9:0", "7;", "99999", "9-8", "-7", "7 x"}) {
    EXPECT_EQ(places_of_affinity(text, kTwo), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace gemring
