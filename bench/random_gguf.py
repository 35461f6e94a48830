"""A GGUF file with random weights of a shape (the JSON of bench/*.json), for timing programs that want a file. No
package needed. The values are small, but no model's: they are only good for timing. Format: ggml's docs/gguf.md."""

import os
import random
import struct

ALIGNMENT = 32
PIECE = 1 << 24  # bytes of random numbers at a time
U32, F32, STRING, ARRAY, I32 = 4, 6, 8, 9, 5  # GGUF's types of metadata values
PACKING = {U32: "<I", F32: "<f", I32: "<i"}
PLAIN_F32 = 0  # ggml's number of the type

# Of each type: ggml's number, llama.cpp's number of a file of them, elements and bytes of a block, and the f16
# numbers at its beginning (scales; q4_k has one for the minimums, which brings the mean to zero). Types
# without blocks have none.
TYPES = {
    "f16": (1, 1, 1, 2, ()),
    "bf16": (30, 32, 1, 2, ()),
    "q8_0": (8, 7, 32, 34, (3e-4,)),
    "q4_0": (2, 2, 32, 18, (4e-3,)),
    "q4_k": (12, 15, 256, 144, (1e-4, 7.5e-4)),
}
# High bytes of f16 and bf16 numbers: the random sign stays, exponents are such that 2^-7 <= |value| < 2^-5.
HIGH_BYTES = {
    "f16": bytes((byte & 0x87) | 0x20 for byte in range(256)),
    "bf16": bytes((byte & 0x80) | 0x3C for byte in range(256)),
}


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def value_bytes(kind, value):
    return text(value) if kind == STRING else struct.pack(PACKING[kind], value)


def metadata(shape, kind):
    """(key, type, value), lists as (key, type of the elements, list). The tokenizer is the least that
    readers accept."""
    head, vocabulary = shape["head_dim"], shape["vocab_size"]
    tokens = [b"<unk>", b"<s>", b"</s>"] + [b"<0x%02X>" % i for i in range(256)]
    tokens += [b"t%d" % i for i in range(vocabulary - len(tokens))]
    return [
        ("general.architecture", STRING, "llama"), ("general.file_type", U32, TYPES[kind][1]),
        ("llama.context_length", U32, shape["max_position_embeddings"]),
        ("llama.embedding_length", U32, shape["hidden_size"]), ("llama.block_count", U32, shape["num_hidden_layers"]),
        ("llama.feed_forward_length", U32, shape["intermediate_size"]),
        ("llama.attention.head_count", U32, shape["num_attention_heads"]),
        ("llama.attention.head_count_kv", U32, shape["num_key_value_heads"]),
        ("llama.attention.key_length", U32, head), ("llama.attention.value_length", U32, head),
        ("llama.attention.layer_norm_rms_epsilon", F32, shape["rms_norm_eps"]),
        ("llama.rope.freq_base", F32, shape["rope_theta"]), ("llama.rope.dimension_count", U32, head),
        ("llama.vocab_size", U32, vocabulary),
        ("tokenizer.ggml.model", STRING, "llama"), ("tokenizer.ggml.tokens", STRING, tokens),
        ("tokenizer.ggml.scores", F32, [0.0] * vocabulary),
        ("tokenizer.ggml.token_type", I32, [2, 3, 3] + [6] * 256 + [1] * (vocabulary - 259)),
        ("tokenizer.ggml.bos_token_id", U32, 1), ("tokenizer.ggml.eos_token_id", U32, 2),
    ]


def tensors(shape):
    """(name, rows, columns); rows None: a norm's vector, in f32."""
    hidden, ffn, head = shape["hidden_size"], shape["intermediate_size"], shape["head_dim"]
    query, key = shape["num_attention_heads"] * head, shape["num_key_value_heads"] * head
    listed = [("token_embd.weight", shape["vocab_size"], hidden), ("output.weight", shape["vocab_size"], hidden),
              ("output_norm.weight", None, hidden)]
    for layer in range(shape["num_hidden_layers"]):
        listed += [(f"blk.{layer}.{name}.weight", rows, columns) for name, rows, columns in (
            ("attn_norm", None, hidden), ("ffn_norm", None, hidden), ("attn_q", query, hidden), ("attn_k", key, hidden),
            ("attn_v", key, hidden), ("attn_output", hidden, query), ("ffn_gate", ffn, hidden), ("ffn_up", ffn, hidden),
            ("ffn_down", hidden, ffn))]
    return listed


def bytes_of(kind, rows, columns):
    if rows is None:
        return 4 * columns
    _, _, elements, size, _ = TYPES[kind]
    return rows * (columns // elements) * size


def padded(size):
    return -(-size // ALIGNMENT) * ALIGNMENT


def random_weights(kind, size, numbers):
    """`size` bytes of whole blocks, piece by piece."""
    _, _, _, block, scales = TYPES[kind]
    piece = PIECE // block * block
    for begin in range(0, size, piece):
        data = bytearray(numbers.randbytes(min(piece, size - begin)))
        if kind in HIGH_BYTES:
            data[1::2] = data[1::2].translate(HIGH_BYTES[kind])
        for place, byte in enumerate(struct.pack(f"<{len(scales)}e", *scales)):
            data[place::block] = bytes([byte]) * (len(data) // block)
        yield data


def header(shape, kind):
    listed, data = tensors(shape), metadata(shape, kind)
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(listed), len(data))]
    for key, value_type, value in data:
        if isinstance(value, list):
            parts += [text(key), struct.pack("<IIQ", ARRAY, value_type, len(value))]
            parts += [value_bytes(value_type, one) for one in value]
        else:
            parts += [text(key), struct.pack("<I", value_type), value_bytes(value_type, value)]
    offset = 0
    for name, rows, columns in listed:
        sizes = [columns] if rows is None else [columns, rows]
        number = PLAIN_F32 if rows is None else TYPES[kind][0]
        parts += [text(name), struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, number, offset)]
        offset += padded(bytes_of(kind, rows, columns))
    whole = b"".join(parts)
    return whole.ljust(padded(len(whole)), b"\0"), offset


def write(path, shape, kind):
    """Writes the file, unless it is there and has the size that it would have: the values are the same every time."""
    head, data_bytes = header(shape, kind)
    if os.path.exists(path) and os.path.getsize(path) == len(head) + data_bytes:
        return
    numbers = random.Random(1)
    with open(path + ".part", "wb") as file:
        file.write(head)
        for _, rows, columns in tensors(shape):
            size = bytes_of(kind, rows, columns)
            if rows is None:
                file.write(struct.pack("<f", 1.0) * columns)
            else:
                for piece in random_weights(kind, size, numbers):
                    file.write(piece)
            file.write(bytes(padded(size) - size))
    os.replace(path + ".part", path)
