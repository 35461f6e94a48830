// Files of a random model, and what loading and converting them costs. bench/load runs these steps, each in a process
// of its own, because peak memory is a process's.
#include <fmt/format.h>
#include <omp.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/process.h"
#include "engine/model/config.h"
#include "engine/model/tensors.h"
#include "engine/weights/gguf/gguf.h"
#include "engine/weights/made/converted_tensors.h"
#include "engine/weights/made/random_tensors.h"
#include "engine/weights/safetensors/checkpoint.h"
#include "engine/weights/tensor_source.h"

namespace gemring {
namespace {

template <class T>
void put(std::ostream& out, T value) {
  out.write(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::ostream& out, const std::string& text) {
  put(out, static_cast<std::uint64_t>(text.size()));
  out << text;
}

/// Every tensor's bytes, one after the other, each padded to `alignment`.
void put_data(std::ostream& out, const TensorSource& source, std::uint64_t alignment) {
  for (const TensorInfo& info : source.tensors()) {
    const auto data = source.load(info);
    out.write(reinterpret_cast<const char*>(data->bytes().data()), static_cast<std::streamsize>(info.bytes));
    const std::uint64_t padding = (alignment - info.bytes % alignment) % alignment;
    out << std::string(padding, '\0');
  }
}

/// As engine/weights/safetensors/safetensors.h describes it; bf16.
void write_safetensors(const std::string& path, const TensorSource& source) {
  std::string header = "{";
  std::uint64_t offset = 0;
  for (const TensorInfo& info : source.tensors()) {
    header += fmt::format(R"({}"{}":{{"dtype":"BF16","shape":[{}],"data_offsets":[{},{}]}})", offset == 0 ? "" : ",",
                          info.name, fmt::join(info.shape, ","), offset, offset + info.bytes);
    offset += info.bytes;
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::ofstream out(path, std::ios::binary);
  put_text(out, header);
  put_data(out, source, 1);
  if (!out.flush()) throw ResourceError({path, "cannot be written", "make room, or name another directory"});
}

std::uint32_t gguf_number(DataType type) {
  switch (type) {
    case DataType::q4_0:
      return 2;
    case DataType::q8_0:
      return 8;
    default:
      return 30;  // bf16
  }
}

/// As engine/weights/gguf/gguf.h describes it; the tensors keep their names, and the metadata is one pair.
void write_gguf(const std::string& path, const TensorSource& source) {
  constexpr std::uint64_t kAlignment = 32;
  std::ofstream out(path, std::ios::binary);
  out << "GGUF";
  put(out, std::uint32_t{3});
  put(out, static_cast<std::uint64_t>(source.tensors().size()));
  put(out, std::uint64_t{1});
  put_text(out, "general.architecture");
  put(out, std::uint32_t{8});
  put_text(out, "random");
  std::uint64_t offset = 0;
  for (const TensorInfo& info : source.tensors()) {
    put_text(out, info.name);
    put(out, static_cast<std::uint32_t>(info.shape.size()));
    for (std::size_t i = info.shape.size(); i > 0; --i) put(out, info.shape[i - 1]);
    put(out, gguf_number(info.type));
    put(out, offset);
    offset += (info.bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  while (static_cast<std::uint64_t>(out.tellp()) % kAlignment != 0) out << '\0';
  put_data(out, source, kAlignment);
  if (!out.flush()) throw ResourceError({path, "cannot be written", "make room, or name another directory"});
}

void write_files(const std::string& shape, const std::string& directory) {
  const ModelConfig config = load_model_config_file(shape);
  const auto random = [&] { return random_tensors(expected_tensors(config, DataType::bf16)); };
  const std::filesystem::path into = directory;
  std::filesystem::create_directories(into);
  write_safetensors((into / "model.safetensors").string(), *random());
  for (const DataType type : {DataType::q8_0, DataType::q4_0}) {
    const auto converted = convert_tensors(random(), {type, {}});
    write_gguf((into / fmt::format("model-{}.gguf", name(type))).string(), *converted.tensors);
  }
}

std::unique_ptr<TensorSource> open_weights(const std::string& path) {
  return is_gguf_path(path) ? open_gguf(path) : open_checkpoint(path);
}

struct Loaded {
  double open_seconds = 0;
  double load_seconds = 0;
  std::uint64_t bytes = 0;  // of all tensors as they are held
};

/// Opens the weights and holds all of them at once, as a rank that owns every layer does.
Loaded load_all(const std::string& path, const std::string& convert_to) {
  Loaded result;
  const double start = steady_seconds();
  auto source = open_weights(path);
  if (!convert_to.empty()) {
    WeightConversion conversion;
    for (const DataType type : {DataType::f32, DataType::bf16, DataType::q8_0, DataType::q4_0}) {
      if (name(type) == convert_to) conversion.type = type;
    }
    source = convert_tensors(std::move(source), conversion).tensors;
  }
  const double opened = steady_seconds();
  std::vector<std::unique_ptr<TensorData>> held;
  held.reserve(source->tensors().size());
  for (const TensorInfo& info : source->tensors()) {
    held.push_back(source->load(info));
    result.bytes += held.back()->bytes().size();
  }
  result.open_seconds = opened - start;
  result.load_seconds = steady_seconds() - opened;
  return result;
}

std::uint64_t bytes_on_disk(const std::string& path) {
  if (!std::filesystem::is_directory(path)) return std::filesystem::file_size(path);
  return std::filesystem::file_size(std::filesystem::path(path) / "model.safetensors");
}

void measure(const std::string& path, const std::string& convert_to, int threads) {
  if (threads > 0) omp_set_num_threads(threads);
  const std::uint64_t before = peak_rss_bytes();
  const Loaded loaded = load_all(path, convert_to);
  fmt::print(R"({{"file_bytes": {}, "held_bytes": {}, "open_seconds": {:.6f}, "load_seconds": {:.6f}, )"
             R"("peak_rss_bytes": {}, "rss_before_bytes": {}, "threads": {}}})"
             "\n",
             bytes_on_disk(path), loaded.bytes, loaded.open_seconds, loaded.load_seconds, peak_rss_bytes(), before,
             omp_get_max_threads());
}

int run(int argc, char** argv) {
  CLI::App app("Files of a random model, and what loading and converting them costs. See bench/load.");
  app.require_subcommand(1);
  std::string path, shape, convert_to;
  int threads = 0;
  CLI::App* write = app.add_subcommand("write", "model.safetensors (bf16), model-q8_0.gguf and model-q4_0.gguf");
  write->add_option("--shape", shape, "config.json of the model")->required()->check(CLI::ExistingFile);
  write->add_option("directory", path)->required();
  CLI::App* load = app.add_subcommand("load", "opens and holds all tensors; one line of JSON");
  load->add_option("path", path, "a directory with model.safetensors, or a GGUF file")->required();
  load->add_option("--weights", convert_to, "convert to")->check(CLI::IsMember({"f32", "bf16", "q8_0", "q4_0"}));
  load->add_option("--threads", threads, "0: as OpenMP has it")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (*write)
    write_files(shape, path);
  else
    measure(path, convert_to, threads);
  return 0;
}

}  // namespace
}  // namespace gemring

int main(int argc, char** argv) {
  try {
    return gemring::run(argc, argv);
  } catch (const gemring::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return static_cast<int>(error.code());
  }
}
