#include "tests/engine/model/plain_decoder.h"

#include <algorithm>
#include <cmath>

namespace gemring::test {

using Row = PlainDecoder::Row;
using Rows = PlainDecoder::Rows;

Row PlainDecoder::norm(const Row& x, const std::string& weight) const {
  const auto& w = tensors_.values(weight);
  double squares = 0;
  for (const double value : x) squares += value * value;
  const double root = std::sqrt(squares / static_cast<double>(x.size()) + static_cast<double>(config_.norm_epsilon));
  Row out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = x[i] / root * static_cast<double>(w[i]);
  return out;
}

Row PlainDecoder::times(const std::string& weight, const Row& x) const {
  const auto& w = tensors_.values(weight);
  Row out(w.size() / x.size());
  for (std::size_t r = 0; r < out.size(); ++r) {
    for (std::size_t c = 0; c < x.size(); ++c) out[r] += static_cast<double>(w[r * x.size() + c]) * x[c];
  }
  return out;
}

Row PlainDecoder::project(const std::string& projection, const Row& x, bool has_bias) const {
  Row out = times(projection + ".weight", x);
  if (!has_bias) return out;
  const auto& bias = tensors_.values(projection + ".bias");
  for (std::size_t i = 0; i < out.size(); ++i) out[i] += static_cast<double>(bias[i]);
  return out;
}

void PlainDecoder::norm_heads(Row& heads, const std::string& weight) const {
  const auto head_dim = static_cast<std::ptrdiff_t>(config_.head_dim);
  for (auto head = heads.begin(); head != heads.end(); head += head_dim) {
    const Row normed = norm(Row(head, head + head_dim), weight);
    std::copy(normed.begin(), normed.end(), head);
  }
}

/// RoFormer, equation 34, with the pairs half a head apart: pair i turns by position * theta^(-2i / head_dim).
void PlainDecoder::rotate(Row& heads, double theta, int position) const {
  const auto head_dim = static_cast<std::size_t>(config_.head_dim);
  for (std::size_t begin = 0; begin < heads.size(); begin += head_dim) {
    for (std::size_t i = 0; i < head_dim / 2; ++i) {
      const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(head_dim);
      const double angle = position * std::pow(theta, exponent);
      const double a = heads[begin + i];
      const double b = heads[begin + i + head_dim / 2];
      heads[begin + i] = a * std::cos(angle) - b * std::sin(angle);
      heads[begin + i + head_dim / 2] = b * std::cos(angle) + a * std::sin(angle);
    }
  }
}

Row PlainDecoder::attend(const Row& q, const Rows& k, const Rows& v, std::size_t begin, std::size_t end,
                         double query_scale) const {
  const auto head_dim = static_cast<std::size_t>(config_.head_dim);
  const auto group = static_cast<std::size_t>(config_.heads / config_.kv_heads);
  Row out(q.size());
  for (std::size_t h = 0; h < q.size() / head_dim; ++h) {
    const std::size_t shared = h / group * head_dim;  // of the key head
    std::vector<double> weights(end);
    double sum = 0;
    for (std::size_t t = begin; t < end; ++t) {
      double score = 0;
      for (std::size_t d = 0; d < head_dim; ++d) score += q[h * head_dim + d] * k[t][shared + d];
      sum += weights[t] =
          std::exp(score * (query_scale == 0 ? 1 / std::sqrt(static_cast<double>(head_dim)) : query_scale));
    }
    for (std::size_t t = begin; t < end; ++t) {
      for (std::size_t d = 0; d < head_dim; ++d) out[h * head_dim + d] += weights[t] / sum * v[t][shared + d];
    }
  }
  return out;
}

Rows PlainDecoder::projected(int index, const std::string& kind, const Rows& x,
                             const std::vector<int>& positions) const {
  const std::string prefix = "model.layers." + std::to_string(index) + ".";
  const LayerShape& shape = config_.layer(LayerIndex(index));
  Rows out;
  for (std::size_t t = 0; t < x.size(); ++t) {
    out.push_back(
        project(prefix + "self_attn." + kind + "_proj", norm(x[t], prefix + "input_layernorm.weight"), shape.qkv_bias));
    if (kind == "v") continue;
    if (shape.qk_norm) norm_heads(out.back(), prefix + "self_attn." + kind + "_norm.weight");
    rotate(out.back(), config_.ropes[shape.rope].theta, positions[t]);
  }
  return out;
}

Rows PlainDecoder::layer(int index, const Rows& x, const std::vector<int>& positions) const {
  const std::string prefix = "model.layers." + std::to_string(index) + ".";
  const Rows q = projected(index, "q", x, positions);
  const Rows k = projected(index, "k", x, positions);
  const Rows v = projected(index, "v", x, positions);
  const LayerShape& shape = config_.layer(LayerIndex(index));
  Rows out = x;
  std::size_t begin = 0;
  for (std::size_t t = 0; t < x.size(); ++t) {
    Row& row = out[t];
    while (positions[t] - positions[begin] >= shape.window) ++begin;
    const Row attended =
        project(prefix + "self_attn.o_proj", attend(q[t], k, v, begin, t + 1, shape.query_scale), shape.o_bias);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] += attended[i];
    const Row normed = norm(row, prefix + "post_attention_layernorm.weight");
    Row gate = project(prefix + "mlp.gate_proj", normed, shape.mlp_bias);
    const Row up = project(prefix + "mlp.up_proj", normed, shape.mlp_bias);
    for (std::size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i] / (1 + std::exp(-gate[i]));
    const Row down = project(prefix + "mlp.down_proj", gate, shape.mlp_bias);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] += down[i];
  }
  return out;
}

Rows PlainDecoder::embed(const std::vector<int>& ids) const {
  const auto& table = tensors_.values("model.embed_tokens.weight");
  Rows out;
  for (const int id : ids) {
    const auto row = table.begin() + id * config_.hidden;
    out.emplace_back(row, row + config_.hidden);
  }
  return out;
}

Row PlainDecoder::logits(const Row& x) const {
  return times(config_.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight", norm(x, "model.norm.weight"));
}

std::vector<double> flat(const Rows& rows) {
  std::vector<double> out;
  for (const Row& row : rows) out.insert(out.end(), row.begin(), row.end());
  return out;
}

}  // namespace gemring::test
