// The readers of files that strangers write, each as a function of a file's bytes: what libFuzzer calls in preset fuzz
// and corpus_test.cpp in every other one.
#pragma once

#include <span>
#include <string_view>

namespace gemring::fuzz {

/// Reads `bytes` as a user's file and, where it is taken, goes on with it: tensors are loaded, texts are encoded,
/// messages rendered. Throws an Error where the file is refused, which is fine; anything else that leaves, and a result
/// that breaks what its header promises (GEMRING_CHECK), is a finding.
struct Entry {
  std::string_view name;  // of the program fuzz_NAME, of dictionaries/NAME.dict and of corpus/NAME
  void (*read)(std::string_view bytes);
};

std::span<const Entry> entries();

/// Runs an entry with the log silent; an Error is the end of it.
void run(const Entry& entry, std::string_view bytes);

/// A safetensors header and, behind the first zero byte (no header has one), data; the length in front is put there.
/// What does not begin with '{' is a whole file. Both as model.safetensors of a directory.
void read_safetensors_header(std::string_view bytes);

/// A GGUF file: metadata, tensors, the model's config, tokenizer and chat template in it.
void read_gguf(std::string_view bytes);

/// tokenizer.json, a text to encode, tokenizer_config.json: each behind a line of three dashes, the last two optional.
void read_tokenizer_json(std::string_view bytes);

/// config.json, generation_config.json, gemring.json, likewise.
void read_config_json(std::string_view bytes);

/// Messages in JSON, rendered by every known format and by the template behind a line of three dashes, if there is one.
void read_chat_messages(std::string_view bytes);

/// A prompt of token ids in JSON; what begins with '{' is a line with a text (tokenize --jsonl).
void read_token_ids(std::string_view bytes);

/// A line of --requests.
void read_request_line_entry(std::string_view bytes);

/// The body of a request to the service: behind c of a chat, r of Responses, m of Messages, anything else of a
/// completion.
void read_api_request(std::string_view bytes);

/// An index file, or the head of one.
void read_index_file(std::string_view bytes);

}  // namespace gemring::fuzz
