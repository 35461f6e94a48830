#include "launch/output/text_output.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "engine/base/error.h"
#include "engine/base/place.h"

namespace gemring {

void write_result(std::string_view text) {
  const OutsideMark outside;  // whoever reads may be slow
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return;
  throw ResourceError({"standard output", fmt::format("cannot be written: {}", std::strerror(errno)), ""});
}

TextOutput::TextOutput(const Tokenizer* tokenizer, ProgressLine& progress, const std::vector<std::string>& stop)
    : progress_(progress) {
  if (tokenizer != nullptr) text_.emplace(*tokenizer, stop);
}

void TextOutput::write(std::string_view text) {
  progress_.make_way([&] { write_result(text); });
}

void TextOutput::push(TokenId id) {
  if (finished_) return;  // it was cut off, and its line has ended
  if (text_) {
    write(text_->push(id));
  } else {
    write(fmt::format("{}{}", first_ ? "" : " ", id.value()));
  }
  first_ = false;
}

void TextOutput::finish() {
  finished_ = true;
  write((text_ ? text_->finish() : std::string()) + "\n");
}

std::string answer_text(const std::vector<TokenId>& ids, const Tokenizer* tokenizer,
                        const std::vector<std::string>& stop) {
  if (tokenizer == nullptr) return {};
  std::string text = tokenizer->decode(ids);
  if (stop.empty()) return text;
  StopStrings strings(stop);
  text = strings.push(text);
  return text + strings.finish();
}

void TextOutput::cut_off() {
  if (!first_ && !finished_) finish();
}

TextOutput::~TextOutput() {
  if (std::ferror(stdout) != 0) return;
  try {
    cut_off();
  } catch (const Error&) {  // what cut the answer off is told
  }
}

}  // namespace gemring
