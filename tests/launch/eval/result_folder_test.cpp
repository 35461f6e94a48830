#include "launch/eval/result_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/launch/eval/results.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

const EvalSettings kSettings = {{"--keep", "512"}, {"method full", "all tokens"}};

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(CaseLine, IsReadAsItWasWritten) {
  CaseResult result = test::case_result("niah_single_2", 1024, 50, "profile", 0.5);
  result.answer += "\x80 no UTF-8";
  const std::string line = case_line(result);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  const CaseResult again = parse_case_line(line, "x");
  EXPECT_EQ(case_line(again), line);
  EXPECT_EQ(again.seed, result.seed);
  EXPECT_EQ(again.depth, 50);
  EXPECT_EQ(again.references, result.references);
  CaseResult without = test::case_result("fwe", 1024, 0, "full", 1);
  without.recall.reset();
  EXPECT_EQ(parse_case_line(case_line(without), "x").recall, std::nullopt);
  EXPECT_EQ(parse_case_line(case_line(without), "x").depth, std::nullopt);
  for (const char* broken : {"{}", "[]", "", "{\"id\": 5}"}) {
    EXPECT_TRUE(test::error_of<UsageError>([&] { parse_case_line(broken, "f, line 3"); }).starts_with("f, line 3: "));
  }
}

TEST(ResultFolder, KnowsWhatIsDoneWhenItIsOpenedAgain) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.file("new/folder");
  const CaseResult first = test::case_result("niah_single_2", 1024, 50, "full", 1);
  {
    ResultFolder folder(path, kSettings);
    EXPECT_FALSE(folder.has(first.id, "full"));
    folder.append(first);
    EXPECT_EQ(contents(path + "/cases.jsonl"), case_line(first)) << "before anything is closed";
  }
  ResultFolder folder(path, kSettings);
  EXPECT_TRUE(folder.has(first.id, "full"));
  EXPECT_FALSE(folder.has(first.id, "profile"));
  folder.append(test::case_result("niah_single_2", 1024, 50, "profile", 1));
  EXPECT_EQ(folder.results().size(), 2u);
}

TEST(ResultFolder, ALineWithoutItsEndIsTakenAway) {
  const test::TemporaryDirectory directory;
  const std::string line = case_line(test::case_result("niah_single_2", 1024, 50, "full", 1));
  directory.write("cases.jsonl", line + line.substr(0, 40));
  const ResultFolder folder(directory.path(), kSettings);
  EXPECT_EQ(folder.results().size(), 1u);
  EXPECT_EQ(contents(directory.file("cases.jsonl")), line);
}

TEST(ResultFolder, OtherSettingsAreRefusedByNameAndNewOnesAdded) {
  const test::TemporaryDirectory directory;
  const auto open = [&](const EvalSettings& settings) { ResultFolder(directory.path(), settings); };
  open(kSettings);
  open({{"--keep", "512"}, {"method profile", "layer 3"}});
  EXPECT_EQ(
      test::error_of<UsageError>([&] {
        open({{"--keep", "512"}, {"method profile", "layer 4"}});
      }),
      directory.file("settings.json") +
          ": the cases there were run with method profile layer 3, and now it is layer 4 | give the same settings, "
          "or name another directory with --output");
  EXPECT_NO_THROW(open(kSettings));
}

TEST(ResultFolder, WhatIsNoFolderOfResultsIsRefused) {
  const test::TemporaryDirectory directory;
  const std::string file = directory.write("file", "x");
  EXPECT_TRUE(test::error_of<UsageError>([&] { ResultFolder(file, {}); }).starts_with("--output: " + file + ": "));
  EXPECT_TRUE(
      test::error_of<UsageError>([&] { ResultFolder("/proc/nowhere", {}); }).starts_with("--output: /proc/nowhere"));
  directory.write("cases.jsonl", "{}\n");
  EXPECT_TRUE(test::error_of<UsageError>([&] {
                ResultFolder(directory.path(), {});
              }).starts_with(directory.file("cases.jsonl") + ", line 1: is no result of a case"));
  directory.write("settings.json", "[1]");
  EXPECT_TRUE(test::error_of<UsageError>([&] {
                ResultFolder(directory.path(), {});
              }).starts_with(directory.file("settings.json") + ": is no file of settings"));
}

}  // namespace
}  // namespace gemring
