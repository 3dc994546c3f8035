"""C declarations as types: what a function takes and returns. The only module that knows pycparser."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from pycparser import CParser, c_ast
from pycparser.c_parser import ParseError

from ontarget.harness.errors import BadPrototype, UnsupportedPrototype

# The names of <stdint.h>, <stddef.h> and <stdbool.h>; sizes are found in `layout`.
_HEADERS = """
typedef signed char int8_t; typedef unsigned char uint8_t; typedef short int16_t; typedef unsigned short uint16_t;
typedef int int32_t; typedef unsigned int uint32_t; typedef long long int64_t; typedef unsigned long long uint64_t;
typedef unsigned long size_t; typedef long ssize_t; typedef long ptrdiff_t; typedef long intptr_t;
typedef unsigned long uintptr_t; typedef long long intmax_t; typedef unsigned long long uintmax_t;
typedef _Bool bool; typedef int wchar_t;
"""

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)  # pycparser expects preprocessed text


class Scalar(StrEnum):
    """A C type that has a value of its own, or `void`."""

    VOID = "void"
    BOOL = "_Bool"
    CHAR = "char"
    SCHAR = "signed char"
    UCHAR = "unsigned char"
    SHORT = "short"
    USHORT = "unsigned short"
    INT = "int"
    UINT = "unsigned int"
    LONG = "long"
    ULONG = "unsigned long"
    LLONG = "long long"
    ULLONG = "unsigned long long"
    FLOAT = "float"
    DOUBLE = "double"


@dataclass(frozen=True)
class Pointer:
    """A pointer to a scalar, to another pointer, or to something whose inside is not known (None)."""

    to: "Scalar | Pointer | None"

    def __str__(self) -> str:
        return f"{self.to or 'struct'} *"


CType = Scalar | Pointer


@dataclass(frozen=True)
class Parameter:
    """`name` is "argument0" and so on where the prototype has none."""

    name: str
    type: CType


@dataclass(frozen=True, eq=False)
class Prototype:
    """A function as declared. `parse` gives the same object for the same text, so caches may go by identity."""

    function: str
    parameters: tuple[Parameter, ...]
    returns: CType


_SPELLINGS: dict[tuple[str, ...], Scalar] = {
    ("void",): Scalar.VOID,
    ("_Bool",): Scalar.BOOL,
    ("char",): Scalar.CHAR,
    ("char", "signed"): Scalar.SCHAR,
    ("char", "unsigned"): Scalar.UCHAR,
    ("short",): Scalar.SHORT,
    ("short", "unsigned"): Scalar.USHORT,
    (): Scalar.INT,
    ("unsigned",): Scalar.UINT,
    ("long",): Scalar.LONG,
    ("long", "unsigned"): Scalar.ULONG,
    ("long", "long"): Scalar.LLONG,
    ("long", "long", "unsigned"): Scalar.ULLONG,
    ("float",): Scalar.FLOAT,
    ("double",): Scalar.DOUBLE,
}


def _scalar(names: list[str], where: str) -> Scalar:
    """The type of some type specifiers, which C allows in any order."""
    words = sorted(names)
    if "int" in words:
        words.remove("int")
        if words != ["signed"] and "signed" in words:
            words.remove("signed")
    if words != ["char", "signed"] and "signed" in words:
        words.remove("signed")
    found = _SPELLINGS.get(tuple(words))
    if found is None:
        raise UnsupportedPrototype(
            f"{where} is `{' '.join(names)}`; integers, float, double and pointers can be passed, so wrap the function"
        )
    return found


class _Declarations:
    """The typedefs and functions of one C text."""

    def __init__(self, source: str) -> None:
        try:
            unit = CParser().parse(_HEADERS + _COMMENT.sub(" ", source), "<prototypes>")
        except ParseError as error:
            raise BadPrototype(f"expected C declarations that pycparser reads, found {error} in:\n{source}") from None
        self.types: dict[str, Any] = {}
        self.functions: dict[str, Any] = {}
        for node in unit.ext:
            if isinstance(node, c_ast.Typedef):
                self.types[node.name] = node.type
            elif isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.FuncDecl):
                self.functions[node.name] = node.type

    def resolve(self, node: Any, where: str) -> CType | None:
        """The type of a node; None for a struct or union (only pointers to it can be passed)."""
        if isinstance(node, c_ast.PtrDecl | c_ast.ArrayDecl):
            if self._is_function(node.type):
                raise UnsupportedPrototype(f"{where} is a pointer to a function: callbacks can't be passed to a device")
            return Pointer(self._pointee(node.type, where))
        if isinstance(node, c_ast.TypeDecl):
            return self.resolve(node.type, where)
        if isinstance(node, c_ast.Enum):
            return Scalar.INT
        if isinstance(node, c_ast.Struct | c_ast.Union):
            return None
        if isinstance(node, c_ast.IdentifierType):
            if len(node.names) == 1 and node.names[0] in self.types:
                return self.resolve(self.types[node.names[0]], where)
            return _scalar(node.names, where)
        if isinstance(node, c_ast.FuncDecl):
            raise UnsupportedPrototype(f"{where} is a function: callbacks can't be passed to a device")
        raise UnsupportedPrototype(f"{where} is a {type(node).__name__}, which can't be passed")

    def _is_function(self, node: Any) -> bool:
        while isinstance(node, c_ast.TypeDecl):
            node = node.type
        if isinstance(node, c_ast.IdentifierType) and len(node.names) == 1 and node.names[0] in self.types:
            return self._is_function(self.types[node.names[0]])
        return isinstance(node, c_ast.FuncDecl)

    def _pointee(self, node: Any, where: str) -> CType | None:
        try:
            return self.resolve(node, where)
        except UnsupportedPrototype:
            return None  # a pointer to what can't be passed can be passed, as an address

    def prototype(self, function: str) -> Prototype:
        declared = self.functions.get(function)
        if declared is None:
            known = ", ".join(sorted(self.functions)) or "none"
            raise BadPrototype(f"no function named {function!r} in the prototypes; they declare: {known}")
        parameters = []
        nodes = list(declared.args.params) if declared.args is not None else []
        for index, node in enumerate(nodes):
            if isinstance(node, c_ast.EllipsisParam):
                raise UnsupportedPrototype(f"{function} is variadic; wrap it in a function with fixed parameters")
            if isinstance(node, c_ast.ID):
                raise BadPrototype(f"parameter {index} of {function} has no type: `{node.name}` is not known")
            name = getattr(node, "name", None) or f"argument{index}"
            where = f"parameter {name!r} of {function}"
            found = self.resolve(node.type, where)
            if found is Scalar.VOID and len(nodes) == 1:
                break
            if found is None or found is Scalar.VOID:
                raise UnsupportedPrototype(f"{where} is a struct, union or void by value; pass a pointer")
            parameters.append(Parameter(name, found))
        returns = self.resolve(declared.type, f"the result of {function}")
        if returns is None:
            raise UnsupportedPrototype(f"the result of {function} is a struct or union by value; return a pointer")
        return Prototype(function, tuple(parameters), returns)


@lru_cache(maxsize=64)
def _declarations(source: str) -> _Declarations:
    return _Declarations(source)


@lru_cache(maxsize=1024)
def parse(source: str, function: str) -> Prototype:
    """The prototype of `function` in the C text `source`.

    Raises BadPrototype (no C, or no such function) and UnsupportedPrototype (struct by value, variadic, callback,
    long double), naming the parameter.
    """
    return _declarations(source).prototype(function)
