#include "launch/measure/bench_work.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "engine/base/check.h"
#include "engine/model/tensors.h"

namespace gemring {

double flop_to_first_token(const std::vector<RankCost>& costs) {
  double flop = 0;
  for (const RankCost& cost : costs) flop += cost.filter_flop + cost.prefill_flop;
  return flop;
}

double decode_bytes(const ModelConfig& model, const std::vector<TensorInfo>& tensors, DataType kv_type,
                    std::int32_t prompt, std::int32_t steps) {
  std::map<std::string_view, const TensorInfo*> stored;
  for (const TensorInfo& tensor : tensors) stored[tensor.name] = &tensor;
  double weights = 0;
  for (const ModelTensor& tensor : model_tensors(model)) {
    const auto found = stored.find(tensor.name);
    if (found == stored.end()) continue;
    const auto bytes = static_cast<double>(found->second->bytes);
    const bool rows_by_token = tensor.role == TensorRole::embedding && !model.tied_embeddings;
    weights += rows_by_token ? bytes / model.vocab : bytes;
  }
  double keys = 0;
  for (LayerIndex layer(0); layer < LayerIndex(model.layer_count()); ++layer) {
    for (std::int32_t step = 1; step <= steps; ++step) keys += std::min(prompt + step, model.layer(layer).window);
  }
  return steps * weights + 2.0 * keys * model.kv_width() * static_cast<double>(bytes_per_element(kv_type));
}

DataType prevailing_type(const std::vector<TensorInfo>& tensors) {
  GEMRING_CHECK(!tensors.empty(), "no tensors");
  std::map<DataType, std::uint64_t> bytes;
  for (const TensorInfo& tensor : tensors) bytes[tensor.type] += tensor.bytes;
  return std::max_element(bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

}  // namespace gemring
