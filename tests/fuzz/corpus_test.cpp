// The seeds of the fuzz targets, whole and broken, through the same functions: a file is taken or refused, nothing
// else. Under the address sanitizer this is the corpus of broken files.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/process.h"
#include "tests/fuzz/entries.h"

namespace gemring::fuzz {
namespace {

namespace fs = std::filesystem;

struct Seed {
  std::string name;
  std::string bytes;
};

std::vector<Seed> seeds_of(const Entry& entry) {
  std::vector<Seed> seeds;
  for (const auto& file : fs::directory_iterator(fs::path(GEMRING_FUZZ_CORPUS) / entry.name)) {
    std::ifstream stream(file.path(), std::ios::binary);
    seeds.push_back({file.path().filename().string(), {std::istreambuf_iterator<char>(stream), {}}});
  }
  std::sort(seeds.begin(), seeds.end(), [](const Seed& a, const Seed& b) { return a.name < b.name; });
  return seeds;
}

std::size_t open_files() {
  const fs::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class Corpus : public testing::TestWithParam<Entry> {
 protected:
  Corpus() : seeds_(seeds_of(GetParam())) {}

  std::vector<Seed> seeds_;
};

TEST_P(Corpus, SeedsAreTakenUnlessTheirNameSaysBroken) {
  ASSERT_FALSE(seeds_.empty());
  run(GetParam(), "");  // the log is off from here
  for (const Seed& seed : seeds_) {
    std::string refusal = "taken";
    try {
      GetParam().read(seed.bytes);
    } catch (const Error& error) {
      refusal = error.what();
    }
    EXPECT_EQ(refusal == "taken", !seed.name.starts_with("broken")) << seed.name << ": " << refusal;
  }
}

TEST_P(Corpus, ASeedCutAnywhereIsTakenOrRefused) {
  for (const Seed& seed : seeds_) {
    for (std::size_t length = 0; length < seed.bytes.size(); ++length) {
      ASSERT_NO_THROW(run(GetParam(), seed.bytes.substr(0, length))) << length << " bytes of " << seed.name;
    }
  }
}

TEST_P(Corpus, ASeedWithAnyByteWrongIsTakenOrRefusedInBoundedMemory) {
  for (const Seed& seed : seeds_) run(GetParam(), seed.bytes);
  const std::uint64_t memory = peak_rss_bytes();
  const std::size_t files = open_files();
  for (const Seed& seed : seeds_) {
    for (std::size_t place = 0; place < seed.bytes.size(); ++place) {
      for (const int change : {1, 128, 255}) {
        std::string bytes = seed.bytes;
        bytes[place] = static_cast<char>(bytes[place] ^ change);
        ASSERT_NO_THROW(run(GetParam(), bytes)) << seed.name << ", byte " << place << " xor " << change;
      }
    }
  }
  EXPECT_EQ(open_files(), files);
  EXPECT_LT(peak_rss_bytes(), memory + (256u << 20));
}

INSTANTIATE_TEST_SUITE_P(Formats, Corpus, testing::ValuesIn(entries().begin(), entries().end()),
                         [](const auto& entry) { return std::string(entry.param.name); });

}  // namespace
}  // namespace gemring::fuzz
