# SPDX-License-Identifier: Apache-2.0
"""Small changes to C sources, all of them written into one copy, where cekd_m(number) of mutant.h turns one on.

The tree is read by libclang. A change only puts text before and behind what stands there, so that changes can be nested
and lines keep their numbers.
"""

import collections
import json
import pathlib
import re
import shlex

import clang.cindex as clang
from clang.cindex import CursorKind as K

Mutant = collections.namedtuple("Mutant", "file line kind text function")

# What they do is judged by others: log lines by nobody, memory that is not given back by the sanitizers.
NOT_DROPPED = re.compile(r"log_\w+|assert\w*|free|\w+_free|\w+_free_unpacked|va_end|va_start|BIO_\w*free\w*")
LEAVES = {K.RETURN_STMT, K.GOTO_STMT, K.CONTINUE_STMT, K.BREAK_STMT}
RELATIONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
ASSIGNS = {"=", "+=", "-=", "|=", "&=", "^=", "<<=", ">>="}


class Source:
    """One file: finds its changes; written() is its text with them."""

    def __init__(self, path, name, arguments):
        self.name, self.data = name, pathlib.Path(path).read_bytes()
        options = clang.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD
        unit = clang.Index.create().parse(str(path), args=arguments, options=options)
        self.path = str(path)
        self.macros, self.found, self.function = [], [], ""
        for cursor in unit.cursor.get_children():
            if cursor.location.file is None or cursor.location.file.name != self.path:
                continue
            if cursor.kind == K.MACRO_INSTANTIATION:
                self.macros.append(self.span(cursor))
        for cursor in unit.cursor.get_children():
            if cursor.kind == K.FUNCTION_DECL and cursor.is_definition() and cursor.location.file.name == self.path:
                self.function = cursor.spelling
                self.walk(cursor, None)

    @staticmethod
    def span(cursor):
        return cursor.extent.start.offset, cursor.extent.end.offset

    def text(self, cursor):
        start, end = self.span(cursor)
        return self.data[start:end].decode()

    def plain(self, cursor):
        """Whether the source itself says it, and no macro."""
        start, end = self.span(cursor)
        return end > start and not any(a <= start and end <= b for a, b in self.macros)

    def operator(self, left, right):
        """The operator between two operands, "" if a macro is in the way."""
        between = self.data[self.span(left)[1]:self.span(right)[0]].decode()
        between = re.sub(r"/\*.*?\*/", " ", between, flags=re.S).replace("(", " ").replace(")", " ")
        return between.strip()

    def add(self, cursor, kind, *places):
        """places: (cursor, before, behind), with "@" for the question whether the change is in force."""
        if not all(self.plain(place[0]) for place in places):
            return
        line = cursor.extent.start.line
        text = " ".join(self.text(cursor).split())
        self.found.append((Mutant(self.name, line, kind, text[:100], self.function),
                           [(*self.span(place), before, behind) for place, before, behind in places]))

    def walk(self, cursor, parent):
        kind, children = cursor.kind, list(cursor.get_children())
        if kind == K.DECL_STMT and re.match(r"(static|enum|struct \w+ \{)", self.text(cursor)):
            return
        if kind == K.CXX_UNARY_EXPR:  # sizeof
            return
        if kind == K.VAR_DECL and cursor.type.kind in (clang.TypeKind.CONSTANTARRAY, clang.TypeKind.VARIABLEARRAY):
            children = [child for child in children if child.kind == K.INIT_LIST_EXPR]
        getattr(self, "at_" + kind.name.lower(), lambda *_: None)(cursor, children, parent)
        if kind == K.CASE_STMT:
            children = children[1:]
        for child in children:
            self.walk(child, cursor)
            if kind in (K.COMPOUND_STMT, K.CASE_STMT, K.DEFAULT_STMT) or (
                    kind == K.IF_STMT and child != children[0]):
                self.statement(child)

    def statement(self, cursor):
        """Dropped, if nothing but its effect is lost."""
        children = list(cursor.get_children())
        while cursor.kind == K.UNEXPOSED_EXPR and len(children) == 1:
            cursor, children = children[0], list(children[0].get_children())
        if cursor.kind == K.CALL_EXPR:
            if not NOT_DROPPED.fullmatch(cursor.spelling or "?"):
                self.drop(cursor)
        elif cursor.kind in (K.BINARY_OPERATOR, K.COMPOUND_ASSIGNMENT_OPERATOR) and len(children) == 2:
            if self.operator(*children) in ASSIGNS:
                self.drop(cursor)
        elif cursor.kind == K.UNARY_OPERATOR and re.search(r"\+\+|--", self.text(cursor)):
            self.drop(cursor)

    def drop(self, cursor):
        end = self.span(cursor)[1]
        rest = re.match(rb"\s*;", self.data[end:])
        if rest:
            self.add(cursor, "dropped", (cursor, "{ if (!@) ", None))
            if self.found and self.found[-1][1][0][3] is None:
                start, end, before, _ = self.found[-1][1][0]
                self.found[-1][1][0] = (start, end + rest.end(), before, " }")

    def at_if_stmt(self, cursor, children, parent):
        then = children[1]
        if then.kind == K.COMPOUND_STMT and list(then.get_children()):
            then = list(then.get_children())[-1]
        self.add(children[0], "negated", (children[0], "!!(", ") ^ @"))
        if len(children) == 2 and then.kind in LEAVES:
            self.add(children[0], "check dropped", (children[0], "(", ") && !@"))

    def at_conditional_operator(self, cursor, children, parent):
        self.add(children[0], "negated", (children[0], "(!!(", ") ^ @)"))

    def at_binary_operator(self, cursor, children, parent):
        if len(children) != 2:
            return
        operator = self.operator(*children)
        if operator in RELATIONS:
            self.relation(cursor, children, operator)
        elif operator in ("==", "!=") and (parent is None or parent.kind != K.IF_STMT):
            self.add(cursor, f"{operator} turned", (cursor, "((", ") ^ @)"))
        elif operator in ("&&", "||"):
            self.logic(cursor, children, operator)

    def bare(self, left, right):
        """Nothing but the operator stands between the two: no bracket belongs to one side."""
        between = self.data[self.span(left)[1]:self.span(right)[0]].decode()
        return "(" not in between and ")" not in between

    def relation(self, cursor, children, operator):
        """Each side is evaluated once, whatever it does; the operator goes into both branches."""
        left, right = children
        if not self.bare(left, right):
            return
        other = RELATIONS[operator]
        self.add(cursor, f"{operator} to {other}",
                 (cursor, "({ __auto_type cekd_l = (",
                  f") + 0; @ ? cekd_l {other} cekd_r : cekd_l {operator} cekd_r; }})"))
        if self.found and self.found[-1][0].kind == f"{operator} to {other}":
            self.found[-1][1].append((self.span(left)[1], self.span(right)[0], ") + 0; __auto_type cekd_r = (", None))

    def logic(self, cursor, children, operator):
        """a && b is !(!a || !b): both sides and the whole are turned."""
        other = "||" if operator == "&&" else "&&"
        left, right = children
        if not self.bare(left, right):
            return
        self.add(cursor, f"{operator} to {other}", (cursor, "((", ") ^ @)"), (left, "(!!(", ") ^ @)"),
                 (right, "(!!(", ") ^ @)"))

    def at_unary_operator(self, cursor, children, parent):
        if self.text(cursor).startswith("!") and (parent is None or parent.kind != K.IF_STMT):
            self.add(cursor, "! removed", (cursor, "((", ") ^ @)"))

    def at_integer_literal(self, cursor, children, parent):
        if parent is None or parent.kind in (K.RETURN_STMT, K.CASE_STMT, K.ARRAY_SUBSCRIPT_EXPR, K.INIT_LIST_EXPR):
            return
        if re.fullmatch(r"(0x[0-9a-fA-F]+|\d+)", self.text(cursor)):
            self.add(cursor, "one more", (cursor, "(", " + @)"))

    def at_return_stmt(self, cursor, children, parent):
        if len(children) != 1:
            return
        value, text = children[0], self.text(children[0])
        if text in ("true", "false"):
            start = self.span(value)[0]
            self.found.append((Mutant(self.name, cursor.extent.start.line, "return turned", f"return {text}",
                                      self.function), [(start, start + len(text), "(", " ^ @)")]))
        elif text == "0":
            self.add(cursor, "return -1", (value, "(", " - @)"))
        elif re.fullmatch(r"-E[A-Z0-9]+|-errno|log_origin\(.*\)", text):
            self.found.append((Mutant(self.name, cursor.extent.start.line, "return 0", f"return {text}",
                                      self.function), [(*self.span(value), "(@ ? 0 : (", "))")]))


def written(source, numbered):
    """The text with the changes [(number, places)]. What begins earlier or ends later stands outside."""
    before, behind, instead, spans = collections.defaultdict(list), collections.defaultdict(list), {}, []
    for number, places in numbered:
        for start, end, front, back in places:
            if back is None:
                instead[start] = (end, front)
            else:
                ask = f"cekd_m({number})"
                spans.append((start, end, front.replace("@", ask), back.replace("@", ask)))
    # Of two with the same place the one that was found first stands outside.
    spans.sort(key=lambda span: (span[0], -span[1]))
    for start, end, front, back in spans:
        before[start].append(front)
        behind[end].insert(0, back)
    text, at = [], 0
    for cut in sorted(set(before) | set(behind) | set(instead) | {len(source.data)}):
        if at < cut:
            text.append(source.data[at:cut].decode())
            at = cut
        text.extend(behind.get(cut, []))
        if cut in instead:
            at, between = instead[cut]
            text.append(between + "\n" * source.data[cut:at].decode().count("\n"))
        text.extend(before.get(cut, []))
    return "".join(text)


def read(root, build, folders, names=None):
    """Source of each C file of these folders that this build compiles."""
    root, sources, seen = pathlib.Path(root), [], set()
    for entry in json.loads((pathlib.Path(build) / "compile_commands.json").read_text()):
        path = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        if not path.is_relative_to(root) or path in seen:
            continue
        name = str(path.relative_to(root))
        if not name.startswith(tuple(folders)) or "/examples/" in name:
            continue
        seen.add(path)
        arguments = []
        for word in shlex.split(entry["command"]):
            if word.startswith(("-I", "-D", "-isystem")):
                if word.startswith("-I"):
                    word = "-I" + str((pathlib.Path(entry["directory"]) / word[2:]).resolve())
                arguments.append(word)
        sources.append(Source(path, name, arguments))
    return sorted(sources, key=lambda source: source.name)
