// The service: who may ask, what there is to ask for, and how many at a time. Rank 0 alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "distributed/session/request_source.h"
#include "launch/serve/access.h"
#include "launch/serve/answering.h"
#include "launch/serve/http/http_server.h"
#include "launch/serve/service_metrics.h"
#include "launch/serve/service_model.h"
#include "launch/serve/service_queue.h"
#include "launch/serve/text_store.h"

namespace gemring {

class Service {
 public:
  struct Setting {
    AccessRules access;
    std::string name;            // of the model, for clients
    std::string model_path;      // file name or directory name of it
    double timeout = 0;          // seconds of one request; 0: none
    std::size_t text_bytes = 0;  // of texts that are kept by name
    std::int64_t started = 0;    // seconds since 1970
  };

  /// Answers /health with 503 from here on, until open(). The server is the caller's and outlives this.
  Service(HttpServer& server, Setting setting);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// The model is there. It outlives the server.
  void open(const ServiceModel& model);

  /// A text of an earlier run. Before open().
  void take(IndexDirectory::KeptText text);

  RequestSource& source() { return queue_; }

  /// Accepts no more requests; those that are here are answered, then the source ends. Any thread may call it.
  void drain();

 private:
  struct Route {
    const char* method;
    const char* path;
    void (Service::*answer)(const ExchangePtr& exchange);
    bool needs_model = true;
    ApiKind kind = ApiKind::completion;  // in whose shape errors are told
  };
  static const std::vector<Route>& routes();

  std::optional<HttpReply> refuse(const HttpRequest& head) const;
  void answer(const ExchangePtr& exchange);

  void show_page(const ExchangePtr& exchange);
  void health(const ExchangePtr& exchange);
  void models(const ExchangePtr& exchange);
  void metrics(const ExchangePtr& exchange);
  void props(const ExchangePtr& exchange);
  void slots(const ExchangePtr& exchange);
  void chat(const ExchangePtr& exchange);
  void completion(const ExchangePtr& exchange);
  void responses(const ExchangePtr& exchange);
  void messages(const ExchangePtr& exchange);
  void count_tokens(const ExchangePtr& exchange);
  void keep_text(const ExchangePtr& exchange);
  void list_texts(const ExchangePtr& exchange);
  void show_text(const ExchangePtr& exchange);
  void remove_text(const ExchangePtr& exchange);
  void select(const ExchangePtr& exchange);
  void tokenize(const ExchangePtr& exchange);
  void detokenize(const ExchangePtr& exchange);
  void apply_template(const ExchangePtr& exchange);

  using ReadRequest = ApiRequest (*)(std::string_view body);
  void generate(const ExchangePtr& exchange, ReadRequest read, ApiKind kind);
  static std::string id_of_text(const std::string& path);  // of a path; empty where it has none
  /// Reads a body, on another thread. `text_id`: of the path; else empty.
  ApiRequest read_body(const std::string& body, ReadRequest read, const std::string& text_id) const;
  void start(const ExchangePtr& exchange, const ApiRequest& request, std::uint64_t number,
             std::vector<PreparedAnswer> prepared, const std::optional<ApiProblem>& problem);
  /// Answers with the JSON text that `make` returns, on another thread.
  void answer_later(const ExchangePtr& exchange, std::function<std::string(const std::string& body)> make);
  static const Route* route_of(const HttpRequest& head);

  HttpReply refusal(const ApiProblem& problem, const std::string& path) const;
  ApiProblem busy() const;

  HttpServer& server_;
  Setting setting_;
  ServiceQueue queue_;
  TextStore texts_;
  ServiceMetrics metrics_;
  const ServiceModel* model_ = nullptr;  // as all below: of the server's thread
  std::unique_ptr<AnsweringSetting> answering_;
  std::map<std::uint64_t, std::shared_ptr<Answering>> open_requests_;
  std::size_t reading_ = 0;  // accepted, and not yet in the queue
  std::uint64_t next_ = 0;
  std::uint64_t random_;  // of this process: ids do not come again after a restart
  bool draining_ = false;
};

}  // namespace gemring
