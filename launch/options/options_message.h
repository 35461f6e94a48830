// Options on their way from rank 0, which parses, to the others: of every value that is not the default's its place in
// the table and its texts. All ranks have the same version of the program, so the same table.
#pragma once

#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "launch/options/option.h"

namespace gemring {

struct OptionsMessage {
  std::int32_t command = 0;
  std::vector<std::int32_t> rows;               // of the table
  std::vector<std::vector<std::string>> texts;  // of each

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& command& rows& texts;
  }
};

OptionsMessage to_message(const OptionTable& table, const Options& options);

/// The same options, to the last bit.
Options from_message(const OptionTable& table, const OptionsMessage& message);

}  // namespace gemring
