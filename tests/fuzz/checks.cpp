#include "tests/fuzz/checks.h"

#include <cmath>

#include "engine/base/check.h"
#include "engine/model/rope.h"
#include "engine/model/tensors.h"

namespace gemring::fuzz {

void load_all(const TensorSource& source, std::size_t file_bytes, Attempts& attempt) {
  std::uint64_t stored = 0;
  for (const TensorInfo& info : source.tensors()) {
    GEMRING_CHECK(source.find(info.name) == &info, "tensor {} is not found", info.name);
    stored += info.bytes;
    attempt([&] {
      const auto data = source.load(info);
      GEMRING_CHECK(data->bytes().size() == info.bytes, "{} of {} bytes", data->bytes().size(), info.bytes);
    });
  }
  GEMRING_CHECK(stored <= file_bytes, "tensors of {} bytes in {}", stored, file_bytes);
}

void check_tokenizer(const Tokenizer& tokenizer, std::string_view text) {
  const Encoding encoding = tokenizer.encode(text);
  GEMRING_CHECK(encoding.ids.size() == encoding.ends.size(), "{} ids", encoding.ids.size());
  std::size_t end = 0;
  StreamingDecoder streaming(tokenizer);
  for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
    const TokenId id = encoding.ids[i];
    GEMRING_CHECK(tokenizer.exists(id), "id {} of {}", id.value(), tokenizer.size());
    GEMRING_CHECK(end <= encoding.ends[i] && encoding.ends[i] <= text.size(), "end {}", encoding.ends[i]);
    end = encoding.ends[i];
    tokenizer.bytes(id);
    streaming.push(id);
  }
  streaming.finish();
  tokenizer.decode(encoding.ids, true);
  EncodeOptions plain;
  plain.parse_special = plain.add_bos = false;
  tokenizer.decode(tokenizer.encode(text, plain).ids);
}

void check_config(const ModelConfig& config) {
  GEMRING_CHECK(!config.layers.empty() && config.heads > 0 && config.kv_heads > 0 && config.head_dim > 0, "{}",
                describe(config));
  GEMRING_CHECK(config.heads % config.kv_heads == 0 && config.head_dim % 2 == 0, "{}", describe(config));
  for (const LayerShape& layer : config.layers)
    GEMRING_CHECK(layer.rope < config.ropes.size() && layer.window > 0, "{}", describe(config));
  for (const TokenId id : config.end_tokens)
    GEMRING_CHECK(id.value() >= 0 && id.value() < config.vocab, "end {}", id.value());
  config.rule_of_thumb_filter_layer();
  if (config.layers.size() <= 16) expected_tensors(config, config.weight_type);
  for (const std::int32_t tokens : {1, 100'000}) {
    for (const RopeConfig& rope : config.ropes) {
      for (const float frequency : inverse_frequencies(rope, config.head_dim, tokens))
        GEMRING_CHECK(std::isfinite(frequency), "{}", describe(rope));
    }
  }
}

}  // namespace gemring::fuzz
