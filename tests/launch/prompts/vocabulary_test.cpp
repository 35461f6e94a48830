#include "launch/prompts/vocabulary.h"

#include <gtest/gtest.h>

#include "tests/launch/prompts/demo_tokenizer.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

using test::contains;
using test::error_of;

OpenModel model_of(const std::string& name, std::int32_t vocab) {
  OpenModel model;
  model.name = name;
  model.config.vocab = vocab;
  return model;
}

std::string problem(const OpenModel& answer, const Tokenizer* of_answer, const OpenModel& filter,
                    const Tokenizer* of_filter) {
  return error_of<ConfigError>([&] { have_one_vocabulary({answer, of_answer}, {filter, of_filter}); });
}

TEST(Vocabulary, OfEqualTokensThePaddingOfTheMatricesIsNoMatter) {
  const Tokenizer& tokenizer = test::demo_tokenizer();
  EXPECT_TRUE(have_one_vocabulary({model_of("large", 152064), &tokenizer}, {model_of("small", 151936), &tokenizer}));
}

TEST(Vocabulary, OtherTokensAreAnotherOne) {
  const Tokenizer& tokenizer = test::demo_tokenizer();
  const Tokenizer other = Tokenizer::load(std::string(GEMRING_TEST_DATA) + "/tokenizers/tekken-small");
  EXPECT_FALSE(have_one_vocabulary({model_of("large", 2048), &tokenizer}, {model_of("small", 2048), &other}));
}

TEST(Vocabulary, WithoutTokenizersSizesCount) {
  const Tokenizer& tokenizer = test::demo_tokenizer();
  EXPECT_TRUE(have_one_vocabulary({model_of("large", 320)}, {model_of("small", 320)}));
  EXPECT_TRUE(have_one_vocabulary({model_of("large", 320), &tokenizer}, {model_of("small", 320)}));
  EXPECT_TRUE(contains(problem(model_of("large", 320), nullptr, model_of("small", 321), nullptr),
                       "--filter-model: small has a vocabulary of 321 ids, large one of 320"));
}

}  // namespace
}  // namespace gemring
