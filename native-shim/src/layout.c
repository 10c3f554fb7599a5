/* SPDX-License-Identifier: Apache-2.0
 *
 * wskshim_layout: prints the lists of ioctl.h and wskshim.h, with the values of the compiler that built the
 * library, for callers in other languages.
 */
#include "wskshim.h"

#include <stdio.h>

/* A line: a name and its numbers, and for a gate a text. */
typedef struct layout_line {
    const char* name;
    uint32_t count;
    uint32_t numbers[3];
    const char* text; /* NULL: none */
} layout_line;

#define STRUCTURE(type, size, fields) {#type, 1, {sizeof(type)}, NULL}, fields(FIELD, type)
#define FIELD(type, field)            {#type "." #field, 2, {offsetof(type, field), sizeof(((type*)0)->field)}, NULL},
#define CODE(name, function, method, access, in, out)                                                        \
    {"code.IOCTL_WSKB_" #name, 3, {IOCTL_WSKB_##name, WSKB_IN_##name, WSKB_OUT_##name}, NULL},
#define OPTION(name, number, type)                       {"option." #name, 2, {number, sizeof(type)}, NULL},
#define OPCODE(name, number, code, input, output)        {"constant." #name, 1, {number}, NULL},
#define CONSTANT(name, value)                            {"constant." #name, 1, {value}, NULL},
#define GATE(name, number, major, minor, build, product) {"gate." #name, 3, {major, minor, build}, product},

static const layout_line lines[] = {WSKSHIM_STRUCTURES(STRUCTURE) WSKB_STRUCTURES(STRUCTURE)
                                        WSKB_SOCKADDR_V4_FIELDS(FIELD, WSKB_SOCKADDR) WSKB_CONTROL_CODES(CODE)
                                            WSKB_OPTIONS(OPTION) WSKB_GATES(GATE) WSKB_CONSTANTS(CONSTANT)
                                                WSKSHIM_OPERATIONS(OPCODE) WSKSHIM_CONSTANTS(CONSTANT)};

static int32_t print(char* at, size_t room, const layout_line* line)
{
    const uint32_t* number = line->numbers;
    switch (line->count) {
    case 1:
        return snprintf(at, room, "%s=%u\n", line->name, number[0]);
    case 2:
        return snprintf(at, room, "%s=%u:%u\n", line->name, number[0], number[1]);
    default:
        return snprintf(at, room, "%s=%u:%u:%u%s%s\n", line->name, number[0], number[1], number[2],
                        line->text == NULL ? "" : ":", line->text == NULL ? "" : line->text);
    }
}

int32_t wskshim_layout(uint64_t text, int32_t length)
{
    char* out = (char*)(uintptr_t)text;
    int32_t total = 0;
    if (text == 0 || length < 0) {
        return WSKSHIM_STATUS_INVALID_PARAMETER;
    }
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        size_t room = total < length ? (size_t)(length - total) : 0;
        total += print(room == 0 ? NULL : out + total, room, &lines[i]);
    }
    return total;
}
