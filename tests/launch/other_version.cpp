// Takes the place of launch/start/program_version.cpp in gemring_other_version.
#include "launch/start/version.h"

namespace gemring {

std::string program_version() {
  return "9.9.9";
}

}  // namespace gemring
