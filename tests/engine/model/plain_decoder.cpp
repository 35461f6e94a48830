#include "tests/engine/model/plain_decoder.h"

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

/// RoFormer, equation 34, with the pairs half a head apart: pair i turns by position * theta^(-2i / head_dim).
void PlainDecoder::rotate(Row& heads, int position) const {
  const auto head_dim = static_cast<std::size_t>(config_.head_dim);
  for (std::size_t begin = 0; begin < heads.size(); begin += head_dim) {
    for (std::size_t i = 0; i < head_dim / 2; ++i) {
      const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(head_dim);
      const double angle = position * std::pow(config_.rope.theta, exponent);
      const double a = heads[begin + i];
      const double b = heads[begin + i + head_dim / 2];
      heads[begin + i] = a * std::cos(angle) - b * std::sin(angle);
      heads[begin + i + head_dim / 2] = b * std::cos(angle) + a * std::sin(angle);
    }
  }
}

Row PlainDecoder::attend(const Row& q, const Rows& k, const Rows& v, std::size_t visible) const {
  const auto head_dim = static_cast<std::size_t>(config_.head_dim);
  const auto group = static_cast<std::size_t>(config_.heads / config_.kv_heads);
  Row out(q.size());
  for (std::size_t h = 0; h < q.size() / head_dim; ++h) {
    const std::size_t shared = h / group * head_dim;  // of the key head
    std::vector<double> weights(visible);
    double sum = 0;
    for (std::size_t t = 0; t < visible; ++t) {
      double score = 0;
      for (std::size_t d = 0; d < head_dim; ++d) score += q[h * head_dim + d] * k[t][shared + d];
      sum += weights[t] = std::exp(score / std::sqrt(static_cast<double>(head_dim)));
    }
    for (std::size_t t = 0; t < visible; ++t) {
      for (std::size_t d = 0; d < head_dim; ++d) out[h * head_dim + d] += weights[t] / sum * v[t][shared + d];
    }
  }
  return out;
}

Rows PlainDecoder::projected(int index, const std::string& kind, const Rows& x,
                             const std::vector<int>& positions) const {
  const std::string prefix = "model.layers." + std::to_string(index) + ".";
  Rows out;
  for (std::size_t t = 0; t < x.size(); ++t) {
    out.push_back(times(prefix + "self_attn." + kind + "_proj.weight", norm(x[t], prefix + "input_layernorm.weight")));
    if (kind != "v") rotate(out.back(), positions[t]);
  }
  return out;
}

Rows PlainDecoder::layer(int index, const Rows& x, const std::vector<int>& positions) const {
  const std::string prefix = "model.layers." + std::to_string(index) + ".";
  const Rows q = projected(index, "q", x, positions);
  const Rows k = projected(index, "k", x, positions);
  const Rows v = projected(index, "v", x, positions);
  Rows out = x;
  for (std::size_t t = 0; t < x.size(); ++t) {
    Row& row = out[t];
    const Row attended = times(prefix + "self_attn.o_proj.weight", attend(q[t], k, v, t + 1));
    for (std::size_t i = 0; i < row.size(); ++i) row[i] += attended[i];
    const Row normed = norm(row, prefix + "post_attention_layernorm.weight");
    Row gate = times(prefix + "mlp.gate_proj.weight", normed);
    const Row up = times(prefix + "mlp.up_proj.weight", normed);
    for (std::size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i] / (1 + std::exp(-gate[i]));
    const Row down = times(prefix + "mlp.down_proj.weight", gate);
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
