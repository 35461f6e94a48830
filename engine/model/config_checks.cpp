#include "engine/model/config_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/model/rope.h"

namespace gemring {
namespace {

constexpr std::int32_t kMaxLayers = 10'000;   // published models have up to a few hundred
constexpr std::int32_t kMaxHeadDim = 65'536;  // and heads of up to 256

[[noreturn]] void refuse_figures(const std::string& file, const std::string& problem) {
  throw ModelFileError({file, problem, "the file is damaged or another program's; download it again"});
}

}  // namespace

std::vector<LayerShape> layers_alike(std::int32_t count, const LayerShape& shape, const std::string& file) {
  if (count > kMaxLayers) refuse_figures(file, fmt::format("{} layers; at most {} are accepted", count, kMaxLayers));
  return std::vector<LayerShape>(static_cast<std::size_t>(count), shape);
}

void check_shape(const ModelConfig& model, const std::string& file, bool head_dim_is_derived) {
  const auto refuse = [&](const std::string& problem) { refuse_figures(file, problem); };
  if (model.heads % model.kv_heads != 0) {
    refuse(fmt::format("{} key and value heads; they must divide the {} query heads", model.kv_heads, model.heads));
  }
  if (head_dim_is_derived && model.hidden % model.heads != 0) {
    refuse(fmt::format("without a head_dim the hidden size, {}, must be a multiple of the number of heads, {}",
                       model.hidden, model.heads));
  }
  if (model.head_dim % 2 != 0) {
    refuse(fmt::format("heads are {} wide; the rotary embedding needs an even width", model.head_dim));
  }
  const std::int64_t query_width = std::int64_t{model.heads} * model.head_dim;
  if (query_width > std::numeric_limits<std::int32_t>::max()) {
    refuse(fmt::format("{} heads of {} are {} wide together, beyond 2147483647", model.heads, model.head_dim,
                       query_width));
  }
}

void check_numbers(const ModelConfig& model, const std::string& file) {
  const auto refuse = [&](const std::string& problem) { refuse_figures(file, problem); };
  if (model.head_dim > kMaxHeadDim)
    refuse(fmt::format("heads are {} wide; at most {} are accepted", model.head_dim, kMaxHeadDim));
  if (!std::isfinite(model.norm_epsilon)) refuse("the epsilon of the norms is beyond f32");
  for (const RopeConfig& rope : model.ropes) {
    bool finite = std::isfinite(static_cast<float>(rope.attention_factor));
    for (const std::int32_t pass_tokens : {1, std::numeric_limits<std::int32_t>::max()}) {  // both lists of longrope
      for (const float frequency : inverse_frequencies(rope, model.head_dim, pass_tokens))
        finite = finite && std::isfinite(frequency * static_cast<float>(model.max_positions));
    }
    if (!finite) refuse(fmt::format("the rotary embedding, {}, gives angles or factors beyond f32", describe(rope)));
  }
}

void add_end_token(std::uint64_t id, const std::string& file, ModelConfig& model) {
  if (id >= static_cast<std::uint64_t>(model.vocab)) {
    log_warn("{}: end token {} is beyond the vocabulary of {} and never comes", file, id, model.vocab);
    return;
  }
  const TokenId token(static_cast<std::int32_t>(id));
  auto& known = model.end_tokens;
  if (std::find(known.begin(), known.end(), token) == known.end()) known.push_back(token);
}

}  // namespace gemring
