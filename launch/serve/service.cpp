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
#include "launch/start/version.h"

namespace gemring {
namespace {

using nlohmann::json;

ApiProblem loading() {
  return {.status = 503, .message = "the model is being loaded", .type = "unavailable_error", .code = "503",
          .headers = {{"Retry-After", "5"}}};
}

ApiProblem ending() {
  return {.status = 503, .message = "the server is ending: it answers what it has and takes no more",
          .type = "unavailable_error", .code = "503"};
}

}  // namespace

Service::Service(HttpServer& server, Setting setting)
    : server_(server), setting_(std::move(setting)), metrics_(setting_.name), random_(std::random_device()()) {
  server_.start({.refuse = [this](const HttpRequest& head) { return refuse(head); },
                 .answer = [this](const ExchangePtr& exchange) { answer(exchange); },
                 .problem =
                     [this](int status, const std::string& problem) {
                       return with_headers(reply_of({.status = status, .message = problem}));
                     }});
}

Service::~Service() = default;

void Service::open(const ServiceModel& model) {
  server_.post([this, &model] {
    answering_ = std::make_unique<AnsweringSetting>(AnsweringSetting{
        .server = server_,
        .queue = queue_,
        .tokenizer = model.tokenizer,
        .timeout = setting_.timeout,
        .headers = cors_headers(setting_.access),
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
      {"POST", "/tokenize", &Service::tokenize},
      {"POST", "/detokenize", &Service::detokenize},
      {"POST", "/apply-template", &Service::apply_template},
  };
  return kRoutes;
}

HttpReply Service::with_headers(HttpReply reply) const {
  for (auto& header : cors_headers(setting_.access)) reply.headers.push_back(std::move(header));
  reply.headers.emplace_back("Server", fmt::format("gemring/{}", program_version()));
  return reply;
}

/// Everything that can be said before the body is read: who may not ask must not make the server hold a body.
std::optional<HttpReply> Service::refuse(const HttpRequest& head) const {
  if (std::optional<ApiProblem> problem = check_access(setting_.access, head)) return with_headers(reply_of(*problem));
  if (head.method == "OPTIONS") return with_headers({.status = 204});
  const std::string method = head.method == "HEAD" ? "GET" : head.method;
  std::string methods;
  for (const Route& route : routes()) {
    if (head.path != route.path) continue;
    if (method != route.method) {
      methods += (methods.empty() ? "" : ", ") + std::string(route.method);
      continue;
    }
    if (route.needs_model && model_ == nullptr) return with_headers(reply_of(loading()));
    if (method == "POST" && draining_) return with_headers(reply_of(ending()));
    return std::nullopt;
  }
  if (methods.empty()) {
    return with_headers(reply_of({.status = 404, .message = fmt::format("there is no {}", head.path.substr(0, 200)),
                                  .type = "not_found_error"}));
  }
  return with_headers(reply_of({.status = 405, .message = fmt::format("{} takes {}", head.path, methods),
                                .headers = {{"Allow", methods}}}));
}

void Service::answer(const ExchangePtr& exchange) {
  const HttpRequest& request = exchange->request();
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  const auto& all = routes();
  const auto route = std::find_if(all.begin(), all.end(), [&](const Route& one) {
    return request.path == one.path && method == one.method;
  });
  try {
    (this->*route->answer)(exchange);  // refuse() has let it through
  } catch (const std::exception& error) {
    exchange->reply(with_headers(reply_of(problem_of(error))));
  }
}

void Service::health(const ExchangePtr& exchange) {
  if (draining_) return exchange->reply(with_headers(reply_of(ending())));
  if (model_ == nullptr) return exchange->reply(with_headers(reply_of(loading())));
  exchange->reply(with_headers({.body = R"({"status":"ok"})"}));
}

void Service::models(const ExchangePtr& exchange) {
  const json model = {{"id", setting_.name},
                      {"object", "model"},
                      {"created", setting_.started},
                      {"owned_by", "gemring"},
                      {"max_model_len", model_->limits.prompt_tokens}};
  exchange->reply(with_headers({.body = line_of({{"object", "list"}, {"data", json::array({model})}})}));
}

void Service::metrics(const ExchangePtr& exchange) {
  const std::size_t waiting = queue_.size();
  const std::size_t running = open_requests_.size() - std::min(open_requests_.size(), waiting);
  exchange->reply(
      with_headers({.body = metrics_.text(running, waiting), .type = "text/plain; version=0.0.4; charset=utf-8"}));
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
  exchange->reply(with_headers({.body = line_of(props)}));
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
  exchange->reply(with_headers({.body = line_of(slots)}));
}

std::string Service::new_id(bool is_chat) {
  return fmt::format("{}-{:08x}{:08x}", is_chat ? "chatcmpl" : "cmpl", random_ & 0xffffffff, ++next_);
}

HttpReply Service::busy() const {
  return with_headers(reply_of(
      {.status = 429,
       .message = fmt::format("{} requests are on their way and {} may wait beside those (--queue); come again later",
                              open_requests_.size(), model_->limits.queue),
       .type = "rate_limit_error",
       .code = "queue_full",
       .headers = {{"Retry-After", "10"}}}));
}

void Service::generate(const ExchangePtr& exchange, ReadRequest read, bool is_chat) {
  const auto most = static_cast<std::size_t>(model_->limits.parallel) + static_cast<std::size_t>(model_->limits.queue);
  if (open_requests_.size() + reading_ >= most) {
    metrics_.count_end("refused");
    return exchange->reply(busy());
  }
  ++reading_;
  const std::string id = new_id(is_chat);
  const std::uint64_t number = next_;
  server_.post_long([this, exchange, read, id, number] {
    ApiRequest request;
    std::vector<PreparedAnswer> prepared;
    std::optional<ApiProblem> problem;
    try {
      request = read(exchange->request().body);
      exchange->request().body = std::string();  // a book is not held twice
      for (std::size_t i = 0; i < request.lines.size(); ++i) prepared.push_back(prepare_answer(*model_, request, i));
    } catch (const std::exception& error) {
      problem = problem_of(error);
    }
    const auto all = std::make_shared<std::vector<PreparedAnswer>>(std::move(prepared));
    server_.post([this, exchange, request, id, number, all, problem] {
      --reading_;
      AnswerShape shape(id, request.model.empty() ? setting_.name : request.model,
                        std::chrono::duration_cast<std::chrono::seconds>(
                            std::chrono::system_clock::now().time_since_epoch())
                            .count(),
                        request.is_chat);
      const auto answering = std::make_shared<Answering>(*answering_, exchange, std::move(shape), request,
                                                         [this, number] { open_requests_.erase(number); });
      if (problem) {
        answering->refuse(*problem);
      } else {
        open_requests_.emplace(number, answering);
        answering->start(std::move(*all));
      }
      if (draining_ && reading_ == 0) queue_.close();
    });
  });
}

void Service::chat(const ExchangePtr& exchange) {
  generate(exchange, chat_request, true);
}

void Service::completion(const ExchangePtr& exchange) {
  generate(exchange, completion_request, false);
}

void Service::answer_later(const ExchangePtr& exchange, std::function<std::string(const std::string& body)> make) {
  server_.post_long([this, exchange, make = std::move(make)] {
    HttpReply reply;
    try {
      reply.body = make(exchange->request().body);
    } catch (const std::exception& error) {
      reply = reply_of(problem_of(error));
    }
    server_.post([this, exchange, reply = std::move(reply)] { exchange->reply(with_headers(reply)); });
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

void Service::apply_template(const ExchangePtr& exchange) {
  answer_later(exchange, [model = model_](const std::string& body) {
    const ApiRequest request = chat_request(body);
    if (model->chat == nullptr) refuse_field("messages", model->no_chat);
    RequestLine line = model->chat->defaults();
    line.prompt.chat.on = true;
    read_request_line(request.lines.front(), line);
    return line_of({{"prompt", prompt_text(line.prompt, model->chat_template).text}});
  });
}

}  // namespace gemring
