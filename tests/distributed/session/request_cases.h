// Requests of several kinds, small enough for the golden models. Header only.
#pragma once

#include <cstdint>
#include <vector>

#include "distributed/session/request.h"

namespace gemring::test {

inline std::vector<TokenId> prompt_of(std::int32_t tokens, std::int32_t seed) {
  std::vector<TokenId> ids;
  for (std::int32_t i = 0; i < tokens; ++i) ids.emplace_back((i * (7 + 2 * seed) + 31 * seed) % 300 + 3);
  return ids;
}

/// Prompts that are filtered and prompts that are not, of several lengths, greedy and drawn.
inline std::vector<GenerationRequest> mixed_requests() {
  struct Asked {
    std::int32_t tokens, keep, new_tokens;
    float temperature;
  };
  std::vector<GenerationRequest> requests;
  for (const Asked& asked : {Asked{131, 50, 9, 0.0f}, Asked{40, 50, 14, 0.8f}, Asked{97, 24, 1, 0.0f},
                             Asked{211, 70, 6, 1.1f}, Asked{1, 50, 5, 0.0f}, Asked{60, 20, 12, 0.7f}}) {
    GenerationRequest request;
    request.prompt = prompt_of(asked.tokens, static_cast<std::int32_t>(requests.size()));
    request.selection = {.keep = asked.keep,
                         .pool_width = 5,
                         .forced = merged({{0, 4}, {asked.tokens - 6, asked.tokens}}, asked.tokens)};
    request.sampling = {.temperature = asked.temperature, .top_k = 40, .top_p = 0.95f, .seed = requests.size()};
    request.stop = {.end_tokens = {}, .max_new_tokens = asked.new_tokens, .ignore_end_tokens = false};
    requests.push_back(std::move(request));
  }
  return requests;
}

}  // namespace gemring::test
