// GemFilter's own function on its own scores (tests/data/golden/README.md): the same positions.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/selection/selection.h"

namespace gemring {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

// A safetensors file of our own: u64 length of the header, JSON header, data. The tests of engine/weights check the
// format.
class GoldenTensors {
 public:
  explicit GoldenTensors(const std::string& path) : content_(read_file(path)) {
    std::uint64_t length = 0;
    std::memcpy(&length, content_.data(), sizeof length);
    header_ = nlohmann::json::parse(content_.substr(sizeof length, length));
    data_ = sizeof length + length;
  }

  template <class Value>
  std::vector<Value> get(const std::string& name) const {
    const auto& offsets = header_.at(name).at("data_offsets");
    const auto begin = offsets[0].get<std::size_t>(), end = offsets[1].get<std::size_t>();
    std::vector<Value> values((end - begin) / sizeof(Value));
    std::memcpy(values.data(), content_.data() + data_ + begin, end - begin);
    return values;
  }

 private:
  std::string content_;
  nlohmann::json header_;
  std::size_t data_ = 0;
};

class GoldenSelection : public testing::TestWithParam<const char*> {};

TEST_P(GoldenSelection, KeepsThePositionsThatGemFilterKeeps) {
  const std::string folder = std::string(GEMRING_TEST_DATA) + "/golden/" + GetParam();
  const GoldenTensors golden(folder + "/gemfilter.safetensors");
  const auto cases = nlohmann::json::parse(read_file(folder + "/gemfilter.json")).at("cases");
  ASSERT_GE(cases.size(), 9u);
  for (const auto& one : cases) {
    const auto key = one.at("key").get<std::string>();
    const auto scores = golden.get<float>(key + ".scores");
    SelectionOptions options;
    options.policy = SelectionPolicy::paper;
    options.keep = one.at("k").get<std::int32_t>();
    const auto n = static_cast<std::int32_t>(scores.size());
    std::vector<std::int64_t> kept;
    for (OriginalPosition position : select_positions(scores, resolve(options, n, std::nullopt))) {
      kept.push_back(position.value());
    }
    EXPECT_EQ(kept, golden.get<std::int64_t>(key + ".indices")) << key;
  }
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, GoldenSelection, testing::Values("llama-2", "llama-3.1", "smollm2"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::erase_if(name, [](char c) { return c == '-' || c == '.'; });
                           return name;
                         });

}  // namespace
}  // namespace gemring
