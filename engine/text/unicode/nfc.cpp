#include "engine/text/unicode/nfc.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "engine/base/check.h"
#include "engine/text/unicode/utf8.h"

namespace gemring {

namespace {

constexpr auto kOptions = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
constexpr unsigned char kFirstLead = 0xCC;  // of U+0300; what lies below it is in NFC among itself
constexpr char32_t kTableEnd = 0x30000;     // nothing above has a decomposition or a combining class

enum class Role : std::uint8_t {
  starter,   // begins a segment; alone it stays as it is
  changing,  // begins a segment; alone it becomes something else
  follower,  // may join with what stands before it
};

using CodePoints = std::vector<utf8proc_int32_t>;

void append_decomposition(char32_t code, CodePoints& out) {
  std::array<utf8proc_int32_t, 32> parts;  // the longest canonical decomposition has 4
  int unused = 0;
  const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code), parts.data(),
                                             static_cast<utf8proc_ssize_t>(parts.size()), kOptions, &unused);
  GEMRING_CHECK(count >= 0 && count <= static_cast<utf8proc_ssize_t>(parts.size()), "U+{:04X} decomposes into {}",
                static_cast<unsigned>(code), count);
  out.insert(out.end(), parts.begin(), parts.begin() + count);
}

int combining_class(utf8proc_int32_t code) {
  return utf8proc_get_property(code)->combining_class;
}

// Canonical order: each run of combining marks by class, equal ones as they stand. utf8proc's own sort is quadratic.
void sort_marks(CodePoints& codes) {
  for (auto begin = codes.begin(); begin != codes.end();) {
    if (combining_class(*begin) == 0) {
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, codes.end(), [](utf8proc_int32_t code) { return combining_class(code) == 0; });
    std::stable_sort(begin, end,
                     [](utf8proc_int32_t a, utf8proc_int32_t b) { return combining_class(a) < combining_class(b); });
    begin = end;
  }
}

void recompose(CodePoints& codes) {
  sort_marks(codes);
  const auto count = utf8proc_normalize_utf32(codes.data(), static_cast<utf8proc_ssize_t>(codes.size()), kOptions);
  GEMRING_CHECK(count >= 0, "utf8proc: {}", utf8proc_errmsg(count));
  codes.resize(static_cast<std::size_t>(count));
}

std::vector<Role> make_roles() {
  std::vector<Role> roles(kTableEnd, Role::starter);
  const auto follow = [&roles](utf8proc_int32_t code) { roles[static_cast<std::size_t>(code)] = Role::follower; };
  CodePoints parts;
  for (char32_t code = 0; code < kTableEnd; ++code) {
    if (code >= 0xD800 && code < 0xE000) continue;
    parts.clear();
    append_decomposition(code, parts);
    if (combining_class(static_cast<utf8proc_int32_t>(code)) != 0 || combining_class(parts[0]) != 0) {
      follow(static_cast<utf8proc_int32_t>(code));
    }
    // What stands second in a composition may join; a first that is itself joined would be a second elsewhere.
    for (std::size_t i = 1; i < parts.size(); ++i) follow(parts[i]);
    recompose(parts);
    const bool stays = parts.size() == 1 && parts[0] == static_cast<utf8proc_int32_t>(code);
    if (!stays && roles[code] == Role::starter) roles[code] = Role::changing;
  }
  return roles;
}

Role role_of(char32_t code) {
  static const std::vector<Role> roles = make_roles();
  return code < kTableEnd ? roles[code] : Role::starter;
}

// A segment: a code point and the followers behind it. Segments are composed one by one.
class Composer {
 public:
  Composer(const TextPart& text, MappedText& out) : text_(text), out_(out) {}

  bool run() {
    for (std::size_t at = 0; at < text_.bytes.size();) {
      const auto lead = static_cast<unsigned char>(text_.bytes[at]);
      if (lead < kFirstLead) {
        begin_segment(at, Role::starter);
        at += lead < 0x80 ? 1 : 2;
        continue;
      }
      const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
      const Role role = role_of(code_point(text_.bytes.substr(at, length)));
      if (role == Role::follower) {
        segment_changes_ = true;
      } else {
        begin_segment(at, role);
      }
      at += length;
    }
    begin_segment(text_.bytes.size(), Role::starter);
    if (changed_) out_.keep(text_, kept_, text_.bytes.size());
    return changed_;
  }

 private:
  void begin_segment(std::size_t at, Role role) {
    if (segment_changes_) compose_segment(at);
    segment_ = at;
    segment_changes_ = role == Role::changing;
  }

  void compose_segment(std::size_t end) {
    const std::string_view before = text_.bytes.substr(segment_, end - segment_);
    codes_.clear();
    for (std::size_t at = 0; at < before.size();) {
      const std::size_t length = utf8_sequence(before.substr(at)).length;
      append_decomposition(code_point(before.substr(at, length)), codes_);
      at += length;
    }
    recompose(codes_);
    after_.clear();
    for (utf8proc_int32_t code : codes_) append_code_point(static_cast<char32_t>(code), after_);
    if (after_ == before) return;
    if (!changed_) out_.start(text_);
    changed_ = true;
    out_.keep(text_, kept_, segment_);
    out_.put(after_, text_.end_of(end));
    kept_ = end;
  }

  const TextPart& text_;
  MappedText& out_;
  std::size_t segment_ = 0;  // where it begins
  bool segment_changes_ = false;
  bool changed_ = false;  // something before changed: out_ has all up to kept_
  std::size_t kept_ = 0;
  CodePoints codes_;
  std::string after_;
};

bool may_change(std::string_view bytes) {
  return std::any_of(bytes.begin(), bytes.end(),
                     [](char byte) { return static_cast<unsigned char>(byte) >= kFirstLead; });
}

}  // namespace

bool compose(const TextPart& text, MappedText& out) {
  return may_change(text.bytes) && Composer(text, out).run();
}

}  // namespace gemring
