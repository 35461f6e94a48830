// A small checkpoint in memory, with weights large enough that every part of a layer matters. Header only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/model/config.h"
#include "engine/model/tensors.h"
#include "engine/weights/tensor_source.h"
#include "tests/support/numbers.h"
#include "tests/support/stored.h"

namespace gemring::test {

class MemoryTensors final : public TensorSource {
 public:
  MemoryTensors() = default;

  /// Every tensor of the config with random numbers; norms around 1, matrices such that their outputs stay near 1.
  MemoryTensors(const ModelConfig& config, DataType type) {
    std::uint32_t seed = 100;
    for (const TensorInfo& info : expected_tensors(config, type)) {
      std::size_t count = 1;
      for (const std::int64_t extent : info.shape) count *= static_cast<std::size_t>(extent);
      const bool is_norm = info.shape.size() == 1;
      const float scale = is_norm ? 0.5f : 2.0f / std::sqrt(static_cast<float>(info.shape.back()));
      std::vector<float> values = numbers(count, ++seed, scale);
      if (is_norm)
        for (float& value : values) value += 1;
      add(info.name, info.shape, type, values);
    }
  }

  void add(const std::string& name, std::vector<std::int64_t> shape, DataType type, const std::vector<float>& values) {
    stored_.insert_or_assign(name, std::make_shared<Stored>(type, values));
    remove_info(name);
    infos_.push_back({name, type, std::move(shape), stored_.at(name)->bytes()});
    std::sort(infos_.begin(), infos_.end(), [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
  }

  void remove(const std::string& name) {
    stored_.erase(name);
    remove_info(name);
  }

  /// What is stored, as floats.
  const std::vector<float>& values(const std::string& name) const { return stored_.at(name)->values(); }

  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  std::unique_ptr<TensorData> load(const TensorInfo& info) const override {
    return std::make_unique<Data>(stored_.at(info.name));
  }
  std::string location(std::string_view) const override { return "memory"; }
  std::uint64_t fingerprint() const override { return 0; }

 private:
  struct Data final : TensorData {
    explicit Data(std::shared_ptr<const Stored> data) : stored(std::move(data)) {}
    std::span<const std::byte> bytes() const override { return {stored->data(), stored->bytes()}; }
    std::shared_ptr<const Stored> stored;
  };

  void remove_info(const std::string& name) {
    std::erase_if(infos_, [&](const TensorInfo& info) { return info.name == name; });
  }

  std::vector<TensorInfo> infos_;
  std::map<std::string, std::shared_ptr<const Stored>> stored_;
};

/// Odd sizes; head_dim is not hidden / heads, and three query heads share a key head.
inline ModelConfig tiny_config() {
  ModelConfig config;
  config.family = "llama";
  config.layers.resize(3);
  config.hidden = 20;
  config.heads = 6;
  config.kv_heads = 2;
  config.head_dim = 10;
  config.ffn = 28;
  config.vocab = 17;
  config.max_positions = 4096;
  config.norm_epsilon = 1e-3f;
  config.ropes.front().theta = 100;
  return config;
}

/// Of each layer.
inline std::vector<std::int32_t> windows(const ModelConfig& config) {
  std::vector<std::int32_t> windows;
  for (const LayerShape& layer : config.layers) windows.push_back(layer.window);
  return windows;
}

}  // namespace gemring::test
