// Texts that are kept by name: what of the service is gemring's own.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/base/log.h"
#include "launch/serve/api/api_problem.h"
#include "launch/serve/api/json_body.h"
#include "launch/serve/path_pattern.h"
#include "launch/serve/service.h"

namespace gemring {
namespace {

using nlohmann::json;

ApiProblem no_text(const std::string& id) {
  return {.status = 404,
          .message =
              fmt::format("there is no text {}; POST /v1/texts keeps one, GET /v1/texts lists them", id.substr(0, 100)),
          .type = "not_found_error",
          .param = "text_id"};
}

json text_json(const StoredText& text) {
  return {{"id", text.id},
          {"object", "text"},
          {"bytes", text.text->size()},
          {"tokens", text.tokens},
          {"created", text.created}};
}

}  // namespace

void Service::take(IndexDirectory::KeptText text) {
  if (TextStore::id_of(text.text) != text.id) {
    return log_warn("{}.index has another text than its name says; it is not used", text.id);
  }
  const auto bytes = std::make_shared<const std::string>(std::move(text.text));
  const bool has_room = texts_.put({text.id, bytes, text.tokens, setting_.started});
  if (!has_room) log_warn("{} is on disk, and has no room beside the other texts (--index-memory)", text.id);
}

std::string Service::id_of_text(const std::string& path) {
  const std::optional<std::string> id = id_in(path, "/v1/texts/{id}");
  return id ? *id : id_in(path, "/v1/texts/{id}/select").value_or("");
}

ApiRequest Service::read_body(const std::string& body, ReadRequest read, const std::string& text_id) const {
  ApiRequest request = read(body);
  if (!text_id.empty()) request.text_id = text_id;
  if (request.kind == ApiKind::text && !texts_.has_room_for(request.text->size())) {
    throw ApiFailure({.status = 507,
                      .message = "there is no room for this text: delete others (--index-memory)",
                      .type = "server_error",
                      .param = "text"});
  }
  if (request.text_id.empty()) return request;
  const std::optional<StoredText> text = texts_.find(request.text_id);
  if (!text) throw ApiFailure(no_text(request.text_id));
  put_text(request, *text->text);
  return request;
}

void Service::keep_text(const ExchangePtr& exchange) {
  generate(exchange, text_to_keep, ApiKind::text);
}

void Service::select(const ExchangePtr& exchange) {
  generate(exchange, selection_request, ApiKind::selection);
}

void Service::list_texts(const ExchangePtr& exchange) {
  json all = json::array();
  for (const StoredText& text : texts_.all()) all.push_back(text_json(text));
  exchange->reply({.body = line_of({{"object", "list"}, {"data", all}})});
}

void Service::show_text(const ExchangePtr& exchange) {
  const std::string id = id_of_text(exchange->request().path);
  const std::optional<StoredText> text = texts_.find(id);
  if (!text) return exchange->reply(refusal(no_text(id), ""));
  exchange->reply({.body = line_of(text_json(*text))});
}

void Service::remove_text(const ExchangePtr& exchange) {
  const std::string id = id_of_text(exchange->request().path);
  if (!texts_.remove(id)) return exchange->reply(refusal(no_text(id), ""));
  if (model_->index != nullptr) model_->index->remove(id);
  exchange->reply({.body = line_of({{"id", id}, {"object", "text"}, {"deleted", true}})});
}

}  // namespace gemring
