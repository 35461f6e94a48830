// A line of --requests: what it says beside the command line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launch/options/option.h"
#include "launch/options/options.h"

namespace gemring {

/// What a request is made of: the command line's options, over which a line writes its own.
struct RequestLine {
  std::string id;  // echoed; empty where the line has none
  PromptOptions prompt;
  FilterOptions filter;
  GenerateOptions generate;
  /// Fields that mean nothing here: "top_k: means nothing at temperature 0 ..."; texts that are hardly meant so.
  std::vector<std::string> warnings;
};

/// Writes the fields of a JSON object over `line`. The id is there even where this throws
/// UsageError, which names the field: no JSON object, a field that is none, named twice, or of the wrong type; a value
/// out of range; none or more than one of prompt, prompt_file, prompt_ids and messages (one of the command line's
/// counts where the line has none); fields that mean nothing together. A seed of -1 is drawn. Fields are those of
/// `table` that have a request_field, which lie in the three groups of options above, and id. What is no UTF-8 is an
/// error or becomes U+FFFD, as the line's own invalid_utf8 or else the command line's says.
void read_request_line(std::string_view text, RequestLine& line, const OptionTable& table = option_table());

}  // namespace gemring
