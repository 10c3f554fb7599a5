# SPDX-License-Identifier: Apache-2.0
"""Checks issue forms against GitHub's documented rules, and says what is wrong. GitHub itself shows no form that breaks one."""

import sys

import yaml

# What an element of each type must have among its attributes.
REQUIRED = {
    "markdown": {"value"},
    "textarea": {"label"},
    "input": {"label"},
    "dropdown": {"label", "options"},
    "checkboxes": {"label", "options"},
}
ALLOWED = {"type", "id", "attributes", "validations"}


def element_faults(element, ids):
    kind = element.get("type")
    if kind not in REQUIRED:
        yield f"there is no element of type {kind}"
        return
    lacking = REQUIRED[kind] - set(element.get("attributes", {}))
    if lacking:
        yield f"an element of type {kind} lacks {', '.join(sorted(lacking))}"
    if set(element) - ALLOWED:
        yield f"an element has {', '.join(sorted(set(element) - ALLOWED))}"
    if element.get("id") in ids:
        yield f"two elements have the id {element['id']}"
    if "id" in element:
        ids.add(element["id"])


def form_faults(form):
    for key in ("name", "description", "body"):
        if not form.get(key):
            yield f"{key} is missing"
    ids = set()
    for element in form.get("body") or []:
        yield from element_faults(element, ids)
    if not any(element.get("type") != "markdown" for element in form.get("body") or []):
        yield "nothing can be filled in"


def main(names):
    found = False
    for name in names:
        with open(name, encoding="utf-8") as file:
            form = yaml.safe_load(file)
        for fault in form_faults(form):
            print(f"{name}: {fault}")
            found = True
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
