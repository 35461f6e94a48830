#include "engine/model/model_files.h"

#include "engine/model/gguf_config.h"
#include "engine/weights/gguf/gguf.h"
#include "engine/weights/safetensors/checkpoint.h"

namespace gemring {

ModelFiles open_model_files(const std::string& path) {
  ModelFiles files;
  if (is_gguf_path(path)) {
    files.weights = open_gguf(path);
    files.config = read_gguf_config(read_gguf_metadata(path), *files.weights);
  } else {
    files.config = load_model_config(path);
    files.weights = open_checkpoint(path);
  }
  return files;
}

}  // namespace gemring
