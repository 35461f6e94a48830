#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "launch/eval/task.h"
#include "tests/launch/eval/results.h"

namespace gemring {
namespace {

const Hay& hay() {
  static const Hay kHay("One two three. Four five six!\n\nSeven eight? Nine ten eleven twelve.");
  return kHay;
}

const EvalTask& task_named(const std::string& name) {
  static const std::vector<EvalTask> kTasks = ruler_tasks(hay());
  return *std::find_if(kTasks.begin(), kTasks.end(), [&](const EvalTask& task) { return task.name == name; });
}

EvalCase make(const std::string& name, std::size_t amount, double depth = 0.5, std::uint64_t seed = 7) {
  return task_named(name).make({.length = 300, .depth = depth, .sample = 0, .seed = seed, .amount = amount});
}

std::vector<std::string> at_places(const EvalCase& one) {
  std::vector<std::string> parts;
  for (const ByteRange& place : one.places) parts.push_back(one.context.substr(place.begin, place.end - place.begin));
  return parts;
}

using test::times;
using Texts = std::vector<std::string>;

TEST(NeedleTasks, ASingleNeedleInNoiseStandsAtItsDepth) {
  const std::string noise =
      "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.\n";
  const EvalCase one = make("niah_single_1", 3);
  EXPECT_EQ(one.context,
            "A special magic number is hidden within the following text. Make sure to memorize it. I will quiz you "
            "about the number afterwards.\n" +
                noise + noise + "One of the special magic numbers for full-rocket is: 7364878.\n" +
                noise.substr(0, noise.size() - 1));
  EXPECT_EQ(one.question, "What is the special magic number for full-rocket mentioned in the provided text?");
  EXPECT_EQ(one.answer_prefix, "The special magic number for full-rocket mentioned in the provided text is");
  EXPECT_EQ(one.answers, Texts{"7364878"});
  EXPECT_EQ(at_places(one), Texts{"7364878"});
}

TEST(NeedleTasks, InABookNeedlesStandAtTheEndsOfSentences) {
  const std::string intro =
      "A special magic number is hidden within the following text. Make sure to memorize it. I will quiz you about the "
      "number afterwards.\n";
  EXPECT_EQ(
      make("niah_single_2", 14).context,
      intro +
          "Seven eight? Nine ten eleven twelve. One of the special magic numbers for full-rocket is: 7364878. One "
          "two three. Four five six! Seven eight?");
  EXPECT_EQ(make("niah_single_2", 14, 0).context.find("One of the special"), intro.size());
  EXPECT_TRUE(make("niah_single_2", 14, 1).context.ends_with("is: 7364878."));
  EXPECT_EQ(
      make("niah_single_3", 14).context,
      "A special magic uuid is hidden within the following text. Make sure to memorize it. I will quiz you about "
      "the uuid afterwards.\ntwo three. Four five six! Seven eight? One of the special magic uuids for full-rocket "
      "is: 1e0edcc1-2069-67ce-e454-6c04d9ff7cf6. Nine ten eleven twelve. One two three.");
}

TEST(NeedleTasks, SeveralKeysAndValuesHaveTheirNumbersOfNeedles) {
  const std::string magic = "One of the special magic numbers for ";
  const EvalCase keys = make("niah_multikey_1", 14);
  EXPECT_EQ(times(keys.context, magic), 4u);
  EXPECT_EQ(at_places(keys), keys.answers);
  EXPECT_EQ(keys.answers.size(), 1u);

  const EvalCase values = make("niah_multivalue", 14);
  EXPECT_EQ(times(values.context, magic + "full-rocket is: "), 4u);
  EXPECT_EQ(values.answers, (Texts{"7364878", "3333046", "6139421", "8552428"}));
  EXPECT_EQ(at_places(values), (Texts{"8552428", "7364878", "3333046", "6139421"})) << "in the order of the text";
  EXPECT_EQ(values.question, "What are all the special magic numbers for full-rocket mentioned in the provided text?");
  EXPECT_TRUE(values.context.starts_with("Some special magic numbers are hidden within"));

  const EvalCase queries = make("niah_multiquery", 14);
  EXPECT_EQ(
      queries.answer_prefix,
      "The special magic numbers for full-rocket, idle-granite, fancy-satchel, and mellow-nettle mentioned in the "
      "provided text are");
  EXPECT_EQ(queries.answers.size(), 4u);
  EXPECT_EQ(queries.places.size(), 4u);
}

TEST(NeedleTasks, NeedlesMayBeTheHay) {
  EXPECT_TRUE(make("niah_multikey_2", 2)
                  .context.ends_with("afterwards.\nOne of the special magic numbers for modest-mustard is: 5401944.\n"
                                     "One of the special magic numbers for full-rocket is: 7364878.\n"
                                     "One of the special magic numbers for kind-palace is: 6627415."));
  const EvalCase uuids = make("niah_multikey_3", 500);
  EXPECT_EQ(times(uuids.context, "One of the special magic uuids for "), 501u);
  EXPECT_EQ(times(uuids.context, uuids.answers.at(0)), 1u);
}

TEST(VariableTracking, AsksForAChainBehindAWorkedExample) {
  const EvalCase one = make("vt", 3);
  EXPECT_NE(one.context.find("5 variables are assigned the value 31015, they are: OOE XGD SFA CDD CSB\n\n\nMemorize"),
            std::string::npos)
      << one.context;
  EXPECT_EQ(one.answers, (Texts{"BHMXA", "YHLAP", "EZSPU", "JDSMP", "NPMBQ"}));
  EXPECT_EQ(at_places(one), one.answers);
  EXPECT_TRUE(one.context.ends_with("VAR NPMBQ = VAR JDSMP"));
  EXPECT_EQ(times(one.context, "VAR BHMXA = 79677\n"), 1u);
  EXPECT_EQ(one.question, "Question: Find all variables that are assigned the value 79677 in the text above.");
}

TEST(CommonWords, TenStandMoreOftenThanTheOthers) {
  const EvalCase one = make("cwe", 200);
  const std::string list = one.context.substr(one.context.rfind("\n1. ") + 1);
  std::map<std::string, int> counts;
  std::istringstream words(list);
  for (std::string number, word; words >> number >> word;) ++counts[word];
  EXPECT_EQ(counts.size(), 210u);
  EXPECT_EQ(one.answers.size(), 10u);
  for (const std::string& answer : one.answers) EXPECT_EQ(counts[answer], 6) << answer;
  for (const auto& [word, count] : counts) {
    if (count == 6) continue;
    EXPECT_EQ(count, 1) << word;
    for (const std::string& answer : one.answers) EXPECT_EQ(word.find(answer), std::string::npos) << word;
  }
  EXPECT_EQ(one.places.size(), 60u);
  EXPECT_TRUE(list.starts_with("1. ") && list.find("2. ") != std::string::npos);
}

TEST(FrequentWords, FallWithTheSquareOfTheirRank) {
  const EvalCase one = make("fwe", 900);  // 1000 words: 607 dots, 151, 67, 37, 24, ...
  const Texts expected = {"zooexg", "dsfacd", "dcsbtb"};
  EXPECT_EQ(one.answers, expected);
  EXPECT_EQ(times(one.context, " zooexg"), 151u);
  EXPECT_EQ(times(one.context, " dsfacd"), 67u);
  EXPECT_EQ(times(one.context, " dcsbtb"), 37u);
  EXPECT_EQ(times(one.context, " ..."), 607u);
}

TEST(Tasks, TheSameSeedMakesTheSameCaseAndOthersDiffer) {
  for (const EvalTask& task : ruler_tasks(hay())) {
    EXPECT_EQ(make(task.name, 20).context, make(task.name, 20).context) << task.name;
    EXPECT_NE(make(task.name, 20, 0.5, 1).context, make(task.name, 20, 0.5, 2).context) << task.name;
    EXPECT_NO_THROW(make(task.name, 0, 0)) << task.name;
    EXPECT_NO_THROW(make(task.name, 1, 1)) << task.name;
  }
}

TEST(Score, IsTheShareOfReferencesOrAnyOfThem) {
  const Texts references = {"Red", "blue"};
  EXPECT_EQ(score_of("It is red.", references, false), 0.5);
  EXPECT_EQ(score_of("BLUE and RED", references, false), 1);
  EXPECT_EQ(score_of("green", references, false), 0);
  EXPECT_EQ(score_of("It is red.", references, true), 1);
  EXPECT_EQ(score_of("green", references, true), 0);
}

}  // namespace
}  // namespace gemring
