"""Conversions: the reader of the packed embedder, by values, and what the verifications refuse."""

import struct

import numpy as np
import pytest

from rag.errors import ConversionError
from rag.models import convert_e5
from rag.models.catalogue import catalogue, find
from rag.models.convert_gguf import GenerationCheck, _compare, convert_gguf, verify_generator
from rag.models.folder import read_record
from rag.settings import load_settings

HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 32, 1, 2, 64, 16
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁a", "水", "～", "b"]


def block(values):
    """Q4_0 of 32 weights, written the slow way."""
    scale = np.float16(max(abs(min(values)), abs(max(values))) / 7 or 1)
    quants = [int(np.clip(round(v / float(scale)), -8, 7)) + 8 for v in values]
    packed = bytes(quants[j] | quants[j + 16] << 4 for j in range(16))
    return struct.pack("<e", scale) + packed, [float(scale) * (q - 8) for q in quants]


def e5_file(path, magic=b"E5S1"):
    """A whole file of a tiny model; returns the weights that it stands for, by name in the file."""
    random = np.random.default_rng(3)
    shapes = {
        "emb.word": len(PIECES) * HIDDEN, "emb.pos": POSITIONS * HIDDEN, "emb.type": 2 * HIDDEN,
        "emb.ln.w": HIDDEN, "emb.ln.b": HIDDEN,
    }  # fmt: skip
    square, wide = HIDDEN * HIDDEN, HIDDEN * INNER
    for name, size, bias in [
        ("q", square, HIDDEN), ("k", square, HIDDEN), ("v", square, HIDDEN), ("ao", square, HIDDEN),
        ("aln", HIDDEN, HIDDEN), ("fi", wide, INNER), ("fo", wide, HIDDEN), ("oln", HIDDEN, HIDDEN),
    ]:  # fmt: skip
        shapes |= {f"l0.{name}.w": size, f"l0.{name}.b": bias}
    quantised = {"emb.word"} | {f"l0.{n}.w" for n in ("q", "k", "v", "ao", "fi", "fo")}
    blob = b"".join(piece.encode() for piece in PIECES)
    offsets = np.cumsum([0] + [len(piece.encode()) for piece in PIECES])
    head = struct.pack(
        "<4sI7ifi", magic, 1, HIDDEN, LAYERS, HEADS, INNER, len(PIECES), POSITIONS, 2, 1e-12, 32
    )
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(blob))
    head += offsets.astype("<u4").tobytes() + np.full(len(PIECES), -2.0, "<f4").tobytes() + blob
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0x3000, 1, 0x20)
    directory = sum(2 + len(name) + 21 for name in shapes)
    at = len(head) + 4 + directory
    listing, body, weights = struct.pack("<i", len(shapes)), b"", {}
    for name, count in shapes.items():
        values = random.normal(size=count).astype(np.float32)
        if name in quantised:
            pairs = [block(values[i : i + 32].tolist()) for i in range(0, count, 32)]
            data = b"".join(packed for packed, _ in pairs)
            weights[name] = np.array([v for _, own in pairs for v in own], np.float32)
        else:
            data, weights[name] = values.tobytes(), values
        listing += struct.pack("<H", len(name)) + name.encode()
        listing += struct.pack("<BIQQ", name in quantised, count, at + len(body), len(data))
        body += data
    path.write_bytes(head + listing + body)
    return weights


def test_every_weight_and_piece_is_read(tmp_path):
    weights = e5_file(tmp_path / "tiny.bin")
    file = convert_e5.read_e5(tmp_path / "tiny.bin")
    assert (file.hidden, file.layers, file.positions) == (HIDDEN, LAYERS, POSITIONS)
    assert [piece for piece, _ in file.pieces] == PIECES
    assert len(file.tensors) == len(weights)
    np.testing.assert_array_equal(file.tensors["embeddings.word_embeddings.weight"], weights["emb.word"])
    query = file.tensors["encoder.layer.0.attention.self.query.weight"]
    np.testing.assert_allclose(query, weights["l0.q.w"], rtol=1e-6)
    np.testing.assert_array_equal(file.tensors["encoder.layer.0.output.LayerNorm.bias"], weights["l0.oln.b"])


def test_the_folder_gives_what_the_weights_give(tmp_path, monkeypatch):
    """Against a forward pass written out in numpy."""
    import torch
    from sentence_transformers import SentenceTransformer

    w = e5_file(tmp_path / "tiny.bin")
    monkeypatch.setattr(convert_e5, "verify_e5", lambda folder: 1.0)
    folder = tmp_path / "folder"
    folder.mkdir()
    convert_e5.convert_e5(tmp_path / "tiny.bin", folder)
    model = SentenceTransformer(
        str(folder), device="cpu", local_files_only=True, model_kwargs={"dtype": torch.float32}
    )
    assert model.prompts["query"] == "query: "
    ids = [0, 5, 4, 6, 7, 2]  # "a 水～"
    assert model.tokenizer("a 水～")["input_ids"] == ids

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * w[f"{name}.w"] + w[f"{name}.b"]

    def linear(x, name):
        return x @ w[f"{name}.w"].reshape(-1, x.shape[1]).T + w[f"{name}.b"]

    x = w["emb.word"].reshape(-1, HIDDEN)[ids] + w["emb.pos"].reshape(-1, HIDDEN)[: len(ids)]
    x = norm(x + w["emb.type"][:HIDDEN], "emb.ln")
    width, mixed = HIDDEN // HEADS, []
    q, k, v = (linear(x, f"l0.{name}") for name in "qkv")
    for head in range(HEADS):
        own = slice(head * width, (head + 1) * width)
        scores = np.exp(q[:, own] @ k[:, own].T / np.sqrt(width))
        mixed.append(scores / scores.sum(1, keepdims=True) @ v[:, own])
    x = norm(x + linear(np.concatenate(mixed, 1), "l0.ao"), "l0.aln")
    inner = torch.nn.functional.gelu(torch.tensor(linear(x, "l0.fi"))).numpy()
    x = norm(x + linear(inner, "l0.fo"), "l0.oln")
    want = x.mean(0) / np.linalg.norm(x.mean(0))
    np.testing.assert_allclose(model.encode("a 水～", prompt=""), want, atol=2e-3)


def test_the_tokenizer_composes_and_folds_but_keeps_the_fullwidth_tilde(tmp_path):
    e5_file(tmp_path / "tiny.bin")
    tokenizer = convert_e5._tokenizer(convert_e5.read_e5(tmp_path / "tiny.bin"))
    assert tokenizer.encode("ａ\u3000水").tokens == ["<s>", "▁a", "▁", "水", "</s>"]
    assert tokenizer.normalizer.normalize_str("10～20 ① ﾊﾝ e\u0301") == "10～20 1 ハン é"


@pytest.mark.parametrize("damage", ["magic", "cut", "tensor"])
def test_a_damaged_file(tmp_path, damage):
    path = tmp_path / "tiny.bin"
    e5_file(path, b"NOPE" if damage == "magic" else b"E5S1")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:400])
    if damage == "tensor":
        path.write_bytes(path.read_bytes().replace(b"l0.q.w", b"l0.z.w"))
    with pytest.raises(ConversionError):
        convert_e5.read_e5(path)


def test_other_values_are_refused(tmp_path, monkeypatch):
    """A model that loads but is not the right one must not pass."""
    e5_file(tmp_path / "tiny.bin")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConversionError, match="dimensions"):
        convert_e5.convert_e5(tmp_path / "tiny.bin", tmp_path / "folder")


def test_log_probabilities_must_agree():
    _compare([-1.0, -2.0], [-1.05, -2.05])
    with pytest.raises(ConversionError, match="nats"):
        _compare([-1.0, -2.0], [-1.0, -3.0])
    with pytest.raises(ConversionError, match="nats"):
        _compare([-1.0, float("nan")], [-1.0, -3.0])
    with pytest.raises(ConversionError, match="tokens"):
        _compare([-1.0], [-1.0, -3.0])


def test_what_is_not_gguf_is_refused(tmp_path):
    (tmp_path / "x.gguf").write_bytes(b"GGUF" + bytes(200))
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConversionError, match="could not be converted"):
        convert_gguf(tmp_path / "x.gguf", tmp_path / "folder", None)


@pytest.mark.models
def test_known_values_of_the_smallest_generator():
    settings = load_settings()
    entry = find("smollm2-135m-instruct")
    folder = settings.models_dir / entry.name
    if read_record(folder) is None:
        pytest.skip(f"{entry.name} is not on this machine: `citewell model pull {entry.name}`")
    verify_generator(folder, entry.check)
    other = next(each for each in catalogue() if each.name.startswith("qwen2.5-coder-1.5b"))
    with pytest.raises(ConversionError):
        verify_generator(folder, other.check)
    wrong = GenerationCheck(entry.check.text, entry.check.logprobs, entry.check.prompt, " London.")
    with pytest.raises(ConversionError, match="continues"):
        verify_generator(folder, wrong)
