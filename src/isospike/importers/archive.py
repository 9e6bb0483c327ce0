"""A torch.export archive, read without trusting it.

`torch.export.load` can run code from the file: it unpickles (sample inputs, tensor subclasses, custom objects),
evaluates shape expressions and guards as Python, writes names into Python that it runs, resolves any function that a
node names, and loads compiled libraries.  So only what is data is copied into a new archive (the graph, once every
name in it has been looked at, and plain tensors), and that one is loaded."""

import io
import json
import re
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from isospike import activations as _defines_their_operations  # noqa: F401
from isospike.errors import InvalidModel, first_line

_MODEL, _SAMPLES = "models/model.json", "data/sample_inputs/model.pt"
_TENSORS = {
    "data/weights/model_weights_config.json": "weight_",
    "data/constants/model_constants_config.json": "tensor_",
}

# Tensor operations, this package's own, arithmetic on sizes, and parts that run without gradients or casts; two of
# the first write files.
_OPERATION = re.compile(
    r"torch\.ops\.aten\.(?!save\b|from_file\b)(?!__)\w+\.(?!_)\w+|torch\.ops\.isospike\.staircase\.default"
    r"|torch\.ops\.higher_order\.wrap_with_(set_grad_enabled|autocast)|torch\.sym_\w+|_operator\.(add|sub|mul|truediv|floordiv|mod|neg|pow|eq|ne|lt|le|gt|ge|and_|or_)"
)
_SIZE = re.compile(
    r"(?:Symbol\('[su]\d+'(?:, \w+=True)*\)|Integer|Rational|Add|Mul|Pow|Max|Min|Mod|FloorDiv|[su]\d+|\d+|[-+*/(), ])*"
)
_NAME, _KEYS = re.compile(r"[\w.]*"), re.compile(r'[\w. ,"\[\]/-]*')
_CONTAINERS = (None, "builtins.tuple", "builtins.list", "builtins.dict")


def from_archive(path: Path) -> ExportedProgram:
    """The program in a .pt2 file.  Raises `InvalidModel` for a broken file and for one that holds more than data."""
    if not path.is_file():
        raise InvalidModel(f"`{path}` does not exist or is not a file.", remedy="Check the path.")
    try:
        return torch.export.load(_rewritten(str(path)))
    except InvalidModel as error:
        raise InvalidModel(
            f"`{path}` holds {error.what}, which could run code, so it was not loaded.",
            "Archives of plain tensors and PyTorch's own tensor operations (torch.ops.aten).",
            "If you trust it, load it in your own code and pass `package.module:factory`.",
        ) from error
    except Exception as error:  # the reader's and the deserialiser's errors share no base class
        raise InvalidModel(
            f"`{path}` cannot be read as a torch.export archive: {first_line(error)}",
            "Whole .pt2 files.",
            "Export it again with torch.export.save.",
        ) from error


def _rewritten(path: str) -> io.BytesIO:
    from torch.export.pt2_archive import PT2ArchiveReader, PT2ArchiveWriter  # here: the import takes two seconds

    buffer = io.BytesIO()
    with PT2ArchiveReader(path) as source, PT2ArchiveWriter(buffer) as copy:
        model = json.loads(source.read_bytes(_MODEL))
        _inspect(model)
        model["guards_code"] = []
        for entry in model["graph_module"]["module_call_graph"]:
            for spec in ("in_spec", "out_spec"):
                if entry["signature"]:
                    _inspect_structure(json.loads(entry["signature"][spec])[1])
        copy.write_bytes(_MODEL, json.dumps(model).encode())
        copy.write_bytes(_SAMPLES, b"")
        for name, prefix in _TENSORS.items():
            config = json.loads(source.read_bytes(name))
            _inspect(config)
            copy.write_bytes(name, json.dumps(config).encode())
            folder = name.rpartition("/")[0]
            for tensor in {entry["path_name"]: entry for entry in config["config"].values()}.values():
                if tensor["use_pickle"] or not tensor["path_name"].startswith(prefix):
                    raise InvalidModel(f"a pickled object (`{tensor['path_name']}`)")
                record = f"{folder}/{tensor['path_name']}"
                copy.write_bytes(record, source.read_bytes(record))
    buffer.seek(0)
    return buffer


def _inspect(tree: Any) -> None:
    """Look at every function and every shape expression that the graph names, and at the names."""
    if isinstance(tree, list):
        for item in tree:
            _inspect(item)
    elif isinstance(tree, dict):
        for key, item in tree.items():
            if key == "target" and isinstance(item, str) and not _OPERATION.fullmatch(item):
                raise InvalidModel(f"the operation `{item}`")
            if key == "expr_str" and not _SIZE.fullmatch(str(item)):
                raise InvalidModel(f"the expression `{item}`")
            if key.endswith(("name", "names")) and (
                bad := [name for name in _texts(item) if not _NAME.fullmatch(name)]
            ):
                raise InvalidModel(f"the name `{bad[0]}`")
            if key in ("as_operator", "as_custom_obj"):
                raise InvalidModel(f"the object `{item}`")
            _inspect(item)


def _texts(item: Any) -> list[str]:
    return [text for text in (item if isinstance(item, list) else [item]) if isinstance(text, str)]


def _inspect_structure(spec: dict[str, Any]) -> None:
    """Look at how inputs and outputs are nested: other containers, and enumerations, import the modules that define
    them; keys are names."""
    if spec["type"] not in _CONTAINERS or not _KEYS.fullmatch(spec["context"] or ""):
        raise InvalidModel(f"the container `{spec['type']}` of `{spec['context']}`")
    for child in spec["children_spec"]:
        _inspect_structure(child)
