#include "engine/text/tokenizer/tokenizer_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/base/error.h"

namespace gemring {

namespace {

using Json = nlohmann::json;

// A value of the document takes up to 100 bytes of memory for 2 in the file: their number is bounded apart.
constexpr std::size_t kMostValues = 2'000'000;
constexpr std::size_t kDeepest = 64;

class DocumentReader : public nlohmann::json_sax<Json> {
 public:
  explicit DocumentReader(const std::string& where) : where_(where) {}

  TokenizerDocument take() { return std::move(document_); }

  bool null() override { return value(nullptr); }
  bool boolean(bool what) override { return value(what); }
  bool number_float(double what, const std::string&) override { return value(what); }
  bool number_integer(std::int64_t what) override { return number(what); }
  bool number_unsigned(std::uint64_t what) override {
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    return number(static_cast<std::int64_t>(std::min(what, kMost)));
  }
  bool binary(Json::binary_t&) override { return false; }

  bool string(std::string& what) override {
    if (part_ == Part::merges) return merge_line(what);
    if (part_ != Part::merge_pair) return value(std::move(what));
    if (pair_parts_ == 2) bad_merge("a pair of more than two tokens");
    auto& merge = document_.merges.back();
    (pair_parts_++ == 0 ? merge.left : merge.right) = std::move(what);
    return true;
  }

  bool start_object(std::size_t) override {
    if (part_ == Part::document && at_model("vocab")) {
      place(nullptr);  // so that a second one is noticed
      part_ = Part::vocabulary;
      document_.vocabulary_is_object = true;
      return true;
    }
    return open(Json::object());
  }

  bool key(std::string& name) override {
    if (part_ == Part::document && open_.back()->contains(name)) {
      throw ModelFileError({where_, fmt::format("the key \"{}\" stands twice in one object", name), "get it again"});
    }
    key_ = std::move(name);
    return true;
  }

  bool end_object() override {
    if (part_ == Part::vocabulary) return part_ = Part::document, true;
    return close();
  }

  bool start_array(std::size_t) override {
    if (part_ == Part::document && at_model("merges")) {
      place(nullptr);
      part_ = Part::merges;
      return true;
    }
    if (part_ == Part::merges) {
      part_ = Part::merge_pair;
      pair_parts_ = 0;
      document_.merges.emplace_back();
      return true;
    }
    if (part_ == Part::document && at_model("vocab")) {  // a Unigram model: refused by its name later
      place(nullptr);
      part_ = Part::skipped;
      return true;
    }
    return open(Json::array());
  }

  bool end_array() override {
    switch (part_) {
      case Part::merges:
        return part_ = Part::document, true;
      case Part::merge_pair:
        if (pair_parts_ != 2) bad_merge(fmt::format("a pair of {} tokens", pair_parts_));
        return part_ = Part::merges, true;
      default:
        return close();
    }
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    throw ModelFileError({where_, fmt::format("is no valid tokenizer file: {}", error.what()), "get the file again"});
  }

 private:
  enum class Part { document, vocabulary, merges, merge_pair, skipped };

  bool at_model(std::string_view name) const { return open_.size() == 2 && in_model_ && key_ == name; }

  bool number(std::int64_t what) {
    if (part_ != Part::vocabulary) return value(what);
    document_.vocabulary.push_back({std::move(key_), what});
    return true;
  }

  // A value that is none of the long parts' own.
  bool value(Json what) {
    switch (part_) {
      case Part::skipped:
        return true;
      case Part::document:
        return place(std::move(what)), true;
      case Part::vocabulary:
        throw ModelFileError({where_, fmt::format("the id of token \"{}\" is no whole number", key_), "get it again"});
      default:
        bad_merge(fmt::format("{} instead of a text", what.type_name()));
    }
  }

  Json* place(Json what) {
    if (++values_ > kMostValues) {
      throw ModelFileError({where_, fmt::format("has more than {} values beside its vocabulary", kMostValues), ""});
    }
    if (open_.empty()) return document_.root = std::move(what), &document_.root;
    Json& into = *open_.back();
    if (!into.is_array()) return &(into[std::move(key_)] = std::move(what));
    into.push_back(std::move(what));
    return &into.back();
  }

  bool open(Json what) {
    if (part_ == Part::skipped) return ++skipped_depth_, true;
    if (part_ != Part::document) return value(std::move(what));
    if (open_.size() == kDeepest) throw ModelFileError({where_, fmt::format("nests deeper than {}", kDeepest), ""});
    if (open_.size() == 1) in_model_ = key_ == "model";
    open_.push_back(place(std::move(what)));
    return true;
  }

  bool close() {
    if (part_ != Part::skipped) return open_.pop_back(), true;
    if (skipped_depth_ == 0) return part_ = Part::document, true;
    return --skipped_depth_, true;
  }

  bool merge_line(std::string& line) {
    if (line.starts_with("#version")) return true;
    const std::size_t space = line.find(' ');
    if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos) {
      bad_merge(fmt::format("\"{}\" is not two tokens with a space between", line));
    }
    document_.merges.push_back({line.substr(0, space), line.substr(space + 1)});
    return true;
  }

  [[noreturn]] void bad_merge(const std::string& what) const {
    throw ModelFileError(
        {where_, fmt::format("merge {}: {}", document_.merges.size(), what), "the file is damaged; get it again"});
  }

  const std::string& where_;
  TokenizerDocument document_;
  Part part_ = Part::document;
  std::vector<Json*> open_;  // containers from the root inwards; none moves while another is inside it
  std::string key_;
  bool in_model_ = false;  // open_[1] is the model
  std::size_t values_ = 0, skipped_depth_ = 0, pair_parts_ = 0;
};

}  // namespace

TokenizerDocument parse_tokenizer_document(std::string_view json, const std::string& where) {
  DocumentReader reader(where);
  // nlohmann takes a zero byte for the end of the text.
  if (const auto zero = json.find('\0'); zero != std::string_view::npos) {
    throw ModelFileError({where, fmt::format("holds a zero byte at byte {}", zero), "get the file again"});
  }
  if (!Json::sax_parse(json.begin(), json.end(), &reader)) {
    throw ModelFileError({where, "is no valid tokenizer file", "get the file again"});
  }
  TokenizerDocument document = reader.take();
  if (!document.root.is_object()) throw ModelFileError({where, "is no valid tokenizer file: no object at its top", ""});
  return document;
}

}  // namespace gemring
