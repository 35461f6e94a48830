// Alone in its file: a test replaces it to see ranks of different versions refuse each other.
#include "launch/start/version.h"

namespace gemring {

std::string program_version() {
  return GEMRING_VERSION;
}

}  // namespace gemring
