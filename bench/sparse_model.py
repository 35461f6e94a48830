"""A model of a given shape whose weights are holes: files of the right headers and sizes that take no disk space and
are written at once. Every weight is 0, and memory cannot tell."""

import json
import os
import struct

GGUF_NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
BF16, Q8_0 = 30, 8  # as GGUF numbers them


def tensors(shape):
    """(name without .weight, extents) of a Llama, in the order of a checkpoint."""
    hidden, ffn, head = shape["hidden_size"], shape["intermediate_size"], shape["head_dim"]
    q, kv, vocab = shape["num_attention_heads"] * head, shape["num_key_value_heads"] * head, shape["vocab_size"]
    yield "model.embed_tokens", (vocab, hidden)
    for layer in range(shape["num_hidden_layers"]):
        for name, extents in {"input_layernorm": (hidden,), "self_attn.q_proj": (q, hidden), "self_attn.k_proj": (kv, hidden),
                              "self_attn.v_proj": (kv, hidden), "self_attn.o_proj": (hidden, q),
                              "post_attention_layernorm": (hidden,), "mlp.gate_proj": (ffn, hidden),
                              "mlp.up_proj": (ffn, hidden), "mlp.down_proj": (hidden, ffn)}.items():
            yield f"model.layers.{layer}.{name}", extents
    yield "model.norm", (hidden,)
    yield "lm_head", (vocab, hidden)


def count(extents):
    return extents[0] * (extents[1] if len(extents) == 2 else 1)


def write_safetensors(shape, directory):
    """bf16. Returns the directory, as --model wants it."""
    header, offset = {}, 0
    for name, extents in tensors(shape):
        end = offset + 2 * count(extents)
        header[name + ".weight"] = {"dtype": "BF16", "shape": extents, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(directory, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(file.tell() + offset)
    with open(os.path.join(directory, "config.json"), "w", encoding="utf-8") as file:
        json.dump(shape, file)
    return directory


def gguf_name(name):
    if name in GGUF_NAMES:
        return GGUF_NAMES[name] + ".weight"
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{GGUF_NAMES[rest]}.weight"


def write_gguf(shape, path):
    """Matrices in Q8_0, norms in f32. Returns the path."""
    def text(words):
        return struct.pack("<Q", len(words)) + words.encode()

    numbers = {"block_count": "num_hidden_layers", "embedding_length": "hidden_size", "feed_forward_length": "intermediate_size",
               "attention.head_count": "num_attention_heads", "attention.head_count_kv": "num_key_value_heads",
               "attention.key_length": "head_dim", "attention.value_length": "head_dim",
               "context_length": "max_position_embeddings"}
    reals = {"attention.layer_norm_rms_epsilon": "rms_norm_eps", "rope.freq_base": "rope_theta"}
    pairs = [text("general.architecture") + struct.pack("<I", 8) + text("llama")]
    pairs += [text("llama." + key) + struct.pack("<II", 4, shape[source]) for key, source in numbers.items()]
    pairs += [text("llama." + key) + struct.pack("<If", 6, shape[source]) for key, source in reals.items()]
    infos, offset = [], 0
    for name, extents in tensors(shape):
        kind, size = (Q8_0, count(extents) // 32 * 34) if len(extents) == 2 else (0, 4 * count(extents))
        infos.append(text(gguf_name(name)) + struct.pack(f"<I{len(extents)}QIQ", len(extents), *reversed(extents), kind, offset))
        offset += (size + 31) // 32 * 32
    with open(path, "wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(pairs)) + b"".join(pairs) + b"".join(infos))
        file.write(bytes(-file.tell() % 32))
        file.truncate(file.tell() + offset)
    return path
