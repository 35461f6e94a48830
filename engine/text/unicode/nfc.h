// Canonical composition (NFC, Unicode standard annex 15) that knows which bytes became which; tables of utf8proc.
#pragma once

#include "engine/text/unicode/text_part.h"

namespace gemring {

/// False where `text` is in NFC already; else `out` is its NFC. Time linear in the text but for runs of combining
/// marks, which are sorted (n log n). The first call builds a table, some milliseconds.
bool compose(const TextPart& text, MappedText& out);

}  // namespace gemring
