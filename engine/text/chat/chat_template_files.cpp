// Where a model directory keeps its chat template and the texts of its special tokens.
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>

#include "engine/base/error.h"
#include "engine/base/whole_file.h"
#include "engine/text/chat/chat_template.h"
#include "engine/text/unicode/utf8.h"
#include "engine/weights/gguf/gguf.h"
#include "engine/weights/json_file.h"

namespace gemring {
namespace {

/// Nothing where there is no such file. Throws ModelFileError where it cannot be read.
std::optional<std::string> read_if_there(const std::string& path) {
  try {
    return read_whole_file(path);
  } catch (const std::system_error& error) {
    const int reason = error.code().value();
    if (reason == ENOENT || reason == ENOTDIR) return std::nullopt;
    throw ModelFileError({path, fmt::format("cannot be read: {}", error.code().message()), "make the file readable"});
  }
}

bool is_there(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0;
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// An empty object where there is no such file.
nlohmann::json read_object_if_there(const std::string& path) {
  return is_there(path) ? read_json_object(path) : nlohmann::json::object();
}

/// A special token is a text, or an object with its text as "content". Nothing where it is null or not there.
std::optional<std::string> token_text(const nlohmann::json& config, const char* key, const std::string& path) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return std::nullopt;
  const nlohmann::json& value = found->is_object() ? found->value("content", nlohmann::json()) : *found;
  if (!value.is_string()) throw ModelFileError({path, fmt::format("{} is no text", key), "download the file again"});
  return value.get<std::string>();
}

/// chat_template of tokenizer_config.json.
std::string default_template(const nlohmann::json& value, const std::string& path) {
  if (value.is_string()) return value.get<std::string>();
  std::string names;
  for (const nlohmann::json& entry : value.is_array() ? value : nlohmann::json::array()) {
    const bool has_both = entry.is_object() && entry.contains("name") && entry["name"].is_string() &&
                          entry.contains("template") && entry["template"].is_string();
    if (!has_both) throw ModelFileError({path, "chat_template has an entry without name and template", ""});
    if (entry["name"] == "default") return entry["template"].get<std::string>();
    names += (names.empty() ? "" : ", ") + entry["name"].get<std::string>();
  }
  if (names.empty()) throw ModelFileError({path, "chat_template is neither a text nor a list of templates", ""});
  throw ConfigError({path, fmt::format("has the chat templates {}, and none is called default", names),
                     "put the one to use into chat_template.jinja beside it"});
}

ChatTemplateSource directory_source(const std::string& model_directory) {
  const std::string config_path = model_directory + "/tokenizer_config.json";
  const std::string tokens_path = model_directory + "/special_tokens_map.json";
  const nlohmann::json config = read_object_if_there(config_path);
  const nlohmann::json tokens = read_object_if_there(tokens_path);
  ChatTemplateSource source;
  source.bos = token_text(config, "bos_token", config_path);
  source.eos = token_text(config, "eos_token", config_path);
  if (!config.contains("bos_token")) source.bos = token_text(tokens, "bos_token", tokens_path);
  if (!config.contains("eos_token")) source.eos = token_text(tokens, "eos_token", tokens_path);

  source.where = model_directory + "/chat_template.jinja";
  if (std::optional<std::string> text = read_if_there(source.where)) {
    source.text = std::move(*text);
    return source;
  }
  const auto found = config.find("chat_template");
  source.where = found == config.end() || found->is_null() ? model_directory : config_path;
  if (source.where == config_path) source.text = default_template(*found, config_path);
  return source;
}

/// The text of the token whose id stands under `key`.
std::optional<std::string> gguf_token(const GgufMetadata& metadata, const char* key) {
  const std::optional<std::uint64_t> id = metadata.count(key);
  const auto tokens = metadata.texts("tokenizer.ggml.tokens");
  if (!id || !tokens) return std::nullopt;
  if (*id < tokens->size() && !first_invalid_utf8((*tokens)[*id])) return std::string((*tokens)[*id]);
  throw ModelFileError(
      {metadata.file(), fmt::format("{} is {}, which is no token with a text", key, *id), "convert the model again"});
}

ChatTemplateSource gguf_source(const std::string& path) {
  const GgufMetadata metadata = read_gguf_metadata(path);
  ChatTemplateSource source;
  source.where = fmt::format("{}: tokenizer.chat_template", metadata.file());
  source.text = std::string(metadata.text("tokenizer.chat_template").value_or(""));
  source.bos = gguf_token(metadata, "tokenizer.ggml.bos_token_id");
  source.eos = gguf_token(metadata, "tokenizer.ggml.eos_token_id");
  return source;
}

}  // namespace

ChatTemplateSource read_chat_template(const std::string& model) {
  if (is_directory(model)) return directory_source(model);
  if (is_gguf_path(model)) return gguf_source(model);
  const std::size_t slash = model.rfind('/');
  if (is_there(model)) return directory_source(slash == std::string::npos ? "." : model.substr(0, slash));
  throw ModelFileError({model, "is not there", "name a model directory, a file in it, or a GGUF file"});
}

}  // namespace gemring
