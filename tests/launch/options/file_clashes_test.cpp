#include "launch/options/file_clashes.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "engine/base/error.h"
#include "tests/launch/options/parsing.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

using test::contains;
using test::usage_problem;

class FileClashes : public testing::Test {
 protected:
  std::string problem(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {"generate", "--model", model_};
    words.insert(words.end(), more.begin(), more.end());
    return usage_problem(words);
  }

  test::TemporaryDirectory directory_;
  const std::string model_ = directory_.file("model");
  const std::string text_ = directory_.write("text", "x");
};

TEST_F(FileClashes, AnOutputThatIsAnInputOfTheSameRunIsRefusedNamingBoth) {
  for (const std::string input : {"--prompt-file", "--prompt-ids", "--requests", "--cluster"}) {
    for (const std::string output : {"--json", "--trace"}) {
      const std::string said = problem({input, text_, output, text_});
      EXPECT_TRUE(contains(said, output + ": " + text_ + " is a file that " + input + " reads")) << said;
    }
  }
  const std::string said = usage_problem({"logits", "--model", model_, "--prompt-ids", text_, "--output", text_});
  EXPECT_TRUE(contains(said, "--output: " + text_ + " is a file that --prompt-ids reads")) << said;
}

TEST_F(FileClashes, AFileIsTheSameByWhateverName) {
  std::filesystem::create_hard_link(text_, directory_.file("hard"));
  std::filesystem::create_symlink("text", directory_.file("soft"));
  for (const char* name : {"hard", "soft", "./text"}) {
    const std::string said = problem({"--prompt-file", text_, "--json", directory_.file(name)});
    EXPECT_TRUE(contains(said, "that --prompt-file reads")) << name << ": " << said;
  }
  const std::string said = problem({"--prompt", "x", "--json", text_, "--trace", directory_.file("hard")});
  EXPECT_TRUE(contains(said, "writes too")) << said;
}

TEST_F(FileClashes, TwoOutputsAreNeverOneFileThoughItIsNotThereYet) {
  std::filesystem::create_symlink("new", directory_.file("link"));
  std::filesystem::create_symlink("link", directory_.file("link to a link"));
  std::filesystem::create_directory(directory_.file("folder"));
  for (const OptionDescription& one : option_table()) {
    for (const OptionDescription& other : option_table()) {
      if (one.file != FileUse::output || other.file != FileUse::output || one.name == other.name) continue;
      for (const Command command : one.commands) {
        if (!other.belongs_to(command)) continue;
        for (const char* name : {"new", "./new", "folder/../new", "link", "link to a link"}) {
          const std::vector<GivenOption> given = {{&one, {directory_.file("new")}, false},
                                                  {&other, {directory_.file(name)}, false}};
          EXPECT_THROW(refuse_clashing_files(given, false), UsageError)
              << one.name << ", " << other.name << ": " << name;
        }
        const std::vector<GivenOption> apart = {{&one, {directory_.file("new")}, false},
                                                {&other, {directory_.file("other")}, false}};
        EXPECT_NO_THROW(refuse_clashing_files(apart, false)) << one.name << ", " << other.name;
      }
    }
  }
  EXPECT_TRUE(contains(problem({"--prompt", "x", "--json", directory_.file("new"), "--trace", directory_.file("new")}),
                       "writes too"));
}

TEST_F(FileClashes, AnOutputDirectoryIsItsCommandsAlone) {
  const auto problem_of_eval = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"eval", "qa", "--model", model_, "--output", directory_.file("out")};
    words.insert(words.end(), more.begin(), more.end());
    return usage_problem(words);
  };
  EXPECT_EQ(problem_of_eval({"--trace", directory_.file("trace"), "--questions", text_}), "no error");
  for (const std::string option : {"--trace", "--questions", "--model"}) {
    const std::string inside = directory_.file("out/../out/cases.jsonl");
    EXPECT_EQ(problem_of_eval({option, inside}),
              "--output: " + directory_.file("out") + " is where " + option + " " + inside + " lies");
  }
  EXPECT_TRUE(contains(problem_of_eval({"--model", directory_.file("out")}), "is where --model"));
}

TEST_F(FileClashes, FilesOfTheModelAreInputs) {
  std::filesystem::create_directory(model_);
  for (const char* name : {"model/config.json", "model/tokenizer.json", "model/model-00001-of-00002.safetensors",
                           "model/model.safetensors.index.json", "model/chat_template.jinja"}) {
    const std::string said = problem({"--prompt", "x", "--json", directory_.write(name, "{}")});
    EXPECT_TRUE(contains(said, "is a file that --model reads")) << name << ": " << said;
  }
  EXPECT_EQ(problem({"--prompt", "x", "--json", directory_.write("model/report.json", "{}")}), "no error");
  EXPECT_EQ(problem({"--prompt", "x", "--json", directory_.file("model/gemring.json")}), "no error") << "it is new";

  const std::string gguf = directory_.write("m-00001-of-00002.gguf", "");
  for (const char* name : {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf", "gemring.json"}) {
    const std::string said =
        usage_problem({"generate", "-m", gguf, "--prompt", "x", "--json", directory_.write(name, "")});
    EXPECT_TRUE(contains(said, "is a file that --model reads")) << name << ": " << said;
  }
}

TEST_F(FileClashes, WhatIsNotReplacedMayBeNamedTwice) {
  EXPECT_EQ(problem({"--prompt-file", "/dev/null", "--json", "/dev/null"}), "no error");
  EXPECT_EQ(problem({"--prompt-file", text_, "--json", directory_.write("other", "x")}), "no error");
}

}  // namespace
}  // namespace gemring
