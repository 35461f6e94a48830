// Text of strangers in files that others read: a shell, YAML, comments. Pure.
#pragma once

#include <string>
#include <vector>

namespace gemring {

/// One word of a line of bash: never several, never an expansion, always one line.
std::string shell_word(const std::string& text);

/// Words one behind the other.
std::string shell_line(const std::vector<std::string>& words);

/// A double-quoted scalar of YAML 1.1 and 1.2, on one line. Throws UsageError where `text` is no UTF-8, naming it by
/// `where`.
std::string yaml_string(const std::string& text, const std::string& where);

/// As Kubernetes must see an argument so that the program gets `text`: it replaces $(NAME) and takes $$ for $.
std::string kubernetes_argument(const std::string& text);

/// What may stand behind a `#`: control characters become `?`.
std::string comment(std::string text);

}  // namespace gemring
