// Texts inside of SVG and HTML.
#pragma once

#include <string>
#include <string_view>

namespace gemring {

/// `text` as the content of an element or of an attribute in double quotes.
inline std::string xml_text(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '<')
      safe += "&lt;";
    else if (c == '>')
      safe += "&gt;";
    else if (c == '&')
      safe += "&amp;";
    else if (c == '"')
      safe += "&quot;";
    else if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t')
      safe += "\xef\xbf\xbd";  // XML has no such characters, not even escaped
    else
      safe += c;
  }
  return safe;
}

}  // namespace gemring
