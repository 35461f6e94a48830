#include "launch/serve/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "engine/base/log.h"
#include "launch/prompts/json_lines.h"
#include "launch/serve/api/api_problem.h"
#include "launch/serve/api/api_request.h"
#include "launch/serve/api/json_body.h"
#include "launch/serve/page/page.h"
#include "launch/serve/path_pattern.h"
#include "launch/start/version.h"

namespace gemring {
namespace {

using nlohmann::json;

ApiProblem loading() {
  return {.status = 503,
          .message = "the model is being loaded",
          .type = "unavailable_error",
          .code = "503",
          .headers = {{"Retry-After", "5"}}};
}

ApiProblem ending() {
  return {.status = 503,
          .message = "the server is ending: it answers what it has and takes no more",
          .type = "unavailable_error",
          .code = "503"};
}

}  // namespace

Service::Service(HttpServer& server, Setting setting)
    : server_(server),
      setting_(std::move(setting)),
      texts_(setting_.text_bytes),
      metrics_(setting_.name),
      random_(std::random_device()()) {
  std::vector<std::pair<std::string, std::string>> headers = cors_headers(setting_.access);
  headers.emplace_back("Server", fmt::format("gemring/{}", program_version()));
  server_.start(
      {.headers = std::move(headers),
       .refuse = [this](const HttpRequest& head) { return refuse(head); },
       .answer = [this](const ExchangePtr& exchange) { answer(exchange); },
       .problem = [this](int status,
                         const std::string& problem) { return refusal({.status = status, .message = problem}, ""); }});
}

Service::~Service() = default;

void Service::open(const ServiceModel& model) {
  server_.post([this, &model] {
    answering_ = std::make_unique<AnsweringSetting>(
        AnsweringSetting{.server = server_,
                         .queue = queue_,
                         .tokenizer = model.tokenizer,
                         .timeout = setting_.timeout,
                         .on_answer = [this](const FinishedAnswer& answer) { metrics_.count_answer(answer); },
                         .on_other_end = [this](const char* reason) { metrics_.count_end(reason); }});
    model_ = &model;
  });
}

void Service::drain() {
  server_.post([this] {
    draining_ = true;
    if (reading_ == 0) queue_.close();
  });
}

const std::vector<Service::Route>& Service::routes() {
  static const std::vector<Route> kRoutes = {
      {"GET", "/", &Service::show_page, false},
      {"GET", "/health", &Service::health, false},
      {"GET", "/v1/health", &Service::health, false},
      {"GET", "/metrics", &Service::metrics, false},
      {"GET", "/v1/models", &Service::models},
      {"GET", "/models", &Service::models},
      {"GET", "/props", &Service::props},
      {"GET", "/slots", &Service::slots},
      {"POST", "/v1/chat/completions", &Service::chat},
      {"POST", "/chat/completions", &Service::chat},
      {"POST", "/v1/completions", &Service::completion},
      {"POST", "/completions", &Service::completion},
      {"POST", "/v1/responses", &Service::responses, true, ApiKind::responses},
      {"POST", "/v1/messages", &Service::messages, true, ApiKind::messages},
      {"POST", "/v1/messages/count_tokens", &Service::count_tokens, true, ApiKind::messages},
      {"POST", "/v1/texts", &Service::keep_text},
      {"GET", "/v1/texts", &Service::list_texts},
      {"GET", "/v1/texts/{id}", &Service::show_text},
      {"DELETE", "/v1/texts/{id}", &Service::remove_text},
      {"POST", "/v1/texts/{id}/select", &Service::select},
      {"POST", "/tokenize", &Service::tokenize},
      {"POST", "/detokenize", &Service::detokenize},
      {"POST", "/apply-template", &Service::apply_template},
  };
  return kRoutes;
}

/// An error in the shape of the interface that the path belongs to.
HttpReply Service::refusal(const ApiProblem& problem, const std::string& path) const {
  const auto& all = routes();
  const auto route = std::find_if(all.begin(), all.end(), [&](const Route& one) { return id_in(path, one.path); });
  return reply_of(problem, route == all.end() ? ApiKind::completion : route->kind);
}

const Service::Route* Service::route_of(const HttpRequest& head) {
  const std::string method = head.method == "HEAD" ? "GET" : head.method;
  const auto& all = routes();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Route& one) { return method == one.method && id_in(head.path, one.path); });
  return found == all.end() ? nullptr : &*found;
}

/// Everything that can be said before the body is read: who may not ask must not make the server hold a body.
std::optional<HttpReply> Service::refuse(const HttpRequest& head) const {
  if (std::optional<ApiProblem> problem = check_access(setting_.access, head)) return refusal(*problem, head.path);
  if (head.method == "OPTIONS") return HttpReply{.status = 204};
  if (const Route* const route = route_of(head)) {
    if (route->needs_model && model_ == nullptr) return refusal(loading(), head.path);
    if (head.method == "POST" && draining_) return refusal(ending(), head.path);
    return std::nullopt;
  }
  std::string methods;
  for (const Route& route : routes()) {
    if (id_in(head.path, route.path)) methods += (methods.empty() ? "" : ", ") + std::string(route.method);
  }
  if (methods.empty()) {
    const std::string path = head.path.substr(0, 200);
    return refusal({.status = 404, .message = fmt::format("there is no {}", path), .type = "not_found_error"}, path);
  }
  return refusal(
      {.status = 405, .message = fmt::format("{} takes {}", head.path, methods), .headers = {{"Allow", methods}}},
      head.path);
}

void Service::answer(const ExchangePtr& exchange) {
  try {
    (this->*route_of(exchange->request())->answer)(exchange);  // refuse() has let it through
  } catch (const std::exception& error) {
    exchange->reply(refusal(problem_of(error), exchange->request().path));
  }
}

void Service::show_page(const ExchangePtr& exchange) {
  exchange->reply(page());
}

void Service::health(const ExchangePtr& exchange) {
  if (draining_) return exchange->reply(refusal(ending(), ""));
  if (model_ == nullptr) return exchange->reply(refusal(loading(), ""));
  exchange->reply({.body = R"({"status":"ok"})"});
}

void Service::models(const ExchangePtr& exchange) {
  const json model = {{"id", setting_.name},
                      {"object", "model"},
                      {"created", setting_.started},
                      {"owned_by", "gemring"},
                      {"max_model_len", model_->limits.prompt_tokens}};
  exchange->reply({.body = line_of({{"object", "list"}, {"data", json::array({model})}})});
}

void Service::metrics(const ExchangePtr& exchange) {
  const std::size_t waiting = queue_.size();
  const std::size_t running = open_requests_.size() - std::min(open_requests_.size(), waiting);
  exchange->reply({.body = metrics_.text(running, waiting), .type = "text/plain; version=0.0.4; charset=utf-8"});
}

void Service::props(const ExchangePtr& exchange) {
  const ServiceLimits& limits = model_->limits;
  const json props = {
      {"model_alias", setting_.name},
      {"model_path", setting_.model_path},
      {"build_info", fmt::format("gemring {}", program_version())},
      {"total_slots", limits.parallel},
      {"chat_template_name", model_->chat_template == nullptr ? json(nullptr) : json(model_->chat_template->name())},
      {"default_generation_settings", {{"n_ctx", limits.prompt_tokens}}},
      {"gemring",
       {{"filter", model_->filter},
        {"max_prompt", limits.prompt_tokens},
        {"max_keep", limits.keep},
        {"max_new_tokens", limits.new_tokens},
        {"parallel", limits.parallel},
        {"queue", limits.queue}}}};
  exchange->reply({.body = line_of(props)});
}

void Service::slots(const ExchangePtr& exchange) {
  json slots = json::array();
  for (const auto& [number, request] : open_requests_) {
    const Answering::Status status = request->status();
    slots.push_back({{"id", number},
                     {"id_task", status.id},
                     {"is_processing", status.phase != "queued"},
                     {"phase", status.phase},
                     {"progress", status.total > 0 ? status.done / status.total : 0},
                     {"n_prompt_tokens", status.prompt_tokens},
                     {"n_decoded", status.generated_tokens},
                     {"seconds", status.seconds}});
  }
  exchange->reply({.body = line_of(slots)});
}

ApiProblem Service::busy() const {
  return {
      .status = 429,
      .message = fmt::format("{} requests are on their way and {} may wait beside those in the stages (--queue); come "
                             "again later",
                             open_requests_.size(), model_->limits.queue),
      .type = "rate_limit_error",
      .code = "queue_full",
      .headers = {{"Retry-After", "10"}}};
}

void Service::generate(const ExchangePtr& exchange, ReadRequest read, ApiKind kind) {
  const auto most = static_cast<std::size_t>(model_->limits.parallel) + static_cast<std::size_t>(model_->limits.queue);
  if (open_requests_.size() + reading_ >= most) {
    metrics_.count_end("refused");
    return exchange->reply(refusal(busy(), exchange->request().path));
  }
  ++reading_;
  const std::uint64_t number = ++next_;
  server_.post_long([this, exchange, read, kind, number, text_id = id_of_text(exchange->request().path)] {
    ApiRequest request;
    request.kind = kind;
    const auto prepared = std::make_shared<std::vector<PreparedAnswer>>();
    std::optional<ApiProblem> problem;
    try {
      request = read_body(exchange->request().body, read, text_id);
      exchange->request().body = std::string();  // a book is not held twice
      for (std::size_t i = 0; i < request.lines.size(); ++i) prepared->push_back(prepare_answer(*model_, request, i));
    } catch (const std::exception& error) {
      problem = problem_of(error);
    }
    request.lines.clear();
    server_.post([this, exchange, request, number, prepared, problem] {
      --reading_;
      start(exchange, request, number, std::move(*prepared), problem);
      if (draining_ && reading_ == 0) queue_.close();
    });
  });
}

void Service::start(const ExchangePtr& exchange, const ApiRequest& request, std::uint64_t number,
                    std::vector<PreparedAnswer> prepared, const std::optional<ApiProblem>& problem) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t created = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  const std::string shape_id =
      request.kind == ApiKind::text ? TextStore::id_of(*request.text) : new_id(request.kind, random_, number);
  AnswerHead head{.id = shape_id, .model = request.model.empty() ? setting_.name : request.model, .created = created};
  const auto answering = std::make_shared<Answering>(*answering_, exchange, answer_shape(request.kind, std::move(head)),
                                                     request, [this, number] { open_requests_.erase(number); });
  if (problem) return answering->refuse(*problem);
  if (request.kind == ApiKind::text) {
    texts_.put({.id = shape_id,
                .text = request.text,
                .tokens = static_cast<std::int32_t>(prepared.front().request.prompt.size()),
                .created = created});
  }
  open_requests_.emplace(number, answering);
  answering->start(std::move(prepared));
}

void Service::chat(const ExchangePtr& exchange) {
  generate(exchange, chat_request, ApiKind::chat);
}

void Service::completion(const ExchangePtr& exchange) {
  generate(exchange, completion_request, ApiKind::completion);
}

void Service::responses(const ExchangePtr& exchange) {
  generate(exchange, responses_request, ApiKind::responses);
}

void Service::messages(const ExchangePtr& exchange) {
  generate(exchange, messages_request, ApiKind::messages);
}

void Service::answer_later(const ExchangePtr& exchange, std::function<std::string(const std::string& body)> make) {
  server_.post_long([this, exchange, make = std::move(make)] {
    HttpReply reply;
    try {
      reply.body = make(exchange->request().body);
    } catch (const std::exception& error) {
      reply = refusal(problem_of(error), exchange->request().path);
    }
    server_.post([exchange, reply = std::move(reply)] { exchange->reply(reply); });
  });
}

void Service::tokenize(const ExchangePtr& exchange) {
  answer_later(exchange, [model = model_](const std::string& body) {
    const json object = parse_body(body);
    const char* const field = find_value(object, "content") != nullptr ? "content" : "prompt";
    if (find_value(object, field) == nullptr) refuse_field("content", "is not there");
    const std::string text = text_of(object, field, field);
    const Encoding encoding =
        model->tokenizer.encode(text, {.add_bos = truth_of(object, "add_special", "add_special")});
    return fmt::format("{{\"tokens\":{},\"count\":{}}}", json_ids(encoding.ids), encoding.ids.size());
  });
}

void Service::detokenize(const ExchangePtr& exchange) {
  answer_later(exchange, [model = model_](const std::string& body) {
    const json object = parse_body(body);
    const json* const tokens = find_value(object, "tokens");
    if (tokens == nullptr) refuse_field("tokens", "is not there");
    const std::vector<TokenId> ids = ids_of_json(tokens->dump(), "tokens", model->config.vocab);
    return line_of({{"content", model->tokenizer.decode(ids, /*keep_special=*/true)}});
  });
}

namespace {

/// What a chat's messages are to the model.
PromptText rendered(const ServiceModel& model, const ApiRequest& request) {
  if (model.chat == nullptr) refuse_field("messages", model.no_chat);
  RequestLine line = model.chat->defaults();
  line.prompt.chat.on = true;
  read_request_line(request.lines.front(), line);
  return prompt_text(line.prompt, model.chat_template);
}

}  // namespace

void Service::apply_template(const ExchangePtr& exchange) {
  answer_later(exchange, [model = model_](const std::string& body) {
    return line_of({{"prompt", rendered(*model, chat_request(body)).text}});
  });
}

void Service::count_tokens(const ExchangePtr& exchange) {
  answer_later(exchange, [model = model_](const std::string& body) {
    const Prompt prompt = prompt_of(rendered(*model, messages_to_count(body)), model->tokenizer);
    return line_of({{"input_tokens", prompt.ids.size()}});
  });
}

}  // namespace gemring
