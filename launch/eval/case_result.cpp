#include "launch/eval/case_result.h"

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/weights/json_text.h"

namespace gemring {
namespace {

constexpr TaskCategory kCategories[] = {TaskCategory::retrieval, TaskCategory::tracking, TaskCategory::aggregation,
                                        TaskCategory::question};

template <class Json, class Value>
void put(Json& json, const char* key, const std::optional<Value>& value) {
  json[key] = value ? Json(*value) : Json(nullptr);
}

std::optional<double> number_or_null(const nlohmann::json& json, const char* key) {
  const nlohmann::json& value = json.at(key);
  return value.is_null() ? std::nullopt : std::optional<double>(value.get<double>());
}

TaskCategory category_named(const std::string& text) {
  for (const TaskCategory category : kCategories) {
    if (name(category) == text) return category;
  }
  throw JsonTextError("has a category '" + text + "', which there is not");
}

CaseResult result_of(const nlohmann::json& json) {
  CaseResult result;
  json.at("id").get_to(result.id);
  json.at("method").get_to(result.method);
  json.at("task").get_to(result.task);
  result.category = category_named(json.at("category").get<std::string>());
  json.at("length").get_to(result.length);
  result.depth = number_or_null(json, "depth");
  json.at("sample").get_to(result.sample);
  json.at("seed").get_to(result.seed);
  json.at("prompt_tokens").get_to(result.prompt_tokens);
  json.at("kept").get_to(result.kept);
  result.recall = number_or_null(json, "recall");
  json.at("score").get_to(result.score);
  json.at("answer").get_to(result.answer);
  json.at("references").get_to(result.references);
  const nlohmann::json& seconds = json.at("seconds");
  seconds.at("first_token").get_to(result.first_token_seconds);
  seconds.at("filter").get_to(result.filter_seconds);
  seconds.at("total").get_to(result.seconds);
  return result;
}

}  // namespace

std::string case_line(const CaseResult& result) {
  nlohmann::ordered_json json;
  json["id"] = result.id;
  json["method"] = result.method;
  json["task"] = result.task;
  json["category"] = std::string(name(result.category));
  json["length"] = result.length;
  put(json, "depth", result.depth);
  json["sample"] = result.sample;
  json["seed"] = result.seed;
  json["prompt_tokens"] = result.prompt_tokens;
  json["kept"] = result.kept;
  put(json, "recall", result.recall);
  json["score"] = result.score;
  json["answer"] = result.answer;
  json["references"] = result.references;
  json["seconds"] = {
      {"first_token", result.first_token_seconds}, {"filter", result.filter_seconds}, {"total", result.seconds}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

CaseResult parse_case_line(std::string_view line, const std::string& where) {
  const auto refuse = [&](const std::string& problem) -> CaseResult {
    throw UsageError({where, problem, "it is no line of gemring eval: name another directory, or take the line out"});
  };
  try {
    require_json_object(line);
    return result_of(parse_json(line));
  } catch (const JsonTextError& error) {
    return refuse(error.what());
  } catch (const nlohmann::json::exception& error) {
    return refuse(std::string("is no result of a case: ") + error.what());
  }
}

}  // namespace gemring
