// The "decoder" of a tokenizer.json.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/text/tokenizer/byte_map.h"
#include "engine/text/tokenizer/pipeline_json.h"
#include "engine/text/unicode/utf8.h"

namespace gemring {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kLongestDecoded = 1u << 20;  // bytes, after replacing: a file may not blow up what it holds

void replace_all(std::string& text, std::string_view what, std::string_view by, const std::string& where) {
  std::size_t at = text.find(what), done = 0;
  if (at == std::string::npos) return;
  std::string out;
  for (; at != std::string::npos; at = text.find(what, done)) {
    out.append(text, done, at - done).append(by);
    done = at + what.size();
    if (out.size() > kLongestDecoded) throw ModelFileError({where, "the decoder makes tokens beyond 1 MiB", ""});
  }
  text = std::move(out.append(text, done));
}

// The steps of a decoder, each done to every token; what is done to the joined text goes into file.decoder.
class DecoderReader {
 public:
  DecoderReader(const std::string& where, TokenizerFile& file) : where_(where), file_(file) {}

  void read(const Json& part) {
    const std::string type = type_of(part);
    if (type == "Strip") return strip(part);
    if (joined_) {
      if (type == "Fuse") return;
      refuse(where_, fmt::format("decoder {} behind one that joins the tokens", type));
    }
    if (type == "ByteLevel") {
      byte_level();
    } else if (type == "ByteFallback") {
      byte_fallback();
    } else if (type == "Fuse") {
      joined_ = true;
    } else if (type == "Replace") {
      replace(part);
    } else if (type == "Metaspace") {
      metaspace(part);
    } else {
      refuse(where_, fmt::format("decoder {}", type));
    }
  }

  // A token that has a character outside the alphabet stands for itself.
  void byte_level() {
    for (std::string& bytes : file_.bytes) {
      if (auto mapped = entry_to_bytes(bytes)) bytes = *std::move(mapped);
    }
    joined_ = true;
  }

 private:
  void byte_fallback() {
    for (std::size_t id = 0; id < file_.bytes.size(); ++id) {
      const auto byte = byte_of_entry(file_.bytes[id]);
      if (!byte || file_.kinds[id] == TokenKind::absent) continue;
      file_.bytes[id].assign(1, static_cast<char>(*byte));
      if (file_.kinds[id] == TokenKind::text) file_.kinds[id] = TokenKind::byte;
    }
  }

  void replace(const Json& part) {
    if (replaced_spaces_) refuse(where_, "decoder Replace behind Metaspace");
    const Json& pattern = part.at("pattern");
    if (!pattern.contains("String")) refuse(where_, "decoder Replace with a regular expression");
    const auto what = pattern["String"].get<std::string>(), by = part.at("content").get<std::string>();
    if (what.empty()) refuse(where_, "decoder Replace with an empty pattern");
    for (std::string& bytes : file_.bytes) replace_all(bytes, what, by, where_);
  }

  void metaspace(const Json& part) {
    const auto space = part.at("replacement").get<std::string>();
    if (space.empty()) throw ModelFileError({where_, "decoder Metaspace: the replacement is empty", ""});
    for (std::size_t id = 0; id < file_.bytes.size(); ++id) {
      std::string& bytes = file_.bytes[id];
      if (bytes.find(' ') != std::string::npos && file_.kinds[id] != TokenKind::byte) {
        std::string first = bytes;
        replace_all(first, space, "", where_);
        file_.first_bytes.emplace(TokenId(id), std::move(first));
      }
      replace_all(bytes, space, " ", where_);
    }
    replaced_spaces_ = true;
    const bool old = !part.contains("prepend_scheme");
    file_.decoder.first_loses_its_spaces =
        old ? part.value("add_prefix_space", true) : part["prepend_scheme"].get<std::string>() != "never";
  }

  void strip(const Json& part) {
    const auto content = part.at("content").get<std::string>();
    const std::uint64_t start = natural_number(part.at("start"), where_);
    const std::uint64_t stop = natural_number(part.at("stop"), where_);
    if (content.empty() || utf8_sequence(content).length != content.size()) {
      throw ModelFileError({where_, fmt::format("decoder Strip: content \"{}\" is not one character", content), ""});
    }
    if (!joined_) refuse(where_, "decoder Strip before Fuse");
    if (stop != 0) refuse(where_, fmt::format("decoder Strip with stop {}", stop));
    if (file_.decoder.leading_count != 0 && start != 0) refuse(where_, "decoder Strip twice");
    file_.decoder.leading = content;
    file_.decoder.leading_count = static_cast<std::size_t>(start);
  }

  const std::string& where_;
  TokenizerFile& file_;
  bool joined_ = false;           // by Fuse or ByteLevel
  bool replaced_spaces_ = false;  // by Metaspace
};

}  // namespace

void read_decoder(const Json& root, bool byte_level, const std::string& where, TokenizerFile& file) {
  DecoderReader reader(where, file);
  const std::vector<Json> parts = parts_of(root, "decoder", "decoders");
  if (parts.empty() && !byte_level) refuse(where, "a file without a decoder (and not byte-level)");
  if (parts.empty()) reader.byte_level();
  for (const Json& part : parts) reader.read(part);
}

}  // namespace gemring
