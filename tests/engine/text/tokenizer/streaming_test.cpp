#include <gtest/gtest.h>

#include "tests/engine/text/tokenizer/tiny_tokenizer.h"

namespace gemring {
namespace {

std::vector<std::string> stream(const Tokenizer& tokenizer, const std::vector<int>& values) {
  StreamingDecoder decoder(tokenizer);
  std::vector<std::string> parts;
  for (TokenId id : tokens(values)) parts.push_back(decoder.push(id));
  parts.push_back(decoder.finish());
  return parts;
}

using Parts = std::vector<std::string>;

TEST(StreamingDecoder, AnEmojiInFourTokensComesWithTheLast) {
  EXPECT_EQ(stream(load(tiny_tokenizer({})), {'a', 0xF0, 0x9F, 0x98, 0x80, 'b'}),
            (Parts{"a", "", "", "", "😀", "b", ""}));
}

TEST(StreamingDecoder, ATokenMayEndOneCharacterAndBeginTheNext) {
  // Byte 0xA9 is '©' in the byte alphabet, 0xC3 'Ã'; token 256 is their merge: the end of é and the beginning of
  // another.
  EXPECT_EQ(stream(load(tiny_tokenizer({"© Ã"})), {0xC3, 256, 0xA8}), (Parts{"", "é", "è", ""}));
}

TEST(StreamingDecoder, WhatCanNoLongerBecomeWholeIsReplacedAtOnce) {
  EXPECT_EQ(stream(load(tiny_tokenizer({})), {0xF0, 0x9F, 'x'}), (Parts{"", "", "\uFFFDx", ""}));
  EXPECT_EQ(stream(load(tiny_tokenizer({})), {0xFF}), (Parts{"\uFFFD", ""}));
}

TEST(StreamingDecoder, AnIncompleteEndIsReplacedByFinish) {
  EXPECT_EQ(stream(load(tiny_tokenizer({})), {'a', 0xE2, 0x82}), (Parts{"a", "", "", "\uFFFD"}));
}

TEST(StreamingDecoder, SpecialTokensGiveNoText) {
  nlohmann::json file = tiny_tokenizer({});
  file["added_tokens"] = json_array({added_token(300, "<|end|>")});
  EXPECT_EQ(stream(load(file), {'a', 300}), (Parts{"a", "", ""}));
}

TEST(StreamingDecoder, TheJoinedPartsAreWhatDecodeGives) {
  const Tokenizer tokenizer = load(tiny_tokenizer({"© Ã"}));
  const std::vector<int> values = {'a', 0xC3, 256, 'b', 0xE2, 0x82, 0xAC, 0xF0, 0x9F, 0xFF, 'c', 0xF0};
  std::string joined;
  for (const std::string& part : stream(tokenizer, values)) joined += part;
  EXPECT_EQ(joined, tokenizer.decode(tokens(values)));
}

}  // namespace
}  // namespace gemring
