// Texts that begin alike: what was read is not read again, and the scores have the same bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "distributed/session/session.h"
#include "distributed/session/stored_reading.h"
#include "distributed/session/text_directory.h"
#include "engine/weights/safetensors/checkpoint.h"
#include "tests/distributed/session/golden_data.h"
#include "tests/distributed/session/request_cases.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

constexpr std::int32_t kShortChunk = 32;

std::vector<TokenId> joined(std::vector<TokenId> text, std::int32_t from_text, std::int32_t tokens, unsigned seed) {
  text.resize(static_cast<std::size_t>(from_text));
  const std::vector<TokenId> more = test::prompt_of(tokens, seed);
  text.insert(text.end(), more.begin(), more.end());
  return text;
}

class KeptReadings : public testing::Test {
 protected:
  static FilterProfile profile() {
    FilterProfile profile;
    profile.queries = 3;
    profile.heads = {{LayerIndex(1), 3}, {LayerIndex(3), 0}};
    profile.window = 17;
    profile.sinks = 4;
    return profile;
  }

  static GenerationRequest asking(std::vector<TokenId> prompt) {
    GenerationRequest request = test::mixed_requests().front();
    request.prompt = std::move(prompt);
    request.selection = {.keep = 20};
    request.stop.max_new_tokens = 2;
    return request;
  }

  ComputeOptions options(std::uint64_t index_bytes, DataType kv_type) const {
    ComputeOptions options;
    options.kv_type = kv_type;
    options.filter_chunk = kShortChunk;
    options.index_bytes = index_bytes;
    return options;
  }

  /// Rank 0's results of one rank alone that keeps nothing.
  std::vector<GenerationResult> expected_of(const std::vector<GenerationRequest>& requests, DataType kv_type) {
    const auto one = one_rank_communicator();
    Session session(*one, config_, *weights_, default_plan(1, Method::gemfilter, config_.layer_count()), profile(),
                    options(0, kv_type));
    std::vector<GenerationResult> results;
    for (const GenerationRequest& request : requests) results.push_back(session.generate(request));
    return results;
  }

  std::string folder_ = std::string(GEMRING_TEST_DATA) + "/golden/llama-3.1";
  ModelConfig config_ = load_model_config(folder_);
  std::unique_ptr<TensorSource> weights_ = open_checkpoint(folder_);
};

// A text of 230 tokens with a question of 20, another one of 37, another text, the first 140 tokens with a question
// of 20, and the first prompt going on. 32 tokens ask: whole chunks before them are kept, and can be gone on from
// behind every fourth.
TEST_F(KeptReadings, AreNotReadAgainAndScoreAlikeOnAnyRanks) {
  const std::vector<TokenId> text = test::prompt_of(230, 3);
  const std::vector<TokenId> first = joined(text, 230, 20, 5);
  const std::vector<GenerationRequest> requests = {asking(first),
                                                   asking(joined(text, 230, 37, 6)),
                                                   asking(test::prompt_of(200, 9)),
                                                   asking(joined(text, 140, 20, 7)),
                                                   asking(joined(first, 250, 90, 8)),
                                                   asking(joined(first, 250, 90, 8))};
  const std::vector<std::int32_t> reused = {0, 192, 0, 128, 224, 288};
  for (const DataType kv_type : {DataType::f32, DataType::bf16}) {
    const std::vector<GenerationResult> expected = expected_of(requests, kv_type);
    for (const auto& [name, plan] : test::plans(world().size(), Method::gemfilter, config_.layer_count())) {
      for (const std::int32_t sequences : {1, 2}) {
        Session session(world(), config_, *weights_, plan, profile(), options(1 << 30, kv_type));
        const std::vector<GenerationResult> got = session.generate(requests, sequences);
        if (world().member() != 0) continue;
        for (std::size_t i = 0; i < requests.size(); ++i) {
          EXPECT_EQ(got[i].reused_tokens, reused[i]) << name << ", request " << i;
          EXPECT_EQ(got[i].scores, expected[i].scores) << name << ", request " << i;
          EXPECT_EQ(got[i].generated_ids, expected[i].generated_ids) << name << ", request " << i;
        }
      }
    }
  }
}

TEST_F(KeptReadings, HaveToFitIntoTheirMemory) {
  const std::vector<TokenId> text = test::prompt_of(230, 3);
  std::vector<GenerationRequest> requests = {asking(joined(text, 230, 20, 5)), asking(joined(text, 230, 37, 6))};
  const std::vector<GenerationResult> expected = expected_of(requests, DataType::f32);
  for (const auto& [name, plan] : test::plans(world().size(), Method::gemfilter, config_.layer_count())) {
    Session session(world(), config_, *weights_, plan, profile(), options(100, DataType::f32));
    const std::vector<GenerationResult> got = session.generate(requests, 1);
    if (world().member() != 0) continue;
    EXPECT_EQ(got[1].reused_tokens, 0) << name;
    EXPECT_EQ(got[1].scores, expected[1].scores) << name;
  }
}

TEST_F(KeptReadings, OfACancelledPassThereAreNone) {
  const std::vector<TokenId> text = test::prompt_of(430, 3);
  for (const auto& [name, plan] : test::plans(world().size(), Method::gemfilter, config_.layer_count())) {
    Session session(world(), config_, *weights_, plan, profile(), options(1 << 30, DataType::f32));
    std::vector<GenerationRequest> requests = {asking(joined(text, 430, 70, 5)), asking(joined(text, 430, 20, 6)),
                                               asking(joined(text, 430, 40, 7))};
    if (world().member() == 0) {
      requests[0].cancel = std::make_shared<CancelHandle>();
      requests[0].on_progress = [cancel = requests[0].cancel](std::string_view, double, double) { cancel->cancel(); };
    }
    const std::vector<GenerationResult> results = session.generate(requests, 1);
    if (world().member() != 0) continue;
    EXPECT_EQ(results[0].stop_reason, StopReason::cancelled) << name;
    EXPECT_EQ(results[1].reused_tokens, 0) << name;
    EXPECT_EQ(results[2].reused_tokens, 416) << name;
    EXPECT_EQ(results[2].scores, expected_of({requests[2]}, DataType::f32)[0].scores) << name;
  }
}

/// A reading in memory.
struct Shelf final : ReadingSink, ReadingSource {
  void begin(const ReadText& text) override { text_ = text; }
  void write(std::span<const std::byte> bytes) override { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void end() override { ended = true; }
  const ReadText& text() const override { return text_; }
  void rewind() override { at_ = 0; }
  void read(std::span<std::byte> bytes) override {
    ASSERT_LE(at_ + bytes.size(), bytes_.size());
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), bytes.size(), bytes.begin());
    at_ += bytes.size();
  }

  ReadText text_;
  std::vector<std::byte> bytes_;
  std::size_t at_ = 0;
  bool ended = false;
};

// Chunks of 32: of 250 tokens, of which 32 ask, six are kept, with halos behind the fourth and the last.
TEST_F(KeptReadings, AreStoredAlikeByAnyRanksAndRestoredOnAnyOthers) {
  const std::vector<TokenId> text = test::prompt_of(230, 3);
  const GenerationRequest first = asking(joined(text, 230, 20, 5));
  const std::vector<GenerationRequest> later = {asking(joined(text, 230, 37, 6)), asking(joined(text, 140, 20, 7))};
  for (const DataType kv_type : {DataType::f32, DataType::bf16}) {
    const std::vector<GenerationResult> expected = expected_of(later, kv_type);
    const auto one = one_rank_communicator();
    Session alone(*one, config_, *weights_, default_plan(1, Method::gemfilter, config_.layer_count()), profile(),
                  options(1 << 30, kv_type));
    GenerationRequest reads = first;
    const auto of_one = std::make_shared<Shelf>();
    reads.store = of_one;
    reads.only_filters = true;
    const GenerationResult read = alone.generate(reads);
    EXPECT_TRUE(of_one->ended && read.generated_ids.empty() && read.kept.size() == 20);
    EXPECT_EQ(of_one->text_.ids, std::vector<TokenId>(text.begin(), text.begin() + 192));
    for (const auto& [name, plan] : test::plans(world().size(), Method::gemfilter, config_.layer_count())) {
      Session stores(world(), config_, *weights_, plan, profile(), options(1 << 30, kv_type));
      const auto shelf = std::make_shared<Shelf>();
      GenerationRequest request = first;
      if (world().member() == 0) request.store = shelf;
      stores.generate(request);
      EXPECT_TRUE(world().member() != 0 || (shelf->ended && shelf->bytes_ == of_one->bytes_)) << name;

      Session takes(world(), config_, *weights_, plan, profile(), options(1 << 30, kv_type));
      std::vector<GenerationRequest> requests = later;
      for (GenerationRequest& one_of : requests) one_of.stored = world().member() == 0 ? of_one : nullptr;
      const std::vector<GenerationResult> got = takes.generate(requests, 1);
      if (world().member() != 0) continue;
      const std::vector<std::int32_t> reused = {192, 128};
      for (std::size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i].reused_tokens, reused[i]) << name;
        EXPECT_EQ(got[i].scores, expected[i].scores) << name;
        EXPECT_EQ(got[i].generated_ids, expected[i].generated_ids) << name;
      }
    }
  }
}

TEST_F(KeptReadings, ThatNobodyHasRoomForAreNeitherStoredNorRestored) {
  const auto shelf = std::make_shared<Shelf>();
  shelf->text_.ids = test::prompt_of(192, 3);
  GenerationRequest request = asking(joined(test::prompt_of(230, 3), 230, 20, 5));
  if (world().member() == 0) {
    request.store = shelf;
    request.stored = shelf;
  }
  for (const std::uint64_t room : {0, 100, 1 << 30}) {  // with room its positions turn keys otherwise
    Session session(world(), config_, *weights_, default_plan(world().size(), Method::gemfilter, config_.layer_count()),
                    profile(), options(room, DataType::f32));
    const GenerationResult got = session.generate(request);
    if (world().member() != 0) continue;
    EXPECT_EQ(got.reused_tokens, 0);
    EXPECT_EQ(shelf->ended, room > 100);
  }
}

std::vector<TokenId> ids(std::initializer_list<int> values) {
  std::vector<TokenId> all;
  for (const int value : values) all.emplace_back(value);
  return all;
}

/// Chunks of two tokens, ten bytes each.
TextDirectory directory(std::size_t budget) {
  return TextDirectory({.chunk = 2, .budget = budget, .bytes_of = [](std::int32_t chunks) {
                          return static_cast<std::size_t>(10 * chunks);
                        }});
}

TEST(TextDirectory, FindsWholeChunksOfWhatBeginsAlike) {
  TextDirectory texts = directory(1000);
  std::vector<std::uint64_t> drop;
  EXPECT_EQ(texts.find(ids({1, 2, 3, 4, 5}), 5, 7).reading, 0U);
  const std::uint64_t kept = texts.keep(ids({1, 2, 3, 4, 5, 6, 7}), 3, 7, drop);
  EXPECT_NE(kept, 0U);
  EXPECT_EQ(texts.bytes(), 30U);
  const TextDirectory::Found found = texts.find(ids({1, 2, 3, 4, 5, 6, 9, 9}), 8, 7);
  EXPECT_EQ(found.reading, kept);
  EXPECT_EQ(found.chunks, 3);
  EXPECT_EQ(texts.find(ids({1, 2, 3, 4, 5, 6, 9, 9}), 8, 8).chunks, 0);  // positions turn keys otherwise
  EXPECT_EQ(texts.find(ids({1, 2, 3, 4, 5, 9, 9, 9}), 8, 7).chunks, 0);  // no halos behind chunk 2
  EXPECT_EQ(texts.find(ids({1, 2, 3, 4, 5, 6, 9, 9}), 5, 7).chunks, 0);  // its question begins in chunk 2
  EXPECT_TRUE(drop.empty());
}

TEST(TextDirectory, AReadingBehindEveryFourthChunkCanBeGoneOnFrom) {
  TextDirectory texts = directory(1000);
  std::vector<std::uint64_t> drop;
  texts.keep(ids({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}), 6, 0, drop);
  EXPECT_EQ(texts.find(ids({1, 2, 3, 4, 5, 6, 7, 8, 9, 99, 99}), 11, 0).chunks, 4);
}

TEST(TextDirectory, WhatIsThereIsNotKeptTwiceAndWhatIsAPartGoes) {
  TextDirectory texts = directory(1000);
  std::vector<std::uint64_t> drop;
  const std::uint64_t first = texts.keep(ids({1, 2, 3, 4, 9}), 2, 0, drop);
  EXPECT_EQ(texts.keep(ids({1, 2, 3, 4, 8, 8}), 2, 0, drop), 0U);
  EXPECT_TRUE(drop.empty());
  EXPECT_NE(texts.keep(ids({1, 2, 3, 4, 5, 6, 7}), 3, 0, drop), 0U);
  EXPECT_EQ(drop, std::vector<std::uint64_t>{first});
  EXPECT_EQ(texts.bytes(), 30U);
}

TEST(TextDirectory, WhatWasUsedLongestAgoGoesFirst) {
  TextDirectory texts = directory(50);
  std::vector<std::uint64_t> drop;
  const std::uint64_t one = texts.keep(ids({1, 1, 1, 1}), 2, 0, drop), two = texts.keep(ids({2, 2, 2, 2}), 2, 0, drop);
  EXPECT_EQ(texts.find(ids({1, 1, 1, 1, 5}), 5, 0).reading, one);
  texts.keep(ids({3, 3, 3, 3}), 2, 0, drop);
  EXPECT_EQ(drop, std::vector<std::uint64_t>{two});
  EXPECT_EQ(texts.keep(std::vector<TokenId>(12, TokenId(4)), 6, 0, drop), 0U);  // more than there is room for at all
  EXPECT_EQ(texts.size(), 2U);
}

}  // namespace
}  // namespace gemring
