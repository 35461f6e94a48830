"""Writes corpus/: small files that the readers take, and a few (broken-*) that they refuse; the fuzz
targets begin with them.

usage: make_corpus.py        (rewrites what it knows; other files in corpus/ are left alone)
"""

import json
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
BORDER = b"\n---\n"


def write(folder, name, content):
    os.makedirs(os.path.join(HERE, "corpus", folder), exist_ok=True)
    with open(os.path.join(HERE, "corpus", folder, name), "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


# --- safetensors: a header, a zero byte, the data (entries.h)


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def write_safetensors():
    two = {"__metadata__": {"format": "pt"}, "a.weight": tensor("F32", [2], 0, 8), "b": tensor("BF16", [2, 3], 8, 20),
           "odd": tensor("U8", [1], 20, 21), "f16": tensor("F16", [2], 21, 25), "empty": tensor("I64", [0], 25, 25)}
    data = struct.pack("<2f", 1, 2) + bytes(12) + b"x" + bytes(4)
    write("safetensors_header", "five", compact(two) + b"\0" + data)
    write("safetensors_header", "none", "{}")
    header = compact({"s": tensor("F32", [], 0, 4)}) + b" "
    write("safetensors_header", "whole-file", struct.pack("<Q", len(header)) + header + bytes(4))
    write("safetensors_header", "broken-overlap",
          compact({"a": tensor("F32", [1], 0, 4), "b": tensor("F32", [1], 2, 6)}) + b"\0" + bytes(8))
    write("safetensors_header", "broken-absurd-size",
          compact({"a": tensor("F32", [1 << 62, 3], 0, 12)}) + b"\0" + bytes(12))
    write("safetensors_header", "broken-length", struct.pack("<Q", 99_999_999) + b"{}")


# --- GGUF

KINDS = {"u8": (0, "B"), "i8": (1, "b"), "u16": (2, "H"), "i16": (3, "h"), "u32": (4, "I"), "i32": (5, "i"),
         "f32": (6, "f"), "bool": (7, "?"), "u64": (10, "Q"), "i64": (11, "q"), "f64": (12, "d")}


def text(value):
    value = value.encode()
    return struct.pack("<Q", len(value)) + value


def value_of(kind, value):
    """u32 7, text "x", [text] ["x"], [f32] [1.0]: the type and the bytes."""
    if kind == "text":
        return struct.pack("<I", 8) + text(value)
    if kind == "[text]":
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
    if kind.startswith("["):
        number, code = KINDS[kind[1:-1]]
        return struct.pack("<IIQ", 9, number, len(value)) + struct.pack(f"<{len(value)}{code}", *value)
    number, code = KINDS[kind]
    return struct.pack("<I", number) + struct.pack("<" + code, value)


def gguf(pairs, tensors=(), alignment=32):
    """pairs: (key, kind, value); tensors: (name, dimensions with the contiguous one first, type, data)."""
    infos = data = b""
    for name, dimensions, number, content in tensors:
        infos += text(name) + struct.pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, number, len(data))
        data += content + bytes(-len(content) % alignment)
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs))
    header += b"".join(text(key) + value_of(kind, value) for key, kind, value in pairs) + infos
    return header + (bytes(-len(header) % alignment) + data if data else b"")


def model_pairs(architecture, more=()):
    return [("general.architecture", "text", architecture), ("general.alignment", "u32", 32)] + [
        (f"{architecture}.{key}", kind, value) for key, kind, value in [
            ("block_count", "u32", 1), ("context_length", "u32", 512), ("embedding_length", "u32", 8),
            ("feed_forward_length", "u32", 16), ("attention.head_count", "u32", 2),
            ("attention.head_count_kv", "u32", 1), ("rope.freq_base", "f32", 10000.0),
            ("attention.layer_norm_rms_epsilon", "f32", 1e-5), *more]]


def write_gguf():
    spm = [("tokenizer.ggml.model", "text", "llama"),
           ("tokenizer.ggml.tokens", "[text]",
            ["<unk>", "<s>", "</s>", "<0x0A>", "\u2581", "l", "o", "lo", "\u2581lo"]),
           ("tokenizer.ggml.scores", "[f32]", [0, 0, 0, 0, -1, -2, -3, -4, -5]),
           ("tokenizer.ggml.token_type", "[i32]", [2, 3, 3, 6, 1, 1, 1, 1, 1]),
           ("tokenizer.ggml.bos_token_id", "u32", 1), ("tokenizer.ggml.eos_token_id", "u32", 2)]
    bpe = [("tokenizer.ggml.model", "text", "gpt2"), ("tokenizer.ggml.pre", "text", "qwen2"),
           ("tokenizer.ggml.tokens", "[text]", ["l", "o", "\u0120", "lo", "\u0120lo", "<|im_end|>", "<|im_start|>"]),
           ("tokenizer.ggml.token_type", "[i32]", [1, 1, 1, 1, 1, 3, 4]),
           ("tokenizer.ggml.merges", "[text]", ["l o", "\u0120 lo"]), ("tokenizer.ggml.add_bos_token", "bool", False),
           ("tokenizer.ggml.eos_token_id", "u32", 5),
           ("tokenizer.chat_template", "text",
            "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + "
            "'<|im_end|>\\n' }}{% endfor %}")]
    ones = struct.pack("<2f", 1, 2)
    table = ("token_embd.weight", (8, 9), 0, bytes(8 * 9 * 4))
    llama3 = [("rope.scaling.original_context_length", "u32", 256), ("vocab_size", "u32", 9)]
    write("gguf", "llama", gguf(model_pairs("llama", llama3) + spm, [table, ("rope_freqs.weight", (2,), 0, ones)]))
    scaling = [("rope.scaling.type", "text", "yarn"), ("rope.scaling.factor", "f32", 4.0),
               ("rope.scaling.original_context_length", "u32", 128)]
    write("gguf", "qwen2", gguf(model_pairs("qwen2", scaling) + bpe,
                                [table, ("output.weight", (32, 2), 8, struct.pack("<H", 0x3C00) + bytes(66))]))
    longrope = [("rope.scaling.original_context_length", "u32", 64), ("attention.sliding_window", "u32", 600)]
    write("gguf", "phi3", gguf(model_pairs("phi3", longrope),
                               [table, ("rope_factors_short.weight", (2,), 0, ones),
                                ("rope_factors_long.weight", (2,), 0, ones)]))
    pre_types = [(f"k.{kind}", kind, 1) for kind in KINDS]
    arrays = [("k.[u64]", "[u64]", [1, 1 << 63]), ("k.[f64]", "[f64]", [1.5]), ("k.[bool]", "[bool]", [True])]
    blocks = [(f"t{number}", (elements,), number, bytes(size)) for number, elements, size in [
        (1, 4, 8), (30, 4, 8), (2, 32, 18), (3, 32, 20), (6, 32, 22), (7, 32, 24), (12, 256, 144), (13, 256, 176),
        (14, 256, 210)]]
    write("gguf", "types", gguf([*pre_types, *arrays], blocks))
    write("gguf", "vocabulary", gguf(spm))
    nan = struct.pack("<H", 0x7E00) + bytes(32)
    write("gguf", "broken-nan-scale", gguf(model_pairs("llama"), [("token_embd.weight", (32, 1), 8, nan)]))
    write("gguf", "broken-counts", b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60) + bytes(64))


# --- tokenizer.json, a text, tokenizer_config.json


def byte_entry(byte):
    """The character that byte-level BPE writes for a byte (GPT-2, encoder.py)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    if byte in plain:
        return chr(byte)
    return chr(256 + [other for other in range(256) if other not in plain].index(byte))


def added(number, content, **flags):
    return {"id": number, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True, **flags}


def split(pattern, **more):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False, **more}


def bos(number, content):
    return {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": content, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [], "special_tokens": {content: {"id": content, "ids": [number], "tokens": [content]}}}


def replace(what, by):
    return {"type": "Replace", "pattern": {"String": what}, "content": by}


def write_tokenizers():
    letters = [byte_entry(byte) for byte in b" Hdelorw,\n12"]
    vocabulary = {entry: number for number, entry in enumerate([*letters, "lo", "el", "\u0120w"])}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    regex = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
             r"\s+(?!\S)|\s+")
    tokenizer = {
        "added_tokens": [added(20, "<s>"), added(21, "<a b>", special=False, normalized=True, lstrip=True, rstrip=True,
                                                 single_word=True)],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split(regex), byte_level]},
        "post_processor": {"type": "Sequence", "processors": [byte_level, bos(20, "<s>")]}, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": True,
                  "vocab": vocabulary, "merges": [["l", "o"], ["e", "l"], ["\u0120", "w"]]}}
    config = {"add_bos_token": True, "bos_token": {"content": "<s>"}}
    write("tokenizer_json", "byte-level",
          compact(tokenizer) + BORDER + "Hello world,\n 12<s> 's\u00e9".encode() + BORDER + compact(config))

    digits = {"type": "Digits", "individual_digits": True}
    tokenizer["pre_tokenizer"]["pretokenizers"] = [
        digits, {"type": "Punctuation", "behavior": "Contiguous"}, split("l+", behavior="MergedWithNext", invert=True),
        {**byte_level, "add_prefix_space": True, "use_regex": True}]
    tokenizer["model"]["merges"] = ["l o", "e l"]
    tokenizer["normalizer"] = tokenizer["post_processor"] = None
    write("tokenizer_json", "splits", compact(tokenizer))

    entries = ["<unk>", "<s>", "<0x0A>", "\u2581", "l", "o", "lo", "\u2581lo", "<0xC3>", "<0xA9>"]
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    sentencepiece = {
        "added_tokens": [added(0, "<unk>"), added(1, "<s>", rstrip=True)],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"},
                                                           replace(" ", "\u2581")]},
        "pre_tokenizer": None, "post_processor": bos(1, "<s>"),
        "decoder": {"type": "Sequence", "decoders": [replace("\u2581", " "), {"type": "ByteFallback"}, {"type": "Fuse"},
                                                     strip]},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                  "vocab": {entry: number for number, entry in enumerate(entries)},
                  "merges": ["l o", "\u2581 lo"]}}
    write("tokenizer_json", "sentencepiece",
          compact(sentencepiece) + BORDER + "lo lo\u00e9 <s> x\n".encode())
    sentencepiece["normalizer"] = None
    sentencepiece["pre_tokenizer"] = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first",
                                      "split": True}
    sentencepiece["decoder"] = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": True}
    write("tokenizer_json", "metaspace",
          compact(sentencepiece) + BORDER + b"lo lo" + BORDER + b'{"add_bos_token":false}')
    write("tokenizer_json", "broken-id", '{"model":{"type":"BPE","vocab":{"a":1099511627776},"merges":[]}}')


# --- config.json, generation_config.json, gemring.json


def model(family, **more):
    return {"model_type": family, "num_hidden_layers": 4, "hidden_size": 64, "num_attention_heads": 4,
            "num_key_value_heads": 2, "intermediate_size": 96, "vocab_size": 300, "max_position_embeddings": 2048,
            "rms_norm_eps": 1e-5, "hidden_act": "silu", **more}


def write_configs():
    llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
              "original_max_position_embeddings": 128}
    config = model("llama", rope_theta=500000.0, rope_scaling=llama3, torch_dtype="bfloat16", eos_token_id=[1, 2],
                   attention_bias=False, mlp_bias=False, tie_word_embeddings=False, head_dim=16)
    write("config_json", "llama-3.1",
          compact(config) + BORDER + b'{"eos_token_id":[2,3],"do_sample":true}' + BORDER + b'{"filter_layer":1}')
    config = model("llama", rope_parameters={**llama3, "rope_theta": 1e6}, dtype="float32", tie_word_embeddings=True)
    write("config_json", "llama-newer", compact(config))
    longrope = {"type": "longrope", "short_factor": [1.0] * 4, "long_factor": [1, 2, 3.5, 8.0]}
    config = model("phi3", head_dim=8, rope_scaling=longrope, original_max_position_embeddings=512, sliding_window=4096)
    write("config_json", "phi3", compact(config))
    yarn = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512, "beta_fast": 32, "beta_slow": 1,
            "mscale": 1.0, "mscale_all_dim": 0.5, "truncate": False}
    config = model("qwen2", rope_scaling=yarn, use_sliding_window=True, max_window_layers=2, sliding_window=64)
    write("config_json", "qwen2-yarn", compact(config))
    kinds = ["sliding_attention", "full_attention"] * 2
    config = model("qwen3", layer_types=kinds, sliding_window=100, rope_scaling={"type": "linear", "factor": 2.0},
                   attention_bias=False, use_sliding_window=True)
    write("config_json", "qwen3-linear", compact(config))
    write("config_json", "mistral", compact(model("mistral", sliding_window=256, head_dim=32)))
    write("config_json", "broken-absurd-size", compact(model("llama", num_hidden_layers=2**31 - 1)))
    write("config_json", "broken-family", '{"model_type":"mamba"}')


# --- messages, a template


def messages(*pairs, **more):
    return {"messages": [{"role": role, "content": content} for role, content in pairs], **more}


def write_messages():
    loop = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + "
            "'<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
    talk = messages(("system", "be brief"), ("user", "hi <|im_end|>"), ("assistant", "<think>no</think>yes\u00e9"),
                    ("user", " again\n"), add_generation_prompt=True)
    write("chat_messages", "conversation", compact(talk) + BORDER + loop.encode())
    spelled = ("{#- the same -#}\n{%- for message in messages %}\n  {{- \"<|im_start|>\" }}{{ message.role }}\n"
               "{{ message.content | trim -}} {{ '<|im_end|>' + '\\n' }}\n{%- endfor -%}\n")
    write("chat_messages", "user", compact(messages(("user", "What?"))) + BORDER + spelled.encode())
    write("chat_messages", "escapes",
          r'{"messages":[{"role":"user","content":"a\n\u00e9\ud83d\ude00\\"},{"role":"assistant","content":""}]}')
    thinking = {"role": "assistant", "content": "b", "reasoning_content": "because"}
    write("chat_messages", "reasoning", compact({"messages": [{"role": "user", "content": "a"}, thinking]}))
    write("chat_messages", "broken-key", '{"messages":[{"role":"user","content":"a","name":"b"}]}')


# --- what users write: prompts of token ids, lines with a text, lines of --requests


def write_lines():
    write("token_ids", "ids", "[0, 1,2 , 999]\n")
    write("token_ids", "none", "[]")
    write("token_ids", "text", '{"ids": [1], "text": "a\\n\\u00e9"}')
    write("token_ids", "broken-id", "[1000]")
    write("token_ids", "broken-kind", '[1, "a", 1.5, null]')
    write("token_ids", "broken-depth", "[1," + 200 * "[" + 200 * "]" + "]")
    write("request_line", "prompt", compact({"id": "a\u00e9", "prompt": "p", "question": "q", "keep": 7, "pool": 3,
                                             "max_new_tokens": 5, "temperature": 0.5, "top_k": 4, "top_p": 0.25, "seed": 1}))
    write("request_line", "ids", compact({"prompt_ids": [1, 2, 999], "ignore_eos": True, "selection": "paper"}))
    write("request_line", "broken-field", '{"prompt":"p","colour":1}')
    write("request_line", "broken-kind", '{"prompt":"p","keep":"many"}')
    write("request_line", "broken-depth", '{"prompt":' + 200 * "[" + 200 * "]" + "}")


def write_api_requests():
    part = {"type": "text", "text": "p"}
    talk = {"messages": [{"role": "developer", "content": "s"}, {"role": "user", "content": [part, part]}],
            "max_completion_tokens": 5, "stream": True, "stream_options": {"include_usage": True}, "top_k": -1,
            "gemring": {"question": "q", "keep": 7, "method": "full", "return_kept": True}, "stop": ["a"], "tools": []}
    write("api_request", "chat", "c" + compact(talk).decode())
    write("api_request", "texts", "t" + compact({"prompt": ["a", "b"], "temperature": 0.5, "seed": 1}).decode())
    write("api_request", "ids", "t" + compact({"prompt": [[1, 2], [3]], "n": 1, "response_format": {"type": "text"}}).decode())
    write("api_request", "responses", "r" + compact({"input": [{"role": "user", "content": [part]}], "instructions": "s",
                                                     "text": {"format": {"type": "text"}}}).decode())
    write("api_request", "messages", "m" + compact({"messages": [{"role": "user", "content": "x"}], "max_tokens": 5,
                                                    "system": [part], "stop_sequences": ["a"]}).decode())
    write("api_request", "broken-role", 'c{"messages":[{"role":"tool","content":"x"}]}')
    write("api_request", "broken-part", 'c{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}')
    write("api_request", "broken-tools", 'c{"messages":[{"role":"user","content":"x"}],"tools":[{}]}')
    write("api_request", "broken-depth", 't{"prompt":' + 200 * "[" + 200 * "]" + "}")


def fnv1a(data):
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 & (1 << 64) - 1
    return struct.pack("<Q", value)


def write_index_files():
    """Two chunks of two tokens: keys of 8 bytes each, and the halos of 4 that the last one leaves."""
    head = (b"\x08\x01" + b"\x1a\x020x" + b"\x22\x01k" + b"\x2a\x03f32" + b"\x32\x03f32" + b"\x39" + bytes(8)
            + b"\x40\x02" + b"\x48\x08" + b"\x50\x04" + b"\x5a\x03abc" + b"\x60\x01" + b"\x7a\x04\x01\x02\x03\x04")
    records = [b"12345678", b"abcdefgh", b"halo"]
    whole = b"gemring index 1\n" + struct.pack("<Q", len(head)) + head + fnv1a(head)
    whole += b"".join(record + fnv1a(record) for record in records)
    write("index_file", "head", head)
    write("index_file", "file", whole)
    write("index_file", "broken-short", whole[:-3])
    write("index_file", "broken-long", whole + b"x")
    write("index_file", "broken-record", whole.replace(b"12345678", b"12345679"))
    write("index_file", "broken-head", whole.replace(b"abc", b"abd"))
    write("index_file", "broken-size", b"gemring index 1\n" + b"\xff" * 8 + head)
    write("index_file", "broken-sizes", head.replace(b"\x40\x02", b"\x40\x03"))
    write("index_file", "broken-format", b"\x08\x02")
    write("index_file", "broken-version", b"gemring index 2\n" + whole[16:])


if __name__ == "__main__":
    write_safetensors()
    write_gguf()
    write_tokenizers()
    write_configs()
    write_messages()
    write_lines()
    write_api_requests()
    write_index_files()
