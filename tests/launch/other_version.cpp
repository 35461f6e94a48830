// Takes the place of launch/program_version.cpp in gemring_other_version.
#include "launch/version.h"

namespace gemring {

std::string program_version() {
  return "9.9.9";
}

}  // namespace gemring
