#include "engine/weights/gguf/gguf.h"

#include "engine/model/model_files.h"
#include "engine/text/chat/chat_template.h"
#include "tests/fuzz/checks.h"
#include "tests/fuzz/entries.h"
#include "tests/fuzz/scratch.h"

namespace gemring::fuzz {

void read_gguf(std::string_view bytes) {
  static ScratchDirectory directory;
  directory.put("model.gguf", bytes);
  const std::string path = directory.path_of("model.gguf");
  Attempts attempt;
  attempt([&] { load_all(*open_gguf(path), bytes.size(), attempt); });
  // The pairs of a file whose tensors are broken, or that has none, still give a tokenizer.
  const GgufMetadata metadata = read_gguf_metadata(path);
  if (metadata.has("general.architecture")) attempt([&] { check_config(open_model_files(path).config); });
  if (metadata.has("tokenizer.ggml.model"))
    attempt([&] { check_tokenizer(Tokenizer::load(path), "Hello world, 12 \u00e9\u2581lo<s>\n"); });
  if (metadata.has("tokenizer.chat_template"))
    attempt([&] { ChatTemplate(read_chat_template(path)).render({{{"user", "hi", {}}}, true}); });
  attempt.rethrow();
}

}  // namespace gemring::fuzz
