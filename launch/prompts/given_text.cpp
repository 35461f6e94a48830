#include "launch/prompts/given_text.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "engine/base/error.h"
#include "engine/base/format.h"
#include "engine/base/log.h"
#include "engine/base/whole_file.h"
#include "engine/text/unicode/utf8.h"

namespace gemring {
namespace {

[[noreturn]] void refuse(const std::string& text, std::size_t bad, std::string_view where) {
  const auto begin = static_cast<std::ptrdiff_t>(bad);
  const auto lines = 1 + std::count(text.begin(), text.begin() + begin, '\n');
  const std::size_t line_begin = bad == 0 ? 0 : text.rfind('\n', bad - 1) + 1;  // npos + 1 is 0
  throw UsageError({std::string(where),
                    fmt::format("line {}: byte {} (0x{:02X}) is no valid UTF-8", lines, bad - line_begin,
                                static_cast<unsigned char>(text[bad])),
                    "convert the text to UTF-8, for example with iconv, or give --invalid-utf8 replace"});
}

/// Whether the value becomes tokens or is looked for among them, not a file's name nor a word.
bool is_text(const OptionDescription& option) {
  const bool text = option.value.kind == ValueKind::text || option.value.kind == ValueKind::list;
  return text && option.file == FileUse::none && !option.request_field.empty();
}

}  // namespace

std::string read_given_text(const std::string& path, const char* option) {
  if (path == "-") return read_standard_input();
  try {
    return read_whole_file(path);
  } catch (const std::system_error& error) {
    throw UsageError({option, fmt::format("{} cannot be read: {}", path, error.code().message()),
                      error.code().value() == EISDIR ? "name a file in it" : "name a readable file"});
  }
}

std::string read_standard_input() {
  if (isatty(STDIN_FILENO) == 1) log_raw("reading standard input up to its end (Ctrl-D)\n");
  try {
    return read_whole_descriptor(STDIN_FILENO);
  } catch (const std::system_error& error) {
    throw UsageError({"standard input", fmt::format("cannot be read: {}", error.code().message()),
                      "pipe a text into it, or name a file"});
  }
}

void warn_in_log(const std::string& warning) {
  log_warn("{}", warning);
}

std::string replaced_utf8(const std::string& text, std::string_view where, const Warn& warn) {
  std::string valid;
  append_lossy_utf8(text, valid);
  std::size_t replaced = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const Utf8Sequence sequence = utf8_sequence(rest);
    if (sequence.state != Utf8State::whole) ++replaced;
    rest.remove_prefix(sequence.length);
  }
  warn(fmt::format("{}: {} place{} that {} no UTF-8 became U+FFFD", where, grouped(replaced), replaced == 1 ? "" : "s",
                   replaced == 1 ? "is" : "are"));
  return valid;
}

std::string checked_text(std::string text, std::string_view where, InvalidUtf8 invalid, const Warn& warn) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) {
    warn(fmt::format("{} begins with a byte order mark (U+FEFF), which the model reads as a token: save it without one",
                     where));
  }
  const auto zeros = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\0'));
  if (zeros > 0) {
    warn(fmt::format("{} holds {} zero byte{}: is it a text in UTF-8?", where, grouped(zeros), zeros == 1 ? "" : "s"));
  }
  const std::optional<std::size_t> bad = first_invalid_utf8(text);
  if (!bad) return text;
  if (invalid == InvalidUtf8::refuse) refuse(text, *bad, where);
  return replaced_utf8(text, where, warn);
}

void check_texts(const OptionDescription& option, const std::string& where, Options& options, const Warn& warn) {
  if (!is_text(option)) return;
  std::vector<std::string> texts = option.value.texts(options);
  if (texts.empty()) return;
  for (std::string& text : texts) text = checked_text(std::move(text), where, options.prompt.invalid_utf8, warn);
  option.value.read(options, texts, where);
}

void check_texts(const OptionTable& table, Options& options) {
  for (const OptionDescription& option : table) {
    if (option.belongs_to(options.command)) check_texts(option, option.name, options, warn_in_log);
  }
}

}  // namespace gemring
