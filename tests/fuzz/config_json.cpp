#include "engine/selection/profile_file.h"
#include "tests/fuzz/checks.h"
#include "tests/fuzz/entries.h"
#include "tests/fuzz/scratch.h"

namespace gemring::fuzz {

void read_config_json(std::string_view bytes) {
  static ScratchDirectory directory;
  const auto [config, generation, profile] = parts_of(bytes);
  directory.put("config.json", config);
  directory.put_or_remove("generation_config.json", generation);
  directory.put_or_remove("gemring.json", profile);
  Attempts attempt;
  attempt([&] { find_profile(directory.path()); });
  attempt([&] { check_config(load_model_config(directory.path())); });
  attempt.rethrow();
}

}  // namespace gemring::fuzz
