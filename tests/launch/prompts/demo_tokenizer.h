// The demo model's tokenizer, loaded once. Header only.
#pragma once

#include "engine/text/tokenizer/tokenizer.h"

namespace gemring::test {

inline const Tokenizer& demo_tokenizer() {
  static const Tokenizer tokenizer = Tokenizer::load(GEMRING_DEMO_MODEL);
  return tokenizer;
}

}  // namespace gemring::test
