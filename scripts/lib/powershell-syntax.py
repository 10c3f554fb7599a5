# SPDX-License-Identifier: Apache-2.0
"""Parses PowerShell with tree-sitter and prints where it does not. PowerShell itself runs no script here."""

import sys

import tree_sitter
import tree_sitter_powershell

# What the grammar takes but Windows PowerShell 5.1 does not: && and || between commands.
NEWER = "pipeline_chain_tail"


def faults(node):
    if node.is_error or node.is_missing:
        yield node, "a syntax error" if node.is_error else f"missing {node.type}"
    elif node.type == NEWER:
        yield node, f"newer than PowerShell 5.1: {node.text.decode()}"
    for child in node.children:
        yield from faults(child)


def main(names):
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    found = False
    for name in names:
        with open(name, "rb") as file:
            tree = parser.parse(file.read())
        for node, text in faults(tree.root_node):
            row, column = node.start_point
            print(f"{name}:{row + 1}:{column + 1}: {text}")
            found = True
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
