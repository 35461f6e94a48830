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

TextOutput::TextOutput(const Tokenizer* tokenizer, ProgressLine& progress) : progress_(progress) {
  if (tokenizer != nullptr) decoder_.emplace(*tokenizer);
}

void TextOutput::write(std::string_view text) {
  progress_.make_way([&] { write_result(text); });
}

void TextOutput::push(TokenId id) {
  if (decoder_) {
    write(decoder_->push(id));
  } else {
    write(fmt::format("{}{}", first_ ? "" : " ", id.value()));
  }
  first_ = false;
}

void TextOutput::finish() {
  write((decoder_ ? decoder_->finish() : std::string()) + "\n");
}

}  // namespace gemring
