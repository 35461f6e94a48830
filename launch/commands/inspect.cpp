#include <fmt/format.h>

#include <map>
#include <string>

#include "engine/base/error.h"
#include "engine/base/format.h"
#include "engine/base/output_file.h"
#include "engine/weights/gguf/gguf.h"
#include "launch/commands/commands.h"
#include "launch/output/bench_output.h"
#include "launch/output/json_line_text.h"
#include "launch/output/proto_json.h"
#include "launch/prompts/chat.h"
#include "launch/prompts/filter_choice.h"
#include "launch/prompts/model.h"
#include "launch/start/version.h"
#include "proto/inference.pb.h"

namespace gemring {
namespace {

void add_config(const ModelConfig& config, proto::Inspection& out) {
  out.set_family(valid_utf8(config.family));
  out.set_layers(config.layer_count());
  out.set_hidden(config.hidden);
  out.set_heads(config.heads);
  out.set_kv_heads(config.kv_heads);
  out.set_head_dim(config.head_dim);
  out.set_ffn(config.ffn);
  out.set_vocab(config.vocab);
  out.set_tied_embeddings(config.tied_embeddings);
  out.set_max_positions(config.max_positions);
  out.set_rope(describe(config.ropes));
}

void add_tensors(const TensorSource& weights, proto::Inspection& out) {
  std::map<std::string_view, proto::TensorTypes> types;
  std::uint64_t parameters = 0, bytes = 0;
  for (const TensorInfo& info : weights.tensors()) {
    proto::TensorTypes& sum = types[name(info.type)];
    sum.set_tensors(sum.tensors() + 1);
    sum.set_bytes(sum.bytes() + static_cast<double>(info.bytes));
    bytes += info.bytes;
    parameters += info.bytes / block_bytes(info.type) * block_elements(info.type);
  }
  out.set_parameters(static_cast<double>(parameters));
  out.set_tensors(static_cast<std::int32_t>(weights.tensors().size()));
  out.set_bytes(static_cast<double>(bytes));
  for (auto& [type, sum] : types) {
    sum.set_type(std::string(type));
    *out.add_types() = sum;
  }
  out.set_fingerprint(fingerprint_text(weights.fingerprint()));
}

void set_token(TokenId id, const Tokenizer* tokenizer, proto::TokenText& out) {
  out.set_id(id.value());
  if (tokenizer != nullptr) out.set_text(tokenizer->decode(std::vector{id}, /*keep_special=*/true));
}

void add_tokens(const std::string& model, const ModelConfig& config, const Tokenizer* tokenizer,
                proto::Inspection& out) {
  for (const TokenId id : config.end_tokens) set_token(id, tokenizer, *out.add_end_tokens());
  if (tokenizer == nullptr) return;
  out.set_tokenizer_ids(static_cast<std::int32_t>(tokenizer->size()));
  const std::size_t plain = tokenizer->encode("a", {.add_bos = false}).ids.size();
  const std::vector<TokenId> ids = tokenizer->encode("a").ids;
  for (std::size_t i = 0; i + plain < ids.size(); ++i) set_token(ids[i], tokenizer, *out.add_added_in_front());
  if (!is_gguf_path(model)) return;
  out.set_pre_tokenizer(valid_utf8(read_gguf_metadata(model).text("tokenizer.ggml.pre").value_or("")));
}

void add_chat(const std::string& model, proto::Inspection& out) {
  try {
    out.set_chat_template(open_chat_template(model, {}).name());
  } catch (const Error& error) {  // the rest can be shown all the same
    out.set_chat_template_problem(valid_utf8(error.what()));
  }
}

std::string tokens_text(const google::protobuf::RepeatedPtrField<proto::TokenText>& tokens) {
  std::string text;
  for (const proto::TokenText& token : tokens) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", token.id());
    if (!token.text().empty()) text += fmt::format(" {}", json_line_text(token.text()));
  }
  return text.empty() ? "none" : text;
}

std::string for_people(const proto::Inspection& model) {
  const auto count = [](double figure) { return grouped(static_cast<std::uint64_t>(figure)); };
  std::string text = fmt::format(
      "model          {}\n"
      "family         {}\n"
      "layers         {}\n"
      "hidden         {}\n"
      "attention      {} query heads, {} key and value heads of {}\n"
      "ffn            {}\n"
      "vocabulary     {}, {} embeddings\n"
      "positions      {}\n"
      "RoPE           {}\n"
      "tensors        {} ({} parameters, {} bytes)\n",
      model.model(), model.family(), model.layers(), model.hidden(), model.heads(), model.kv_heads(), model.head_dim(),
      model.ffn(), model.vocab(), model.tied_embeddings() ? "tied" : "untied", model.max_positions(), model.rope(),
      model.tensors(), count(model.parameters()), count(model.bytes()));
  for (const proto::TensorTypes& type : model.types()) {
    text += fmt::format("               {} {} tensors, {} bytes\n", type.type(), type.tensors(), count(type.bytes()));
  }
  text += model.tokenizer_ids() > 0
              ? fmt::format("tokenizer      {} ids{}\n", model.tokenizer_ids(),
                            model.pre_tokenizer().empty() ? "" : ", words cut as " + model.pre_tokenizer())
              : std::string("tokenizer      none: prompts must be token ids\n");
  text += fmt::format("put in front   {}\n", tokens_text(model.added_in_front()));
  text += fmt::format("end tokens     {}\n", tokens_text(model.end_tokens()));
  text += fmt::format("chat template  {}\n",
                      model.chat_template().empty() ? "none: " + model.chat_template_problem() : model.chat_template());
  text += fmt::format("filter         {} ({})\n", model.filter(), model.filter_layer_source());
  return text + fmt::format("fingerprint    {}\n", model.fingerprint());
}

}  // namespace

int run_inspect(const Job& job, const Options& options) {
  BenchOutput output(options.output.json_file);
  agreed_on_first(job, [&] { output.require_writable(); });
  const OpenModel model = open_model(job, options);
  const std::optional<Tokenizer> tokenizer = open_tokenizer(job, model.name, /*needed=*/true);
  agreed_on_first(job, [&] {
    proto::Inspection found;
    found.set_model(valid_utf8(model.name));
    found.set_version(program_version());
    add_config(model.config, found);
    add_tensors(*model.weights, found);
    add_tokens(model.name, model.config, tokenizer ? &*tokenizer : nullptr, found);
    add_chat(options.model_directory, found);
    const FilterChoice filter = choose_filter({}, model, job.environment);
    found.set_filter_layer(filter.profile.filter_layer().value());
    found.set_filter(describe(filter.profile));
    found.set_filter_layer_source(filter.source);
    output.add(for_people(found), json_line(found));
    output.finish();
  });
  return 0;
}

}  // namespace gemring
