#include <fmt/format.h>

#include <map>
#include <string>

#include "engine/base/error.h"
#include "engine/base/format.h"
#include "launch/commands/commands.h"
#include "launch/output/text_output.h"
#include "launch/prompts/model.h"

namespace gemring {
namespace {

std::string tensor_lines(const TensorSource& weights) {
  struct Sum {
    std::uint64_t tensors = 0, bytes = 0;
  };
  std::map<std::string_view, Sum> types;
  std::uint64_t parameters = 0, bytes = 0;
  for (const TensorInfo& info : weights.tensors()) {
    Sum& sum = types[name(info.type)];
    ++sum.tensors;
    sum.bytes += info.bytes;
    bytes += info.bytes;
    parameters += info.bytes / block_bytes(info.type) * block_elements(info.type);
  }
  std::string text = fmt::format("tensors        {} ({} parameters, {} bytes)\n", weights.tensors().size(),
                                 grouped(parameters), grouped(bytes));
  for (const auto& [type, sum] : types) {
    text += fmt::format("               {} {} tensors, {} bytes\n", type, sum.tensors, grouped(sum.bytes));
  }
  return text;
}

std::string config_lines(const ModelConfig& config) {
  std::string end_tokens;
  for (const TokenId id : config.end_tokens) end_tokens += fmt::format(" {}", id.value());
  return fmt::format(
      "family         {}\n"
      "layers         {}\n"
      "hidden         {}\n"
      "attention      {} query heads, {} key and value heads of {}\n"
      "ffn            {}\n"
      "vocabulary     {}, {} embeddings\n"
      "positions      {}\n"
      "RoPE           {}\n"
      "end tokens    {}\n",
      config.family, config.layer_count(), config.hidden, config.heads, config.kv_heads, config.head_dim, config.ffn,
      config.vocab, config.tied_embeddings ? "tied" : "untied", config.max_positions, describe(config.ropes),
      end_tokens.empty() ? " none" : end_tokens);
}

}  // namespace

int run_inspect(const Job& job, const Options& options) {
  const OpenModel model = open_model(job, options);
  const std::optional<Tokenizer> tokenizer = open_tokenizer(job, model.name, /*needed=*/true);
  agreed_on_first(job, [&] {
    const FilterLayer filter =
        choose_filter_layer(std::nullopt, load_profile_filter_layer(options.model_directory), model.config);
    std::string text = fmt::format("model          {}\n", model.name) + config_lines(model.config);
    text += tensor_lines(*model.weights);
    text += tokenizer ? fmt::format("tokenizer      {} ids\n", tokenizer->size())
                      : std::string("tokenizer      none: prompts must be token ids\n");
    text += fmt::format("filter layer   {} ({})\n", filter.layer.value(), filter.source);
    text += fmt::format("fingerprint    {}\n", fingerprint_text(model.weights->fingerprint()));
    write_result(text);
  });
  return 0;
}

}  // namespace gemring
