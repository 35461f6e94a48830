#include "launch/requests/request_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <vector>

#include "launch/requests/ordered_results.h"

namespace gemring {
namespace {

/// What a reader made of its input: "0 line 1: a" for a request, "1 line 3: bad" for a line that `make` refused.
class Reading {
 public:
  explicit Reading(const RequestInput& input)
      : reader_(input, {.make = [](std::string_view text, RequestPlace& place) { return make(text, place); },
                        .accept =
                            [this](const RequestPlace& place, GenerationRequest& request) {
                              note(place, request.refused ? request.refused->what() : place.id);
                            }}) {
    reader_.wake_with([this] {
      const std::lock_guard held(mutex_);
      awake_ = true;
      changed_.notify_one();
    });
  }
  ~Reading() { reader_.wake_with({}); }

  /// Takes requests until so many were noted, or all were.
  std::vector<std::string> take(std::size_t count) {
    for (;;) {
      while (notes_.size() < count && reader_.next()) continue;
      if (notes_.size() >= count || reader_.ended()) return notes_;
      std::unique_lock held(mutex_);
      changed_.wait(held, [&] { return awake_; });
      awake_ = false;
    }
  }
  bool ended() { return reader_.ended(); }

 private:
  static GenerationRequest make(std::string_view text, RequestPlace& place) {
    place.id = text;
    if (text.starts_with("bad")) throw UsageError({"line", std::string(text), ""});
    return {};
  }
  void note(const RequestPlace& place, const std::string& what) {
    notes_.push_back(std::to_string(place.index) + " line " + std::to_string(place.line) + ": " + what);
  }

  std::vector<std::string> notes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool awake_ = false;
  RequestReader reader_;
};

class RequestFile : public testing::Test {
 protected:
  std::string write(const std::string& text) {
    std::ofstream(path_) << text;
    return path_;
  }
  void TearDown() override { unlink(path_.c_str()); }

  std::string path_ = testing::TempDir() + "gemring-requests-" + std::to_string(getpid());
};

using Notes = std::vector<std::string>;

TEST_F(RequestFile, LinesComeInOrderWithTheirNumbersAndBadOnesInTheirPlace) {
  const RequestInput input(write("a\n\nbad one\n \t\r\nb"));
  EXPECT_EQ(input.count_lines(), 3u);
  Reading reading(input);
  EXPECT_EQ(reading.take(99), (Notes{"0 line 1: a", "1 line 3: line: bad one", "2 line 5: b"}));
  EXPECT_TRUE(reading.ended());
}

TEST_F(RequestFile, ManyMoreThanAreHeldAtATimeAllCome) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += i % 7 == 0 ? "bad\n" : "good\n";
  const RequestInput input(write(text));
  Reading reading(input);
  const Notes notes = reading.take(501);
  ASSERT_EQ(notes.size(), 500u);
  EXPECT_EQ(notes[499], "499 line 500: good");
}

TEST_F(RequestFile, AnEmptyFileHasNone) {
  const RequestInput input(write(""));
  EXPECT_EQ(input.count_lines(), 0u);
  Reading reading(input);
  EXPECT_EQ(reading.take(1), Notes());
}

TEST_F(RequestFile, WhatCannotBeReadIsOneError) {
  EXPECT_THROW(RequestInput("/nowhere/requests.jsonl"), UsageError);
  EXPECT_THROW(RequestInput{testing::TempDir()}, UsageError);
}

class RequestPipe : public testing::Test {
 protected:
  RequestPipe() { EXPECT_EQ(pipe(ends_), 0); }
  ~RequestPipe() override {
    if (ends_[1] >= 0) close(ends_[1]);
    close(ends_[0]);
  }
  void say(const std::string& text) const {
    EXPECT_EQ(write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  RequestInput input() const { return RequestInput("/dev/fd/" + std::to_string(ends_[0])); }

  int ends_[2] = {-1, -1};
};

TEST_F(RequestPipe, ARequestIsThereBeforeTheNextIsWritten) {
  const RequestInput input = this->input();
  EXPECT_EQ(input.count_lines(), std::nullopt);
  Reading reading(input);
  say("a\nb");
  EXPECT_EQ(reading.take(1), Notes{"0 line 1: a"});
  EXPECT_FALSE(reading.ended());
  say("\n");
  EXPECT_EQ(reading.take(2).back(), "1 line 2: b");
  close(ends_[1]);
  ends_[1] = -1;
  EXPECT_EQ(reading.take(3).size(), 2u);
}

TEST_F(RequestPipe, AReaderThatWaitsForInputCanBeLeft) {
  const RequestInput input = this->input();
  const auto start = std::chrono::steady_clock::now();
  {
    Reading reading(input);
    say("a\n");
    reading.take(1);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(RequestPipe, AReaderThatWaitsForRoomCanBeLeft) {
  const RequestInput input = this->input();
  say("a\nb\nc\nd\ne\nf\ng\nh\n");
  Reading reading(input);
  reading.take(1);
}

TEST(OrderedResults, EachIsWrittenWhenAllBeforeItAre) {
  std::string written;
  OrderedResults results([&](const std::string& line) { written += line; });
  results.put(2, "c");
  results.put(1, "b");
  EXPECT_EQ(written, "");
  EXPECT_EQ(results.waiting(), 2u);
  results.put(0, "a");
  EXPECT_EQ(written, "abc");
  results.put(3, "d");
  EXPECT_EQ(written, "abcd");
  EXPECT_EQ(results.written(), 4u);
}

}  // namespace
}  // namespace gemring
