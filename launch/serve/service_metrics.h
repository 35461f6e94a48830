// What a service counts, in the text format of Prometheus (version 0.0.4). Names and meanings are those of vLLM where
// it has them, with gemring_ in front.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "launch/serve/api/answer_shape.h"

namespace gemring {

/// Cumulative counts below bounds, as Prometheus wants them.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size()) {}
  void add(double value);
  std::string text(const std::string& name, const std::string& help, const std::string& labels) const;

 private:
  std::vector<double> bounds_;
  std::vector<std::uint64_t> counts_;  // of values up to each bound
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

/// Of one thread.
class ServiceMetrics {
 public:
  explicit ServiceMetrics(std::string model) : model_(std::move(model)) {}

  void count_answer(const FinishedAnswer& answer);
  void count_end(const std::string& reason) { ++ends_[reason]; }  // "stop", "length", "cancelled", "error", "refused"

  std::string text(std::size_t running, std::size_t waiting) const;

 private:
  static std::vector<double> seconds() { return {.01, .03, .1, .3, 1, 3, 10, 30, 100, 300, 1000, 3000}; }
  static std::vector<double> tokens() { return {16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576}; }

  std::string model_;
  std::map<std::string, std::uint64_t> ends_;
  std::uint64_t prompt_ = 0, cached_ = 0, kept_ = 0, generated_ = 0;
  Histogram first_token_{seconds()}, all_{seconds()}, queue_{seconds()}, filter_{seconds()}, decode_{seconds()};
  Histogram prompt_tokens_{tokens()}, generated_tokens_{tokens()};
};

}  // namespace gemring
