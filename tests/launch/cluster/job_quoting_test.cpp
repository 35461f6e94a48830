#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "launch/cluster/job_files/quoting.h"
#include "launch/cluster/job_files/template.h"

namespace gemring {
namespace {

TEST(ShellWord, WhatNeedsNoQuotesStandsAsItIs) {
  EXPECT_EQ(shell_word("/models/Llama-3.2_1B@x=1,y%:+"), "/models/Llama-3.2_1B@x=1,y%:+");
}

TEST(ShellWord, WhatAShellWouldReadIsQuoted) {
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("two words"), "'two words'");
  EXPECT_EQ(shell_word("$(rm -rf /) `x` \"$HOME\" *"), "'$(rm -rf /) `x` \"$HOME\" *'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("~"), "'~'");
  EXPECT_EQ(shell_word("back\\slash"), "'back\\slash'");
}

TEST(ShellWord, LinesAndOtherControlCharactersStayInOneLine) {
  EXPECT_EQ(shell_word("a\n#SBATCH --uid=0"), "$'a\\012#SBATCH --uid=0'");
  EXPECT_EQ(shell_word("it's\ta\\b\x7f"), "$'it\\'s\\011a\\\\b\\177'");
}

TEST(YamlString, IsOneLineWhateverItHolds) {
  EXPECT_EQ(yaml_string("plain", "x"), "\"plain\"");
  EXPECT_EQ(yaml_string("say \"hi\"\n- evil: true\\", "x"), "\"say \\\"hi\\\"\\n- evil: true\\\\\"");
  EXPECT_EQ(yaml_string("\xc3\xa9 \xe2\x82\xac", "x"), "\"\xc3\xa9 \xe2\x82\xac\"");
  EXPECT_EQ(yaml_string("\x7f|\xc2\x85|\xe2\x80\xa8|\xef\xbb\xbf", "x"), "\"\\x7F|\\x85|\\u2028|\\uFEFF\"");
}

TEST(YamlString, WhatIsNoUtf8IsRefusedByName) {
  try {
    yaml_string("\xff", "--image");
    FAIL() << "no error";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.text().where, "--image");
  }
}

TEST(KubernetesArgument, NoDollarMeansAVariable) {
  EXPECT_EQ(kubernetes_argument("$(HOME) $HOME $$ 5$"), "$$(HOME) $$HOME $$$$ 5$$");
}

TEST(Comment, IsOneLine) {
  EXPECT_EQ(comment("a\nb\rc\td"), "a?b?c?d");
}

TEST(Template, ALineIsFilledLeftOutOrRepeated) {
  const TemplateValues values = {{"name", {"x"}}, {"none", {}}, {"each", {"1", "2"}}};
  EXPECT_EQ(fill_template("# @name@: @name@\n@none@ gone\n  @each@ of @name@\nuser@host @ end\n", values),
            "# x: x\n  1 of x\n  2 of x\nuser@host @ end\n");
}

TEST(Template, WhatIsFilledInIsNotReadAgain) {
  EXPECT_EQ(fill_template("@a@ @b@\n", {{"a", {"@b@"}}, {"b", {"2"}}}), "@b@ 2\n");
}

TEST(Template, TheTemplatesOfTheSourceTreeAreInTheProgram) {
  for (const std::string_view text : {kSlurmSrunTemplate, kSlurmMpirunTemplate, kPbsTemplate, kApptainerTemplate}) {
    EXPECT_TRUE(text.starts_with("#!/bin/bash\n# @about@\n")) << text;
    EXPECT_TRUE(text.ends_with("  @command@\n")) << text;
  }
  EXPECT_NE(kKubernetesTemplate.find("apiVersion: kubeflow.org/v2beta1"), std::string_view::npos);
}

}  // namespace
}  // namespace gemring
