// Chat templates: which are known, and what they render. The templates of published models are read from
// GEMRING_SHARED_DATA; those written out here are our own.
#include "engine/text/chat/chat_template.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/base/error.h"

namespace gemring {
namespace {

constexpr const char* kLoop =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' "
    "}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

ChatTemplate own(std::string text) {
  return ChatTemplate({"own", std::move(text), "<s>", "</s>"});
}

template <class Function>
std::string problem(Function&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string render(const ChatTemplate& chat, std::vector<ChatMessage> messages, bool prompt = true) {
  return chat.render({std::move(messages), prompt}).text;
}

TEST(ChatTemplate, TheDemoModelsIsChatml) {
  const ChatTemplate chat(read_chat_template(GEMRING_DEMO_MODEL));
  EXPECT_EQ(chat.name(), "chatml");
  EXPECT_EQ(chat.end_of_turn(), "<|im_end|>");
  EXPECT_EQ(render(chat, {{"system", "s", {}}, {"user", " u\n", {}}}),
            "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\n u\n<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(render(chat, {{"assistant", "", {}}}, false), "<|im_start|>assistant\n<|im_end|>\n");
  EXPECT_EQ(render(chat, {}, false), "");
}

TEST(ChatTemplate, WhatMessagesSayIsLiteralAndTheMarkupIsNot) {
  const RenderedChat chat = own(kLoop).render({{{"user", "a<|im_end|>b", {}}}, true});
  ASSERT_EQ(chat.literal.size(), 2u);
  EXPECT_EQ(chat.text.substr(chat.literal[0].begin, chat.literal[0].end - chat.literal[0].begin), "user");
  EXPECT_EQ(chat.text.substr(chat.literal[1].begin, chat.literal[1].end - chat.literal[1].begin), "a<|im_end|>b");
}

TEST(ChatTemplate, ItIsNotedWhichMessageGaveWhat) {
  const RenderedChat chat = own(kLoop).render({{{"system", "s", {}}, {"user", "user", {}}, {"user", "b", {}}}, true});
  std::vector<std::pair<std::size_t, std::string>> contents;
  for (const MessageBytes& part : chat.contents) {
    contents.emplace_back(part.message, chat.text.substr(part.bytes.begin, part.bytes.end - part.bytes.begin));
  }
  EXPECT_EQ(contents, (std::vector<std::pair<std::size_t, std::string>>{{0, "s"}, {1, "user"}, {2, "b"}}));
}

TEST(ChatTemplate, AnotherSpellingOfTheSameTemplateIsKnown) {
  const ChatTemplate chat =
      own("{#- the same -#}\n{%- for message in messages %}\n    {{- \"<|im_start|>\" }}{{ message.role }}\n"
          "{{ message.content -}} {{ '<|im_end|>' + '\\n' }}\n{%- endfor -%}\n\n"
          "{%- if add_generation_prompt -%}\n  {{ '<|im_start|>' }}{{- 'assistant\n' -}}\n{%- endif %}\n");
  EXPECT_EQ(render(chat, {{"user", "u", {}}}), "<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatTemplate, ADefaultSystemMessageIsReadFromTheTemplate) {
  const ChatTemplate chat =
      own("{{ bos_token }}{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
          "{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + "
          "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}");
  EXPECT_EQ(render(chat, {{"user", "u", {}}}),
            "<s><|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nu<|im_end|>\n");
  EXPECT_EQ(render(chat, {{"system", "s", {}}}), "<s><|im_start|>system\ns<|im_end|>\n");
}

TEST(ChatTemplate, AnUnknownOneIsRefusedWithTheWayToGoOn) {
  const std::string text = kLoop;
  for (const std::string& unknown :
       {text + "!", text.substr(0, text.size() - 11), "{{ messages }}" + text, std::string("{% raw %}{% endraw %}"),
        std::string("{% for"), std::string("plain"), "{{ 1.5 }}" + text, text + "\n\n\n"}) {
    try {
      own(unknown);
      ADD_FAILURE() << unknown;
    } catch (const ConfigError& error) {
      EXPECT_NE(error.text().advice.find("--prompt-file"), std::string::npos);
    }
  }
  EXPECT_EQ(problem([] { own(""); }), "own: there is no chat template");
}

TEST(ChatTemplate, ATextInsideAMessageThatLooksLikeJinjaIsText) {
  EXPECT_EQ(render(own(kLoop), {{"user", "{{ bos_token }}{% if %}", {}}}, false),
            "<|im_start|>user\n{{ bos_token }}{% if %}<|im_end|>\n");
}

TEST(ChatTemplate, ThoughtsAreRefusedWhereTheTemplateDoesNotReadThem) {
  const ChatTemplate chat = own(kLoop);
  EXPECT_EQ(problem([&] {
              render(chat, {{"user", "u", {}}, {"assistant", "a", "hm"}});
            }),
            "message 2: has \"reasoning_content\", which the chat template (chatml) does not read");
}

class Directory {
 public:
  Directory() {
    std::string name = testing::TempDir() + "chat-template-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  void write(const std::string& name, const std::string& text) const { std::ofstream(path_ + "/" + name) << text; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(ChatTemplateFiles, TheJinjaFileWinsAndTokensComeFromTheConfig) {
  const Directory model;
  model.write("tokenizer_config.json",
              R"({"chat_template": "old", "bos_token": {"content": "<b>"}, "eos_token": null})");
  model.write("special_tokens_map.json", R"({"bos_token": "<x>", "eos_token": "<e>"})");
  EXPECT_EQ(read_chat_template(model.path()).text, "old");
  model.write("chat_template.jinja", "new");
  const ChatTemplateSource source = read_chat_template(model.path());
  EXPECT_EQ(source.text, "new");
  EXPECT_EQ(source.bos, "<b>");
  EXPECT_EQ(source.eos, std::nullopt);
  EXPECT_EQ(read_chat_template(model.path() + "/tokenizer_config.json").text, "new");
}

TEST(ChatTemplateFiles, OfSeveralTemplatesTheDefaultCounts) {
  const Directory model;
  model.write("tokenizer_config.json", R"({"chat_template": [{"name": "tool_use", "template": "t"},
                                                             {"name": "default", "template": "d"}]})");
  EXPECT_EQ(read_chat_template(model.path()).text, "d");
  model.write("tokenizer_config.json", R"({"chat_template": [{"name": "tool_use", "template": "t"}]})");
  EXPECT_THROW(read_chat_template(model.path()), ConfigError);
  model.write("tokenizer_config.json", R"({"chat_template": [{"name": "tool_use"}]})");
  EXPECT_THROW(read_chat_template(model.path()), ModelFileError);
  model.write("tokenizer_config.json", R"({"chat_template": 7})");
  EXPECT_THROW(read_chat_template(model.path()), ModelFileError);
  model.write("tokenizer_config.json", "{");
  EXPECT_THROW(read_chat_template(model.path()), ModelFileError);
}

TEST(ChatTemplateFiles, AModelWithoutATemplateSaysSo) {
  const Directory model;
  EXPECT_EQ(problem([&] { ChatTemplate(read_chat_template(model.path())); }),
            model.path() + ": there is no chat template");
  EXPECT_THROW(read_chat_template(model.path() + "/nowhere"), ModelFileError);
}

TEST(ChatDate, DatesAreWrittenInEnglish) {
  const CalendarDate date = parse_date("2024-07-06", "--date");
  EXPECT_EQ(day_short_month_year(date), "06 Jul 2024");
  EXPECT_EQ(day_month_year(date), "06 July 2024");
  EXPECT_EQ(month_day_year(date), "July 06, 2024");
  EXPECT_EQ(parse_date("2000-02-29", "--date"), (CalendarDate{2000, 2, 29}));
  for (const char* bad : {"", "2024-7-26", "2024-13-01", "2023-02-29", "1900-02-29", "2024-00-10", "0000-01-01",
                          "2024-01-32", "2024-01-1x", "+024-01-11", "2024-01-111"}) {
    EXPECT_THROW(parse_date(bad, "--date"), UsageError) << bad;
  }
}

/// The cases of golden.jsonl, by template.
TEST(ChatTemplate, PublishedTemplatesRenderAsTransformersDoes) {
  const char* const shared = std::getenv("GEMRING_SHARED_DATA");
  if (shared == nullptr) GTEST_SKIP() << "GEMRING_SHARED_DATA is not set: no published templates";
  const std::string folder = std::string(shared) + "/chat-templates/";
  std::ifstream golden(folder + "golden.jsonl");
  int cases = 0;
  for (std::string line; std::getline(golden, line); ++cases) {
    const auto json = nlohmann::json::parse(line);
    const auto token = [&](const char* key) {
      return json[key].is_null() ? std::nullopt : std::optional(json[key].get<std::string>());
    };
    const std::string name = json["template"].get<std::string>();
    std::ifstream file(folder + name + (name.ends_with(".jinja") ? "" : ".jinja"));
    std::ostringstream text;
    text << file.rdbuf();
    const ChatTemplate chat({name, std::move(text).str(), token("bos_token"), token("eos_token")});
    const nlohmann::json request = {{"messages", json["messages"]},
                                    {"add_generation_prompt", json["add_generation_prompt"]}};
    const auto rendered = [&] { return chat.render(parse_messages(request.dump()), CalendarDate{2024, 7, 26}).text; };
    if (json.contains("text")) {
      EXPECT_EQ(rendered(), json["text"].get<std::string>()) << line;
    } else {
      const std::string refusal = problem([&] { rendered(); });
      EXPECT_NE(refusal.find(json["error"].get<std::string>()), std::string::npos) << refusal << " for " << line;
    }
  }
  EXPECT_EQ(cases, 140);
}

}  // namespace
}  // namespace gemring
